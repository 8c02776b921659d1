"""The paper's training data sets: `catalogue.csv`, `archives.csv`, and the download of their files.

`catalogue.csv` has a row for each data set of the paper's Tables 8 and 9 and of its pre-training (appendix B.2):

- `name`; `paper_set`, `table` and `thousands`, as the paper counts (all questions on one image are one sample); a set
  that is in none of its tables has no `table`, and `thousands` of its own; `stage`
- `status`: "hub", "replaced" (another version than the paper's) or "missing" (`note` says why)
- `repo`, `revision` and `files` on the hub (";" between patterns); a `revision` "main" is recorded when it is fetched
- `form`, its converter (convert.py); `images`: "embedded", "own" (archives among the files), "none", or names of
  `archives.csv`; `where_image`, `where_prompt` and `where_source`, what selects its rows in a file of several sets
- `licence`, `gated`; `text_heavy` (text in the image: stays English), `translated`; `at_most` samples
- `seen`: what a public page stated in November 2026: "rows", "files", "columns", "names" only, "no"

Sources: arXiv 2501.05122, Tables 8 and 9, appendix B; dataset pages of the hub.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

from centurio_lib import paths
from centurio_lib.data.hub import hub
from centurio_lib.data.hub.archives import kind as archive_kind

FOLDER = Path(__file__).parent


class CatalogueError(LookupError):
    """A data set is unknown, missing or of the other stage; the message says which there are."""


class Entry(NamedTuple):
    """One row of the catalogue; see the module's docstring."""

    name: str
    paper_set: str
    table: str
    thousands: int
    stage: str
    status: str
    repo: str
    revision: str
    files: list[str]
    form: str
    images: list[str]
    where_image: str
    where_prompt: str
    where_source: str
    licence: str
    gated: bool
    text_heavy: bool
    translated: bool
    at_most: int | None
    seen: str
    note: str


class Archive(NamedTuple):
    """Images of several data sets: on the hub (`repo`), elsewhere (`url`), or to be put there by hand
    (neither).
    """

    name: str
    repo: str
    revision: str
    files: str
    url: str
    checksum: str
    licence: str
    note: str


@cache
def entries() -> dict[str, Entry]:
    """Every row of the catalogue by name."""
    return {row["name"]: _entry(row) for row in _rows("catalogue.csv")}


@cache
def archives() -> dict[str, Archive]:
    """Every row of archives.csv by name."""
    return {row["name"]: Archive(**row) for row in _rows("archives.csv")}


def entry(name: str, stage: str) -> Entry:
    """A data set of a stage. Raises CatalogueError where there is none, or it can no longer be had."""
    row = entries().get(name)
    if row is None or row.stage != stage:
        known = ", ".join(e.name for e in entries().values() if e.stage == stage and e.status != "missing")
        raise CatalogueError(f"data.sources.{stage} names {name!r}, which is no such data set; there are: {known}")
    if row.status == "missing":
        raise CatalogueError(f"data.sources.{stage} names {name!r}, which cannot be loaded: {row.note}")
    return row


def files_of(chosen: Entry) -> hub.Listing:
    """The files of a data set, none of which is fetched yet. Raises hub.HubError."""
    return hub.listing(chosen.name, chosen.repo, chosen.revision, chosen.files, chosen.licence)


def fetched(chosen: Entry) -> list[Path]:
    """The files of a data set, all fetched where needed. Raises hub.HubError."""
    return hub.dataset(chosen.name, chosen.repo, chosen.revision, chosen.files, chosen.licence)


def fetched_archive(name: str) -> list[Path]:
    """The files of an archive of images. Raises hub.HubError saying what to download where."""
    images = archives()[name]
    if images.repo:
        return hub.dataset(name, images.repo, images.revision, [images.files], images.licence)
    home = paths.DATASETS / name
    if images.url:
        return [hub.archive(images.url, home / images.files, images.checksum, images.licence)]
    there = sorted(path for path in home.glob("*") if archive_kind(path))
    if not there:
        raise hub.HubError(
            f"images {name} must be put there by hand: licence: {images.licence}; put {images.files} into {home} "
            f"({images.note})"
        )
    return there


def commit(chosen: Entry) -> str | None:
    """The commit that a data set was fetched at, None where it was put there by hand."""
    return hub.fetched_commit(chosen.name, chosen.repo)


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _entry(row: dict[str, str]) -> Entry:
    yes = {key: row[key] == "yes" for key in ("gated", "text_heavy", "translated")}
    lists = {key: [part for part in row[key].split(";") if part] for key in ("files", "images")}
    return Entry(
        **(
            row
            | yes
            | lists
            | {"thousands": int(row["thousands"]), "at_most": int(row["at_most"]) if row["at_most"] else None}
        )
    )
