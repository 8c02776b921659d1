"""Files of figures and tables: each figure has its table and a provenance record beside it.

The same tables give the same bytes, since no file depends on the time.
"""

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from centurio_lib import paths, storage
from centurio_lib.findings import looks, table_formats

KINDS = ["pdf", "png", "csv", "json"]  # files of a figure, the record last
UNDATED = {"pdf": {"CreationDate": None}, "png": {"Software": None}}


class Record(NamedTuple):
    """Provenance of a notebook's figures and tables, and their folder.

    `key` is the digest of the run's key; `inputs` holds the sha256 of each file, named from the repository or home on.
    """

    folder: Path
    notebook: str
    params: dict
    key: str
    inputs: dict[str, str]


def digests(files: list[Path]) -> dict[str, str]:
    """sha256 of some files by their path within the repository or home. Raises ValueError for a file of neither."""
    return {_relative(path): storage.file_digest(path) for path in files}


def stated(record: Record) -> dict:
    """A record as it is stored beside a figure."""
    return {name: value for name, value in record._asdict().items() if name != "folder"}


def save_figure(figure: Figure, table: pd.DataFrame, record: Record, name: str) -> Path:
    """Write <name>.pdf, .png, the .csv that the figure is drawn from, and last the .json of its record."""
    write_csv(table, record, name)
    with mpl.rc_context(looks.STYLE):
        for kind, metadata in UNDATED.items():
            with storage.atomic(record.folder / f"{name}.{kind}") as temporary:
                figure.savefig(temporary, format=kind, metadata=metadata)
    return storage.write_json(record.folder / f"{name}.json", stated(record))


def save_table(tidy: pd.DataFrame, shown: pd.DataFrame, record: Record, name: str, caption: str) -> None:
    """Write <name>.csv of a tidy table, and .md and .tex of the one that readers see."""
    write_csv(tidy, record, name)
    if "why" in tidy and {"low", "high"} <= set(tidy) and "verdict" not in tidy:
        caption = f"{caption}. {table_formats.note(tidy)}".rstrip(". ") + "."
    said = f"{table_formats.in_markdown(caption)}\n\n{table_formats.markdown(shown)}"
    storage.write_text(record.folder / f"{name}.md", said)
    storage.write_text(record.folder / f"{name}.tex", table_formats.latex(shown, caption))


def write_csv(tidy: pd.DataFrame, record: Record, name: str) -> Path:
    """Write <name>.csv."""
    return storage.write_text(record.folder / f"{name}.csv", table_formats.csv(tidy))


def current(record: Record, name: str) -> bool:
    """Say whether a figure and all its files exist and come from the present code and inputs."""
    files = [record.folder / f"{name}.{kind}" for kind in KINDS]
    return all(file.exists() for file in files) and storage.read_json(files[-1]) == stated(record)


def _relative(path: Path) -> str:
    root = next((root for root in (paths.HOME, paths.REPO) if Path(path).is_relative_to(root)), None)
    if root is None:
        raise ValueError(f"{path} is neither in {paths.HOME} nor in {paths.REPO}: its record would name no file")
    return Path(path).relative_to(root).as_posix()
