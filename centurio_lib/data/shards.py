"""Draw a long table sample by sample into many files: in parallel, with progress, resumable.

The name of a shard holds its number and a digest of what it follows from, its samples and a key. A shard of another key
is removed, a complete one stays. A shard appears under its name only when it is whole.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import storage, tables


class Sample(Protocol):
    """A row that is to be drawn. Its id says all that it depends on."""

    @property
    def id(self) -> str:
        """Name of the row."""


Draw = Callable[[Sample], dict]  # a row of the table


def build(folder: Path, table: str, samples: list[Sample], draw: Draw, key: str, size: int,
          processes: int = 1) -> list[Path]:
    """Draw every sample into shards of `size` and return their files, in order.

    With several processes `draw` must be importable (a partial of a function of the library). `key` stands for all
    else that the rows depend on. Raises ValueError for a sample that is asked for twice.
    """
    twice = [name for name, n in Counter(sample.id for sample in samples).items() if n > 1]
    if twice:
        raise ValueError(f"{folder}: sample {twice[0]!r} is asked for twice")
    folder.mkdir(parents=True, exist_ok=True)
    shards = {shard_file(folder, table, number, [sample.id for sample in part], key): part
              for number, part in enumerate(parts(samples, size))}
    for path in set(folder.glob(f"{table}-*.parquet")) - set(shards):
        path.unlink()
    todo = {path: part for path, part in shards.items() if not complete(path, table, len(part))}
    if len(todo) < len(shards):
        print(f"{folder.name}: {len(shards) - len(todo)} of {len(shards)} shards are there already", flush=True)
    done, since = 0, time.time()
    for n in _drawn(todo, table, draw, processes):
        done += n
        left = (time.time() - since) / done * (sum(map(len, todo.values())) - done)
        print(f"{folder.name}: {done} of {sum(map(len, todo.values()))} samples, {left:.0f} s left", flush=True)
    return list(shards)


def parts(rows: list, size: int) -> list[list]:
    """The rows in stretches of `size`."""
    return [rows[start:start + size] for start in range(0, len(rows), size)]


def shard_file(folder: Path, table: str, number: int, ids: list[str], key: str) -> Path:
    """File of a shard: its name changes with its samples and with the key."""
    return folder / f"{table}-{number:04d}-{storage.digest([key, ids])[:10]}.parquet"


def complete(path: Path, table: str, rows: int) -> bool:
    """Say whether a shard exists, is readable and has the number of rows."""
    try:
        metadata = pq.read_metadata(path)
    except (FileNotFoundError, pa.ArrowInvalid):
        return False
    return metadata.num_rows == rows and metadata.schema.names == tables.SCHEMAS[table].names


def read(files: list[Path], table: str, columns: list[str] | None = None) -> pd.DataFrame:
    """The rows of some shards, all or some columns."""
    return pd.concat([tables.read(path, table, columns) for path in files], ignore_index=True)


def light(table: str) -> list[str]:
    """Columns of a table but the images, which fill the memory at the paper's scale."""
    return [column for column in tables.SCHEMAS[table].names if column != "image"]


def images(files: list[Path], table: str, names: list[str]) -> dict[str, bytes]:
    """Images of a table by their names, those alone. Raises KeyError for one that no shard holds."""
    key, contents = tables.IMAGE_NAMES[table], {}
    for path in files:
        rows = tables.read(path, table, [key, "image"], **{key: list(names)})
        contents |= dict(zip(rows[key], rows.image, strict=True))
    return {name: contents[name] for name in names}


def _drawn(todo: dict[Path, list[Sample]], table: str, draw: Draw, processes: int):
    """Number of samples of each shard as it is done."""
    if processes == 1:
        yield from (_write(path, table, part, draw) for path, part in todo.items())
        return
    # a fresh interpreter each: threads of this one (torch, a notebook) do not survive a fork
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_write, path, table, part, draw) for path, part in todo.items()]):
            yield future.result()


def _write(path: Path, table: str, samples: list[Sample], draw: Draw) -> int:
    tables.write(path, table, pd.DataFrame([draw(sample) for sample in samples]))
    return len(samples)
