"""Items of benchmarks, their blind copies, and their pictures as files.

A task's `questions(source, code)` reads one language of its benchmark in the published order. Splits: `test`; `blind`
repeats every third item with as many pictures of other items of its language, so that an answer loses only the
information of the pictures.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pandas as pd

from centurio_lib import image_file, storage, tables, text_form
from centurio_lib.data.blind_copies import blind_copy
from centurio_lib.data.prompts import IMAGE
from centurio_lib.data.splits import BLIND_EVERY
from centurio_lib.evaluation import metrics
from centurio_lib.evaluation.benchmark_files import Bad, ColumnError, Question, Source
from centurio_lib.evaluation.task import Task
from centurio_lib.tables import BLIND

TEST = "test"
MAX_BAD = 0.01  # share of rows that may give no item


class Unreadable(ValueError):
    """A picture cannot be read; the message names it."""


def items(task: Task, code: str, source: Source, n: int | None, pictures: Path, seed: int) -> tuple[pd.DataFrame, int]:
    """Rows of the `items` table in one language, and how many rows of its files gave no item and were left out.

    The first `n` questions (None: all) come first, then the blind items of those that can be scored. Pictures are
    written to the folder `pictures` under their ids, each once. Raises ColumnError for more than MAX_BAD bad rows.
    """
    names, rows, bad = [], [], []
    good = _good(task.questions(source, code), pictures / task.name, bad)
    for number, question in enumerate(islice(good, n)):
        images = [f"{task.name}/{name}" for name, _ in question.images]
        names.append(str(question.item_id))
        rows.append(_row(task.name, code, number, question, images))
    _tolerable(f"{task.name}: {code}", bad, len(rows))
    pool = list(dict.fromkeys(image for row in rows for image in row["images"]))
    blind = [_blind(row, _item_id(task.name, BLIND, code, name), pool, seed)
             for name, row in list(zip(names, rows, strict=True))[::BLIND_EVERY] if row["reference"]]
    return pd.DataFrame([*rows, *filter(None, blind)], columns=tables.SCHEMAS["items"].names), len(bad)


def _good(questions: Iterator[Question | Bad], folder: Path, bad: list[str]) -> Iterator[Question]:
    """Questions that can be asked and scored, their pictures written; the reasons of the others are added to `bad`."""
    for question in questions:
        reason = question.reason if isinstance(question, Bad) else _fault(question) or _written(folder, question)
        if reason:
            bad.append(reason)
        else:
            yield question


def _fault(question: Question) -> str:
    """Why a question cannot be asked or scored; "" for a good one."""
    marks, texts = question.prompt.count(IMAGE), [question.prompt, *map(str, question.references)]
    stated = None not in question.references and metrics.alternatives("\n".join(texts[1:]))
    if not (question.hidden or stated):
        return f"{question.item_id}: no right answer is stated"
    if text_form.SURROGATES.search("\n".join(texts)):
        return f"{question.item_id}: its text holds half a character (a lone surrogate)"
    if marks not in (0, len(question.images)):
        return f"{question.item_id}: its text marks {marks} pictures, but it has {len(question.images)}"
    return ""


def _written(folder: Path, question: Question) -> str:
    """Write the pictures of a question; why one cannot be shown, else ""."""
    for name, content in question.images:
        try:
            _write(folder, str(name), content)
        except Unreadable as error:
            return f"{question.item_id}: {error}"
    return ""


def _tolerable(where: str, bad: list[str], good: int) -> None:
    """Print rows that were left out. Raises ColumnError where these are more than one, and than one in a hundred."""
    if not bad:
        return
    first = "; ".join(reason[:300] for reason in bad[:2])
    said = f"{where}: {len(bad)} of {len(bad) + good} rows give no item; first: {first}"
    if not good or len(bad) > max(1, MAX_BAD * (good + len(bad))):
        raise ColumnError(f"{said}: the file has another form, or is damaged: fetch it again")
    print(f"{said}: left out", flush=True)


def _item_id(task: str, split: str, code: str, name: str) -> str:
    return f"{task}/{split}/{code}/{name}"


def published_id(item) -> str:
    """Id that the publisher gave to an item, a row of the `items` table."""
    return item.item_id.removeprefix(_item_id(item.task, item.split, item.language, ""))


def _row(task: str, code: str, number: int, question: Question, images: list[str]) -> dict:
    # a line break separates the right answers
    lines = [] if question.hidden else [" ".join(str(right).split()) for right in question.references]
    return {"task": task, "split": TEST, "language": code, "item_id": _item_id(task, TEST, code, question.item_id),
            "number": number, "images": images, "concepts": [], "prompt": question.prompt,
            "reference": "\n".join(filter(None, lines)), "options": []}


def _blind(row: dict, item_id: str, pool: list[str], seed: int) -> dict | None:
    """The row under another id with other pictures; None where its language has too few."""
    others = [image for image in pool if image not in row["images"]]
    enough = len(others) >= len(row["images"])
    return blind_copy(row, item_id, others if enough else [], Random(f"{seed}/{item_id}").sample)


def _write(folder: Path, name: str, content: bytes | Path) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):  # a name is only data and must not leave the folder
        raise ColumnError(f"picture {name!r} of a benchmark is named outside its folder")
    if path.exists():
        return
    picture = content if isinstance(content, bytes) else content.read_bytes()
    try:
        image_file.read(picture, f"picture {name if isinstance(content, bytes) else content}")
    except ValueError as error:
        raise Unreadable(str(error)) from error
    with storage.atomic(path) as temporary:
        temporary.write_bytes(picture)
