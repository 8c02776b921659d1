"""Sizes of what the hub and others publish, for a plan that is made without a network: `sizes.csv`.

`kind`: "data" (rows of catalogue.csv), "images" (archives.csv), "model" or "benchmark". `files`, `rows` and `gb` are of
the whole; an empty cell is not known. `seen`: "files" (a public page with names and sizes of the files), "rows" (a page
with the number of rows) or "memory". `note`: what has to be done or known before. Where the hub is reachable its own
list of files counts.
"""

import csv
import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE_GB = 0.6  # of a parquet file, where their number is not known (The Cauldron's have 0.5 to 0.7)
PATH = Path(__file__).parent / "sizes.csv"


class Size(NamedTuple):
    """A row of sizes.csv; see the module's docstring."""

    kind: str
    name: str
    files: int | None
    rows: int | None
    gb: float | None
    seen: str
    note: str


@cache
def known() -> dict[tuple[str, str], Size]:
    """Every row by kind and name."""
    with PATH.open(encoding="utf-8", newline="") as file:
        return {(row["kind"], row["name"]): Size(row["kind"], row["name"], _number(row["files"], int),
                                                 _number(row["rows"], int), _number(row["gb"], float), row["seen"],
                                                 row["note"])
                for row in csv.DictReader(file)}


def of(kind: str, name: str) -> Size:
    """The size of something; unknown for what is not listed."""
    return known().get((kind, name), Size(kind, name, None, None, None, "no", ""))


def first_files(files: int, rows: int | None, limit: int | None, groups: int = 1) -> int:
    """How many of some equal files hold as many rows as a limit asks for: the first of each of some equal groups."""
    if limit is None or not rows:
        return files
    return min(files, groups * math.ceil(files / groups * min(1.0, limit / rows)))


def files_of(size: Size) -> int | None:
    """Number of files: as known, or as many as are of the usual size; None where the bytes are not known either."""
    return size.files or (math.ceil(size.gb / FILE_GB) if size.gb else None)


def share(size: Size, limit: int | None, groups: int = 1) -> float:
    """Part of a data set that a limit of its samples asks for, in whole files."""
    files = files_of(size)
    return first_files(files, size.rows, limit, groups) / files if files else 1.0


def _number(text: str, kind: type):
    return kind(text) if text else None
