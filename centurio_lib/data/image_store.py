"""Images by id, read from disk on access, since a mix may have more images than memory holds.

Images lie in one of three places: the study's own parquet tables; Arrow files of data sets of the hub, mapped into
memory and uncompressed, so that one image is read alone; files of a folder, for benchmarks.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import storage, tables

MAPPED = pa.schema([("image_id", pa.string()), ("image", pa.large_binary())])


class ImageStore:
    """Images by id: `store[ids]` has columns image_id and image (bytes), in the order asked for.

    A subclass gives the place of each image, and the bytes at a place. `only`: ids of images to hold, None for all.
    """

    def __init__(self, places: Iterable[tuple[str, Any]], only: Iterable[str] | None = None):
        chosen = None if only is None else set(only)
        self.place = {image_id: place for image_id, place in places if chosen is None or image_id in chosen}
        self.image_ids = list(self.place)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self.place

    def __getitem__(self, image_ids: list[str]) -> pd.DataFrame:
        """Rows of some images. Raises KeyError for a missing image."""
        unknown = [image_id for image_id in image_ids if image_id not in self.place]
        if unknown:
            raise KeyError(f"image {unknown[0]!r} is not stored: build the data again")
        return pd.DataFrame({"image_id": image_ids, "image": [self.content(self.place[i]) for i in image_ids]})

    def content(self, place: Any) -> bytes:
        """Bytes of the image at a place."""
        raise NotImplementedError


class Tables(ImageStore):
    """Images of some files of one parquet table, which are read in groups of rows."""

    def __init__(self, files: Iterable[Path], table: str, only: Iterable[str] | None = None):
        self.files, self.column = [Path(file) for file in files], tables.IMAGE_NAMES[table]
        self._group = lru_cache(maxsize=8)(self._read)  # neighbours are often asked for together
        super().__init__(self._places(), only)

    def content(self, place: tuple[int, int, int]) -> bytes:
        """The image in a row of a group of a file."""
        file, group, row = place
        return self._group(file, group)[row].as_py()

    def _places(self):
        for number, file in enumerate(self.files):
            with pq.ParquetFile(file) as stored:
                for group in range(stored.num_row_groups):
                    names = stored.read_row_group(group, columns=[self.column])[self.column].to_pylist()
                    yield from ((name, (number, group, row)) for row, name in enumerate(names))

    def _read(self, file: int, group: int):
        with pq.ParquetFile(self.files[file]) as stored:
            return stored.read_row_group(group, columns=["image"])["image"]


class Mapped(ImageStore):
    """Images of files that `write_mapped` wrote."""

    def __init__(self, files: Iterable[Path], only: Iterable[str] | None = None):
        names = ((path, _opened(path).column("image_id").to_pylist()) for path in files)
        super().__init__(((name, (path, row)) for path, ids in names for row, name in enumerate(ids)), only)

    def content(self, place: tuple[Path, int]) -> bytes:
        """The image in a row of a file, opened anew: thousands of files are more than a process may hold open."""
        path, row = place
        return _opened(path).column("image")[row].as_py()


class Folder(ImageStore):
    """Images in files of a folder, named by their path in the folder; missing images of `only` are left out."""

    def __init__(self, folder: Path, only: Iterable[str]):
        super().__init__((name, Path(folder) / name) for name in only if (Path(folder) / name).is_file())

    def content(self, place: Path) -> bytes:
        """The file's bytes."""
        return place.read_bytes()


def write_mapped(path: Path, image_ids: list[str], images: list[bytes]) -> Path:
    """Write some images so that any one can be read alone, atomically."""
    table = pa.table({"image_id": image_ids, "image": images}, schema=MAPPED)
    with storage.atomic(path) as temporary, pa.OSFile(str(temporary), "wb") as file:
        with pa.ipc.new_file(file, MAPPED) as writer:
            writer.write_table(table)
    return path


def _opened(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
