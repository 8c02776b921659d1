"""Images of data sets of the hub on disk: files that are memory-mapped, so that any one image is read alone.

A file of the parquet tables has to be read in blocks; of these (Arrow's own format, uncompressed) an image is
a slice.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from centurio_lib import provenance

SCHEMA = pa.schema([("image_id", pa.string()), ("image", pa.large_binary())])


def write(path: Path, image_ids: list[str], images: list[bytes]) -> Path:
    """Write some images, atomically."""
    table = pa.table({"image_id": image_ids, "image": images}, schema=SCHEMA)
    with provenance.atomic(path) as temporary, pa.OSFile(str(temporary), "wb") as file:
        with pa.ipc.new_file(file, SCHEMA) as writer:
            writer.write_table(table)
    return path


class Stored:
    """Images of some files, of which only the ids are held: `stored[ids]` is a frame of image_id and image."""

    def __init__(self, files: list[Path]):
        self.place: dict[str, tuple[Path, int]] = {}
        for path in files:
            names = _opened(path).column("image_id").to_pylist()
            self.place |= {name: (path, row) for row, name in enumerate(names)}

    def __contains__(self, image_id: str) -> bool:
        return image_id in self.place

    def __getitem__(self, image_ids: list[str]) -> pd.DataFrame:
        """Raises KeyError for an image that is not there."""
        unknown = [image_id for image_id in image_ids if image_id not in self.place]
        if unknown:
            raise KeyError(f"image {unknown[0]!r} is not stored: build the data again")
        # opened anew each time: thousands of files would be more than a process may hold open
        found = [_opened(path).column("image")[row].as_py() for path, row in map(self.place.get, image_ids)]
        return pd.DataFrame({"image_id": image_ids, "image": found})


def _opened(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
