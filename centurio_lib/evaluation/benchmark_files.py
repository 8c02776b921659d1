"""Files of benchmarks: found on disk or fetched from the hub, read row by row, with checked columns.

A folder on disk (`paths.BENCHMARKS`), laid out as published, comes first, else the hub's copy at the pinned revision. A
download resumes where it was interrupted and is checked against the hub's hashes. Both places hold the same files, so
the same code reads them. Messages name the file. Parquet files are read by batches of rows, never whole.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import file_name, paths
from centurio_lib.data.hub import hub
from centurio_lib.params.benchmarks import Benchmark

ROWS = 64  # rows of a parquet file in memory at a time
TEXTS = {"question", "question_text", "hypothesis", "caption", "sentence", "sentence2"}  # fields that are asked
ENDINGS = (".jpg", ".png", ".jpeg", ".gif", ".webp", ".bmp")  # of pictures
ELEMENT = re.compile(r"\[(\d+)\]$")  # a place in a list column
Rows = Iterator[dict[str, Any]]


class MissingDataError(RuntimeError):
    """A benchmark has no files; the message says where to get them. It is not run and gets no score."""


class ColumnError(ValueError):
    """A file of a benchmark has another form; the message names benchmark, file and column."""


class RowError(ValueError):
    """A row gives no item; the message names the row and says why."""


class Bad(NamedTuple):
    """A row that gives no item, and why: it is left out, counted and named."""

    reason: str


class Source(NamedTuple):
    """A benchmark, its params, the folder of its files, and the hub's list of them where they come from there."""

    name: str
    params: Benchmark
    folder: Path
    listing: hub.Listing | None = None


class Question(NamedTuple):
    """One item. `images`: id and content (or file) of each; `references`: every right answer.

    `hidden`: the publisher keeps the right answers; the item is answered for its test server and not scored.
    """

    item_id: str
    images: list[tuple[str, bytes | Path]]
    prompt: str
    references: list[str]
    hidden: bool = False


def each(rows: Rows, question: Callable[[dict], Question | list[Question]]) -> Iterator[Question | Bad]:
    """The questions of each row, by a function of the row; Bad for a row from which it makes none."""
    for number, row in enumerate(rows):
        try:
            if nameless := [field for field in TEXTS & row.keys() if not isinstance(row[field], str)]:
                raise RowError(f"row {number}: {nameless[0]} is no text, but {str(row[nameless[0]])[:40]!r}")
            made = question(row)
        except (RowError, MissingDataError) as error:
            yield Bad(str(error))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            yield Bad(f"row {number}: {type(error).__name__}: {error}")
        else:
            yield from made if isinstance(made, list) else [made]


def source(name: str, params: Benchmark) -> Source:
    """Locate a benchmark's files. Raises MissingDataError saying what to fetch or which licence to accept."""
    local = paths.BENCHMARKS / name
    if local.is_dir():
        return Source(name, params, local)
    if params.repo is None:
        raise MissingDataError(f"{name} is not in {local}: {params.fetch} (licence: {params.licence}; {params.page})")
    try:
        listing = hub.listing(f"benchmark-{name}", params.repo, params.revision, params.files, params.licence)
    except hub.HubError as error:
        raise MissingDataError(f"{error}; or: {params.fetch}") from error
    return Source(name, params, listing.home, listing)


def files(source: Source, pattern: str) -> list[Path]:
    """Files of a benchmark by a pattern, in order. Raises MissingDataError without a match."""
    return list(each_file(source, pattern))


def each_file(source: Source, pattern: str) -> Iterator[Path]:
    """Files of a benchmark by a pattern, in order; those of the hub are fetched when they are reached.

    Raises MissingDataError without a match, or for a file that cannot be had.
    """
    local = sorted(source.folder.glob(pattern)) if source.listing is None else []
    remote = [file for file in source.listing.sizes if fnmatch(file, pattern)] if source.listing else []
    if not local and not remote:
        raise MissingDataError(f"{source.name}: {source.folder} holds no {pattern}: {source.params.fetch}")
    yield from local
    for file in remote:
        try:
            yield hub.fetch(source.listing, file)
        except hub.HubError as error:
            raise MissingDataError(str(error)) from error


def unpacked(source: Source, name: str) -> Source:
    """A benchmark whose folder is the one that holds a file: its own, or that of an archive unpacked within.

    Raises MissingDataError naming the folder wanted where none holds the file, or several do.
    """
    if (source.folder / name).is_file():
        return source
    homes = sorted(path.parent for path in source.folder.rglob(name))
    if len(homes) != 1:
        raise MissingDataError(f"{source.name}: {len(homes) or 'no'} folders within {source.folder} hold {name}, where "
                               f"it or one folder in it should: {source.params.fetch}")
    return source._replace(folder=homes[0])


