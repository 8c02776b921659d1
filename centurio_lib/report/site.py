"""The report's files from its content: one page with everything, a page for each executed notebook, what they load.

`render` returns text by file name and writes nothing; `write` puts all of it into a folder, in place of what was there.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

from centurio_lib import params, paths, storage
from centurio_lib.findings import claims, table_formats
from centurio_lib.report import cells, gallery, pages

TEMPLATES = Path(__file__).parent
WIDGET = ["dist/js/tabulator.min.js", "dist/css/tabulator.min.css"]  # of npm's tabulator-tables
LOADED = ["report.css", "report.js"]
PARTS = ["assets", "figures", "images", "notebooks"]  # folders of the report
FINDINGS = "20"  # number of the first notebook that draws findings
FIELDS = ["setup", "seed", "split", "signature", "n", "cells", "cause"]  # of the failure signatures, as they are shown


class Figure(NamedTuple):
    """A figure that a notebook drew: the files of its name, and the notebook."""

    name: str
    notebook: str
    files: list[str]


class Verdict(NamedTuple):
    """What some scores say to one claim: the verdict, and a line for each of its parts."""

    verdict: str
    parts: list[str]


class Judged(NamedTuple):
    """A claim and the verdicts on it, in the order of the columns."""

    claim: str
    source: str
    verdicts: list[Verdict]


class Content(NamedTuple):
    """Everything that the report shows. `parts` is of `claims.verdicts`, `signatures` of `signatures.of_runs`."""

    profile: str
    seeds: int
    setups: list[params.Setup]
    cells: pd.DataFrame  # of `cells.rows`
    cards: list[gallery.Card]
    claims: claims.Claims
    parts: pd.DataFrame
    signatures: pd.DataFrame
    figures: list[Figure]
    notebooks: list[pages.Page]


def drawn(profile: str) -> list[Figure]:
    """Figures of figures/<profile>, findings first. Raises FileNotFoundError where there is none."""
    folder = paths.figures(profile)
    found = [Figure(record.stem, storage.read_json(record)["notebook"],
                    [path.name for path in sorted(folder.glob(f"{record.stem}.*"))])
             for record in sorted(folder.glob("*.json"))]
    if not found:
        raise FileNotFoundError(f"{folder} holds no figure: `make figures PROFILE={profile}` draws them")
    return sorted(found, key=lambda one: (one.notebook < FINDINGS, one.notebook, one.name))


def table(profile: str, name: str) -> pd.DataFrame:
    """A stored table of figures/<profile>. Raises FileNotFoundError saying which command draws it."""
    path = paths.figures(profile) / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: `make figures PROFILE={profile}` makes it")
    return pd.read_csv(path, keep_default_na=False, na_values={"value": "", "low": "", "high": ""})


def columns(parts: pd.DataFrame) -> list[tuple[str, str]]:
    """Whose scores, and on which split: the columns of the table of claims."""
    return list(dict.fromkeys(zip(parts["where"], parts.split, strict=True)))


def judged(rules: claims.Claims, parts: pd.DataFrame) -> list[Judged]:
    """The table of claims. Raises ValueError for a claim that `parts` lacks."""
    found = []
    for name, claim in rules.claims.items():
        if name not in set(parts.claim):
            raise ValueError(f"claims.csv has no verdict on {name!r}: run notebook 40_claims again")
        verdicts = []
        for where, split in columns(parts):
            own = parts[(parts["where"] == where) & (parts.split == split) & (parts.claim == name)]
            # another split holds what it is about
            verdict = table_formats.MISSING if own.empty else claims.whole(own.verdict)
            verdicts.append(Verdict(verdict, [_line(row) for row in own.itertuples()]))
        found.append(Judged(claim.claim, claim.source, verdicts))
    return found


def _line(row) -> str:
    effect = "" if pd.isna(row.value) else f" {table_formats.sure(row.value, row.low, row.high, signed=True)}"
    return f"{row.compares}: {row.verdict}{effect}" + (f" ({row.why})" if row.why else "")


def render(content: Content) -> dict[str, str]:
    """Text of every page and script of the report, by file name."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    files = {"index.html": environment.get_template("index.html.j2").render(
        content._asdict(), columns=columns(content.parts), judged=judged(content.claims, content.parts),
        image_file=image_file, rows=len(content.cells))}
    frame = environment.get_template("notebook.html.j2")
    files |= {f"notebooks/{page.name}.html": frame.render(page=page, profile=content.profile)
              for page in content.notebooks}
    files["assets/data.js"] = cells.script(CELLS=content.cells, SIGNATURES=content.signatures[FIELDS])
    return files | {f"assets/{name}": (TEMPLATES / name).read_text(encoding="utf-8") for name in LOADED}


def image_file(image_id: str) -> str:
    """File of a picture in the report, from its id."""
    kind = "jpg" if image_id.startswith("ocr/") else "png"  # documents are kept as photographs are
    return f"images/{image_id.replace('/', '-')}.{kind}"


def everything(files: Mapping[str, str], cards: list[gallery.Card]) -> dict[str, str]:
    """All text that the pages may show, by language code: what fonts have to be there for."""
    return gallery.texts(cards) | {"": "".join(files.values())}


def write(folder: Path, files: Mapping[str, str | bytes], profile: str) -> Path:
    """Write the report into a folder, with a copy of the figures that it shows and of the published ones.

    Returns its page, which is written last.
    """
    for part in PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    for name in (profile, "published"):
        if paths.figures(name).exists():
            shutil.copytree(paths.figures(name), folder / "figures" / name)
    for name, content in sorted(files.items(), key=lambda item: item[0] == "index.html"):
        with storage.atomic(folder / name) as temporary:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "index.html"
