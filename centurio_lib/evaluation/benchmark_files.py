"""Files of benchmarks: found on disk or fetched from the hub, read row by row, with checked columns.

A folder on disk (`paths.BENCHMARKS`), laid out as published, comes first, else the hub's copy at the pinned revision. A
download resumes where it was interrupted and is checked against the hub's hashes. Both places hold the same files, so
the same code reads them. Messages name the file. Parquet files are read by batches of rows, never whole.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import file_name, paths
from centurio_lib.data import parquet_rows
from centurio_lib.data.hub import hub
from centurio_lib.params.benchmarks import Benchmark

ROWS = 64  # rows of a parquet file in memory at a time
TEXTS = {"question", "question_text", "hypothesis", "caption", "sentence", "sentence2"}  # fields that are asked
ENDINGS = (".jpg", ".png", ".jpeg", ".gif", ".webp", ".bmp")  # of pictures
ELEMENT = re.compile(r"\[(\d+)\]$")  # a place in a list column
OPTIONAL = re.compile(r"image_\d")  # fields that may be null


class MissingDataError(RuntimeError):
    """A benchmark has no files; the message says where to get them. It is not run and gets no score."""


class ColumnError(ValueError):
    """A file of a benchmark has another form; the message names benchmark, file and column."""


class RowError(ValueError):
    """A row gives no item; the message names the row and says why."""


class Bad(NamedTuple):
    """A row that gives no item, and why: it is left out, counted and named."""

    reason: str


# a row by field; `place` says where it stands
Rows = Iterator[dict[str, Any] | Bad]


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
    """The questions of each row, by a function of the row; Bad for a row from which it makes none, by its place."""
    for number, row in enumerate(rows):
        if isinstance(row, Bad):
            yield row
            continue
        place = row.get("place", f"row {number}")
        try:
            if null := [field for field, value in row.items() if value is None and not OPTIONAL.fullmatch(field)]:
                raise RowError(f"{null[0]} is null")
            if nameless := [field for field in TEXTS & row.keys() if not isinstance(row[field], str)]:
                raise RowError(f"{nameless[0]} is no text, but {str(row[nameless[0]])[:40]!r}")
            made = question(row)
        except (RowError, MissingDataError) as error:
            yield Bad(f"{place}: {error}")
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            yield Bad(f"{place}: {type(error).__name__}: {error}")
        else:
            yield from made if isinstance(made, list) else [made]


def numbered(rows: Rows) -> Rows:
    """Rows with their number (`number`) in the order of the files, bad ones counted."""
    yield from (row if isinstance(row, Bad) else row | {"number": i} for i, row in enumerate(rows))


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
        for numbers, part in _chosen(file, distinct, chosen) if chosen else _all(file, distinct):
            for number, row in zip(numbers, parquet_rows.rows(part), strict=True):
                yield _row(fields, stated, row, f"{path.name}, row {number}")


def _row(fields: list[str], columns: list[str], row: dict | str, place: str) -> dict[str, Any] | Bad:
    """A row by field; Bad for one that could not be read, of which `row` says why."""
    if isinstance(row, str):
        return Bad(f"{place}: {row}")
    return {field: _cell(row, column) for field, column in zip(fields, columns, strict=True)} | {"place": place}


def _cell(row: dict, column: str) -> Any:
    """A cell of a row, or an element of a cell that is a list; None where the list is too short."""
    place = ELEMENT.search(column)
    if not place:
        return row[column]
    cells = row[column[:place.start()]]
    return cells[int(place[1])] if isinstance(cells, list) and int(place[1]) < len(cells) else None


def _all(file: pq.ParquetFile, columns: list[str]) -> Iterator[tuple[Iterable[int], pa.RecordBatch]]:
    start = 0
    for batch in file.iter_batches(ROWS, columns=columns):
        yield range(start, start + len(batch)), batch
        start += len(batch)


def _chosen(file: pq.ParquetFile, columns: list[str],
            where: tuple[str, Callable[[Any], bool]]) -> Iterator[tuple[Iterable[int], pa.Table]]:
    (column, holds), start = where, 0
    for group in range(file.num_row_groups):
        values = file.read_row_group(group, columns=[column])[column].to_pylist()
        rows = [i for i, value in enumerate(values) if value is None or holds(value)]  # a null is bad in each language
        if rows:
            yield [start + i for i in rows], file.read_row_group(group, columns=columns).take(rows)
        start += len(values)


def records(source: Source, name: str, fields: list[str]) -> Rows:
    """Records of a JSON list or JSON lines. Raises ColumnError for a missing field or invalid JSON."""
    path = files(source, name)[0]
    columns = [source.params.columns.get(field, field) for field in fields]
    for number, record in enumerate(_json(source, path)):
        if isinstance(record, dict):
            _check(source, path, columns, record)
        said = record if isinstance(record, dict | str) else f"{str(record)[:60]} is no record"
        yield _row(fields, columns, said, f"{path.name}, record {number}")


def _json(source: Source, path: Path) -> list:
    """Records of a file; a text that says why where one is none."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    if text.lstrip()[:1] != "[":  # a line ends at a line feed alone, not at U+2028 in a text
        return [_line(line) for line in text.split("\n") if line.strip()]
    try:
        return [f"{one[:60]!r} is no record" if isinstance(one, str) else one for one in json.loads(text)]
    except (json.JSONDecodeError, RecursionError) as error:
        raise ColumnError(f"{source.name}: {path} is no JSON ({error}): fetch it again") from error


def _line(line: str) -> Any:
    """The record of a line of JSON; a text that says why it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"is no JSON ({error})"
    return f"{record[:60]!r} is no record" if isinstance(record, str) else record


@cache
def whole(path: Path) -> Any:
    """Content of a JSON file. Raises ColumnError for another file."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
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
    if not isinstance(image, bytes) or not image:
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
