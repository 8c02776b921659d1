"""Files of the report: one main page, one page for each notebook, and scripts, styles and fonts.

`render` returns text by file name and writes nothing; `write` replaces the content of a folder by these files.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd

from centurio_lib import image_file, params, storage
from centurio_lib.data.sources import packages
from centurio_lib.report import answers, cells, pages, questions, webfonts

TEMPLATES = Path(__file__).parent
WIDGET = ["dist/js/tabulator.min.js", "dist/css/tabulator.min.css"]  # files of npm's tabulator-tables
# what a page may load: its own files and pictures within it; it runs no script that stands in it, and asks no address
POLICY = ("default-src 'none'; img-src 'self' file: data:; font-src 'self' file:; style-src 'self' file: "
          "'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src ")
OWN_SCRIPTS, NO_SCRIPTS = POLICY + "'self' file:", POLICY + "'none'"
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")  # characters that a file name or an address may not take as they are
FOLDERS = ["assets", "figures", "images", "notebooks"]


class Content(NamedTuple):
    """Contents of the report.

    `cells` comes from `cells.rows`, `signatures` from `failure_modes`. `untested`: claims outside the questions of the
    profile. `figures`: figures that belong to no question.
    """

    profile: str
    seeds: int
    setups: list[params.Setup]
    questions: list[questions.Question]
    untested: questions.Verdicts
    figures: list[questions.Figure]
    cells: pd.DataFrame
    signatures: pd.DataFrame
    items: list[answers.Item]
    notebooks: list[pages.Page]
    published: bool  # whether figures of the paper's numbers exist


def render(content: Content) -> dict[str, str]:
    """Text of every page and script of the report, by file name."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    frame = environment.get_template("notebook.html.j2")
    files = {f"notebooks/{page.name}.html": frame.render(page=page, profile=content.profile, policy=NO_SCRIPTS)
             for page in content.notebooks}
    files["index.html"] = environment.get_template("index.html.j2").render(
        content._asdict(), splits=questions.SPLITS, policy=OWN_SCRIPTS)
    files["assets/data.js"] = data(content)
    return files | {f"assets/{name}": (TEMPLATES / name).read_text(encoding="utf-8")
                    for name in ("report.css", "report.js")}


def data(content: Content) -> str:
    """Script with the cells and answers that the page shows."""
    return cells.constants(CELLS=cells.columnar(content.cells), SETUPS=[setup.name for setup in content.setups],
                           ITEMS=[item._asdict() for item in content.items])


def image_files(pictures: Mapping[str, bytes]) -> dict[str, str]:
    """File of each picture in the report, by id."""
    return {image_id: f"images/{number:04d}-{UNSAFE.sub('-', image_id)[-80:]}.{image_file.kind(content, image_id)}"
            for number, (image_id, content) in enumerate(pictures.items())}


def loaded(files: Mapping[str, str], items: Iterable[answers.Item]) -> tuple[dict[str, bytes], str]:
    """Fonts and the table widget of some pages, and the characters that no font holds."""
    fonts, without = webfonts.stylesheet(answers.texts(items) | {"": "".join(files.values())})
    widget = packages.read("tabulator-tables", lambda name: name in WIDGET)
    return ({f"assets/{name}": content for name, content in fonts.items()}
            | {f"assets/{name.split('/')[-1]}": content for name, content in widget.items()}, without)


def write(folder: Path, files: Mapping[str, str | bytes], figures: Mapping[str, Path]) -> Path:
    """Write the report into a folder, with copies of folders of figures under given names.

    Returns the main page, which is written last.
    """
    for part in FOLDERS:
        shutil.rmtree(folder / part, ignore_errors=True)
    for name, source in figures.items():
        if source.exists():
            shutil.copytree(source, folder / "figures" / name, ignore=_no_figure)
    for name, content in sorted(files.items(), key=lambda item: item[0] == "index.html"):
        with storage.atomic(folder / name) as temporary:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "index.html"


def _no_figure(folder: str, names: list[str]) -> list[str]:
    """Files that are no figures: tables of scores, and links, which may lead out of a copied folder."""
    return [name for name in names if name.endswith(".parquet") or Path(folder, name).is_symlink()]
