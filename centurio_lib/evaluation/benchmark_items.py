"""Items of published test sets: which are asked, their blind copies, and their pictures as files.

A task's `questions(source, code)` reads one language of its test set in the published order. Splits: `test`; `blind`
repeats every third item with as many pictures of other items of its language, so that only what an answer owes to the
pictures is lost.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pandas as pd

from centurio_lib import storage, tables
from centurio_lib.data.splits import BLIND_EVERY
from centurio_lib.evaluation.benchmark_files import ColumnError, Question, Source
from centurio_lib.tables import BLIND

TEST = "test"
Read = Callable[[Source, str], Iterator[Question]]


def items(task: str, code: str, source: Source, read: Read, n: int | None, pictures: Path, seed: int) -> pd.DataFrame:
    """Rows of the `items` table in one language: the first `n` questions (None: all), then the blind ones.

    Pictures are written to the folder `pictures` under their ids, each once.
    """
    rows = [_row(task, code, question, [_keep(pictures, f"{task}/{name}", held) for name, held in question.images])
            for question in islice(read(source, code), n)]
    pool = list(dict.fromkeys(image for row in rows for image in row["images"]))
    blind = [copy for row in rows[::BLIND_EVERY] if (copy := _blind(row, pool, seed))]
    return pd.DataFrame(rows + blind, columns=tables.SCHEMAS["items"].names)


def _row(task: str, code: str, question: Question, images: list[str]) -> dict:
    lines = [" ".join(right.split()) for right in question.references]  # a line break parts the right answers
    return {"task": task, "split": TEST, "language": code, "item_id": f"{task}/{TEST}/{code}/{question.item_id}",
            "images": images, "concepts": [], "prompt": question.prompt, "reference": "\n".join(filter(None, lines)),
            "options": []}


def _blind(row: dict, pool: list[str], seed: int) -> dict | None:
    """The row with other pictures; None where its language has too few."""
    others = [image for image in pool if image not in row["images"]]
    if len(others) < len(row["images"]):
        return None
    name = row["item_id"].replace(f"/{TEST}/", f"/{BLIND}/", 1)
    shown = Random(f"{seed}/{name}").sample(others, len(row["images"]))
    return row | {"split": BLIND, "item_id": name, "images": shown}


def _keep(folder: Path, image_id: str, held: bytes | Path) -> str:
    path = folder / image_id
    if not path.resolve().is_relative_to(folder.resolve()):  # a name is only data: it may not lead elsewhere
        raise ColumnError(f"picture {image_id!r} of a test set is named outside its folder")
    if not path.exists():
        with storage.atomic(path) as temporary:
            temporary.write_bytes(held if isinstance(held, bytes) else held.read_bytes())
    return image_id
