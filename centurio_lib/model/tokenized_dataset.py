"""Conversations of a stage in a memory-mapped file, since memory cannot hold them all."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from centurio_lib.data import disk_table
from centurio_lib.model.conversation import Conversation

SCHEMA = pa.schema([("sample_id", pa.string()), ("ids", pa.list_(pa.int32())), ("label_mask", pa.list_(pa.bool_())),
                    ("images", pa.list_(pa.string()))])


class Mapped(Sequence[Conversation]):
    """Conversations of some parts, in order, in an unnamed file of `folder`."""

    def __init__(self, folder: Path, parts: Iterable[list[Conversation]]):
        self.table = disk_table.write(folder, SCHEMA, (_table(part) for part in parts))

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, place: int | slice) -> Conversation | list[Conversation]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        name, ids, label_mask, images = (column[place] for column in self.table.columns)
        return Conversation(name.as_py(), ids.values.to_numpy(), label_mask.values.to_numpy(zero_copy_only=False),
                            images.as_py())


def _table(part: list[Conversation]) -> pa.Table:
    return pa.table([pa.array(column, field.type) for column, field in
                     zip(zip(*part, strict=True) if part else [[]] * len(SCHEMA), SCHEMA, strict=True)], SCHEMA)