def table(source: Source, pattern: str, fields: list[str],
          where: tuple[str, Callable[[Any], bool]] | None = None) -> Rows:
    """Rows of parquet files as dicts of fields. Raises ColumnError for a missing field or a damaged file.

    A field may be an element of a list column, as `columns` of the params names it: `images[0]`.
    `where`: a field and a condition on it, for files of many languages; pictures of other rows are not read.
    """
    stated = [source.params.columns.get(field, field) for field in fields]
    columns = [ELEMENT.sub("", column) for column in stated]
    for path in each_file(source, pattern):
        try:
            file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise ColumnError(f"{source.name}: {path} is empty or damaged ({error}): fetch it again") from error
        _check(source, path, columns, file.schema_arrow.names)
        chosen = (columns[fields.index(where[0])], where[1]) if where else None
        distinct = list(dict.fromkeys(columns))
        for batch in _chosen(file, distinct, chosen) if chosen else _all(file, distinct):
            for row in batch.to_pylist():
                yield {field: _cell(row, column) for field, column in zip(fields, stated, strict=True)}


def _cell(row: dict, column: str) -> Any:
    """A cell of a row, or an element of a cell that is a list; None where the list is too short."""
    place = ELEMENT.search(column)
    if not place:
        return row[column]
    cells = row[column[:place.start()]]
    return cells[int(place[1])] if isinstance(cells, list) and int(place[1]) < len(cells) else None


def _all(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    return file.iter_batches(ROWS, columns=columns)


def _chosen(file: pq.ParquetFile, columns: list[str], where: tuple[str, Callable[[Any], bool]]) -> Iterator[pa.Table]:
    column, holds = where
    for group in range(file.num_row_groups):
        values = file.read_row_group(group, columns=[column])[column].to_pylist()
        rows = [i for i, value in enumerate(values) if holds(value)]
        if rows:
            yield file.read_row_group(group, columns=columns).take(rows)


def records(source: Source, name: str, fields: list[str]) -> Rows:
    """Records of a JSON list or JSON lines. Raises ColumnError for a missing field or invalid JSON."""
    path = files(source, name)[0]
    columns = [source.params.columns.get(field, field) for field in fields]
    for record in _json(source, path):
        _check(source, path, columns, record)
        yield dict(zip(fields, (record[column] for column in columns), strict=True))


def _json(source: Source, path: Path) -> list[dict]:
    text = path.read_text(encoding="utf-8-sig")  # a line ends at a line feed alone, not at U+2028 in a text
    try:
        return json.loads(text) if text.lstrip()[:1] == "[" else [json.loads(s) for s in text.split("\n") if s.strip()]
    except json.JSONDecodeError as error:
        raise ColumnError(f"{source.name}: {path} is no JSON ({error}): fetch it again") from error


@cache
def whole(path: Path) -> Any:
    """Content of a JSON file. Raises ColumnError for another file."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ColumnError(f"{path} is no JSON ({error}): fetch it again") from error


def _check(source: Source, path: Path, columns: list[str], names: Any) -> None:
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise ColumnError(f"{source.name}: {path} lacks column {lacking[0]!r}; it has {sorted(names)}. If the "
                          f"publisher renamed it, name it under {source.name}.columns of params/benchmarks.yaml")


def printed(text: str) -> Any:
    """Value of a printed Python literal, such as a list of options; None for another text.

    Some files hold literals with line breaks within quotes, which are read as spaces, as Pangea's loader does.
    """
    for form in (text, str(text).replace("\r", " ").replace("\n", " ")):
        try:
            return ast.literal_eval(form)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return None


def truth(label: Any) -> bool | None:
    """Truth value of a label, however it is written; None for anything else."""
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(label).strip().lower())


def content(source: Source, cell: Any, where: str) -> bytes:
    """Bytes of a picture in a parquet cell: the hub's form {bytes, path}, or plain bytes.

    Raises RowError for a cell without a picture.
    """
    image = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(image, bytes):
        raise RowError(f"{source.name}: {where} holds no picture (column of type {type(cell).__name__})")
    return image


def picture(source: Source, name: str) -> Path:
    """File of a picture, which may have another ending than its name. Raises MissingDataError for a missing file."""
    path = file_name.found(source.folder, name)
    if not path:
        stem = str(Path(name).with_suffix(""))
        path = next(filter(None, (file_name.found(source.folder, f"{stem}{end}") for end in ENDINGS)), None)
    if not path:
        raise MissingDataError(f"{source.name}: picture {source.folder / name} is missing: {source.params.fetch}")
    return path
