"""Images of a table by their ids, read from disk when they are asked for: a mix may show more than memory holds."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from centurio_lib import tables


class Shelf:
    """The images of some files of one table. `shelf[ids]` has columns image_id and image (bytes), in the order asked for."""

    def __init__(self, files: Iterable[Path], table: str, wanted: Iterable[str] | None = None):
        self.files, self.column = [Path(file) for file in files], tables.IMAGE_NAMES[table]
        chosen = None if wanted is None else set(wanted)
        self.place = {image_id: place for place, image_id in self._places() if chosen is None or image_id in chosen}
        self.image_ids = list(self.place)
        self._group = lru_cache(maxsize=8)(self._read)  # neighbours are often asked for together

    def __getitem__(self, image_ids: list[str]) -> pd.DataFrame:
        found = []
        for image_id in image_ids:
            file, group, row = self.place[image_id]
            found.append(self._group(file, group)[row].as_py())
        return pd.DataFrame({"image_id": image_ids, "image": found})

    def _places(self):
        """(file, row group, row within it) of each image, and its id."""
        for number, file in enumerate(self.files):
            with pq.ParquetFile(file) as stored:
                for group in range(stored.num_row_groups):
                    names = stored.read_row_group(group, columns=[self.column])[self.column].to_pylist()
                    yield from (((number, group, row), name) for row, name in enumerate(names))

    def _read(self, file: int, group: int):
        with pq.ParquetFile(self.files[file]) as stored:
            return stored.read_row_group(group, columns=["image"])["image"]
