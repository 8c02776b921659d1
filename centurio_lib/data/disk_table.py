"""Rows that are more than memory holds: written to disk as they come, then mapped, so that any of them is read alone.

The file has no name: it is gone with the process, however that ends.
"""

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import tables

ROWS = 2048  # in memory at a time


def spooled(folder: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> pa.Table:
    """The parts' rows as one table, of the schema's columns alone, that lies in a file of `folder`."""
    with tempfile.TemporaryFile(dir=folder) as file:
        with pa.ipc.new_file(file, schema) as writer:
            for part in parts:
                writer.write_table(part.select(schema.names).cast(schema), max_chunksize=ROWS)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # outlives the file
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def stored(folder: Path, name: str, files: Iterable[Path], wanted: set[str] | None = None) -> pa.Table:
    """Rows of some parquet files of a table of the study; `wanted`: those of these samples only."""
    return spooled(folder, tables.SCHEMAS[name], (part for path in files for part in _read(path, wanted)))


def gathered(table: pa.Table, rows: Sequence[int]) -> Iterator[pa.Table]:
    """Some rows of a table, in the order asked for, a part at a time.

    Not by `take`, which first puts all of a column of lists into memory.
    """
    for start in range(0, len(rows), ROWS):
        yield pa.concat_tables([table.slice(int(row), 1) for row in rows[start:start + ROWS]]).combine_chunks()


def frame(table: pa.Table) -> pd.DataFrame:
    """The table for pandas, which reads what it is asked for: lists stay where they are."""
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def _read(path: Path, wanted: set[str] | None) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS):
            part = pa.Table.from_batches([batch])
            asked = None if wanted is None else [name in wanted for name in part["sample_id"].to_pylist()]
            yield part if asked is None else part.filter(pa.array(asked))
