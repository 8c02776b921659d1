"""Tables larger than memory: rows are written to disk, then mapped, so that any row is read alone.

The file has no name and disappears with the process, even a killed one.
"""

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 2048  # in memory at a time


def write(folder: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> pa.Table:
    """The rows of some parts as one table, of the schema's columns alone, that lies in a file of `folder`."""
    with tempfile.TemporaryFile(dir=folder) as file:
        with pa.ipc.new_file(file, schema) as writer:
            for part in parts:
                writer.write_table(part.select(schema.names).cast(schema), max_chunksize=ROWS)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # outlives the file
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def read(files: Iterable[Path], columns: list[str], places: Sequence[int]) -> Iterator[pa.Table]:
    """Some rows of parquet files that are read as one table, each once, in the order of the files.

    `places`: numbers of the rows over all files, in any order. Columns are those asked for.
    """
    chosen, start = np.unique(np.asarray(places, int)), 0
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS, columns=columns):
                inside = chosen[np.searchsorted(chosen, start):np.searchsorted(chosen, start + len(batch))] - start
                start += len(batch)
                if len(inside):
                    yield pa.Table.from_batches([batch]).take(inside)


def in_order(table: pa.Table, rows: Sequence[int]) -> Iterator[pa.Table]:
    """Some rows of a table in the given order, a part at a time.

    The function avoids `take`, which loads a whole column of lists into memory.
    """
    for start in range(0, len(rows), ROWS):
        yield pa.concat_tables([table.slice(int(row), 1) for row in rows[start:start + ROWS]]).combine_chunks()


def select(folder: Path, schema: pa.Schema, files: Iterable[Path], places: Sequence[int]) -> Iterator[pa.Table]:
    """Some rows of parquet files, in the order of `places`, a part at a time; no other row is copied.

    `schema`: the columns wanted. `places`: distinct numbers of the rows over all files.
    """
    table = write(folder, schema, read(files, schema.names, places))
    return in_order(table, np.argsort(np.argsort(places)))


def frame(table: pa.Table) -> pd.DataFrame:
    """Convert a table to pandas lazily; lists stay in the mapped file."""
    return table.to_pandas(types_mapper=pd.ArrowDtype)
