"""Files of benchmarks: found on disk or fetched from the hub, read row by row, with checked columns.

A folder on disk (`paths.BENCHMARKS`), laid out as published, comes first, else the hub's copy at the pinned revision. A
download resumes where it was interrupted and is checked against the hub's hashes. Both places hold the same files, so
the same code reads them. Messages name the file. Parquet files are read by batches of rows, never whole.
"""

import ast
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import snapshot_download

from centurio_lib import file_name, paths
from centurio_lib.data.hub import hub
from centurio_lib.params.benchmarks import Benchmark

ROWS = 64  # rows of a parquet file in memory at a time
Rows = Iterator[dict[str, Any]]


class MissingDataError(RuntimeError):
    """A benchmark has no files; the message says where to get them. It is not run and gets no score."""


class ColumnError(ValueError):
    """A file of a benchmark has another form; the message names benchmark, file and column."""


class Bad(NamedTuple):
    """A row that gives no item, and why: it is left out, counted and named."""

    reason: str


class Source(NamedTuple):
    """A benchmark, its params, and the folder of its files."""

    name: str
    params: Benchmark
    folder: Path


class Question(NamedTuple):
    """One item. `images`: id and content (or file) of each; `references`: every right answer."""

    item_id: str
    images: list[tuple[str, bytes | Path]]
    prompt: str
    references: list[str]


def source(name: str, params: Benchmark) -> Source:
    """Locate a benchmark's files. Raises MissingDataError saying what to fetch or which licence to accept."""
    local = paths.BENCHMARKS / name
    if local.is_dir():
        return Source(name, params, local)
    if params.repo is None:
        raise MissingDataError(f"{name} is not in {local}: {params.fetch} (licence: {params.licence}; {params.page})")
    try:
        with hub.explained(f"benchmark {name}", params.page, params.licence, params.fetch):
            return Source(name, params, Path(snapshot_download(
                params.repo, repo_type="dataset", revision=params.revision, allow_patterns=params.files)))
    except hub.HubError as error:
        raise MissingDataError(str(error)) from error


def files(source: Source, pattern: str) -> list[Path]:
    """Files of a benchmark by a pattern, in order. Raises MissingDataError without a match."""
    matching = sorted(source.folder.glob(pattern))
    if not matching:
        raise MissingDataError(f"{source.name}: {source.folder} holds no {pattern}: {source.params.fetch}")
    return matching


def table(source: Source, pattern: str, fields: list[str],
          where: tuple[str, Callable[[Any], bool]] | None = None) -> Rows:
    """Rows of parquet files as dicts of fields. Raises ColumnError for a missing field or a damaged file.

    `where`: a field and a condition on it, for files of many languages; pictures of other rows are not read.
    """
    columns = [source.params.columns.get(field, field) for field in fields]
    for path in files(source, pattern):
        try:
            file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise ColumnError(f"{source.name}: {path} is empty or damaged ({error}): fetch it again") from error
        _check(source, path, columns, file.schema_arrow.names)
        chosen = (columns[fields.index(where[0])], where[1]) if where else None
        for batch in _chosen(file, columns, chosen) if chosen else _all(file, columns):
            for row in batch.to_pylist():
                yield dict(zip(fields, (row[column] for column in columns), strict=True))


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
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def _check(source: Source, path: Path, columns: list[str], names: Any) -> None:
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise ColumnError(f"{source.name}: {path} lacks column {lacking[0]!r}; it has {sorted(names)}. If the "
                          f"publisher renamed it, name it under {source.name}.columns of params/benchmarks.yaml")


def printed(text: str) -> Any:
    """Value of a printed Python literal, such as a list of options; None for another text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def truth(label: Any) -> bool | None:
    """Truth value of a label, however it is written; None for anything else."""
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(label).strip().lower())


def content(source: Source, cell: Any, where: str) -> bytes:
    """Bytes of a picture in a parquet cell: the hub's form {bytes, path}, or plain bytes.

    Raises ColumnError for a cell without a picture.
    """
    image = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(image, bytes):
        raise ColumnError(f"{source.name}: {where} holds no picture (column of type {type(cell).__name__})")
    return image


def picture(source: Source, name: str) -> Path:
    """File of a picture. Raises MissingDataError for a missing file."""
    path = file_name.found(source.folder, name)
    if not path:
        raise MissingDataError(f"{source.name}: picture {source.folder / name} is missing: {source.params.fetch}")
    return path
