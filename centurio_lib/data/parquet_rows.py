"""Rows of parquet files as Python values, one unreadable row by itself."""

from collections.abc import Iterator

import pyarrow as pa


def rows(part: pa.RecordBatch | pa.Table) -> Iterator[dict | str]:
    """Rows of a part of a table; a text that says why for a row that is no UTF-8, which parquet does not check."""
    try:
        yield from part.to_pylist()
    except UnicodeDecodeError:
        yield from (_row(part.slice(number, 1)) for number in range(part.num_rows))


def _row(part: pa.RecordBatch | pa.Table) -> dict | str:
    try:
        return part.to_pylist()[0]
    except UnicodeDecodeError as error:
        return f"is no UTF-8 ({error.reason})"
