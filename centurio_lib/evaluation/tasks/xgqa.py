"""Questions in 8 languages, answered in English (xGQA, Pfeiffer et al. 2022; GQA's balanced test-dev)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from centurio_lib.evaluation import benchmark_files, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

FIELDS = ["question", "answer", "image_id", "image"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language, of the hub's files or of the official JSON with GQA's images in a folder `images`."""
    official = f"testdev_balanced_questions_{code}.json"
    yield from (of_json(source, official) if any(source.folder.rglob(official)) else of_hub(source, code))


def of_hub(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of the hub's files, numbered since these have no ids; languages are parallel."""
    def question(row: dict) -> benchmark_files.Question:
        image = benchmark_files.content(source, row["image"], row["image_id"])
        return asked(row["number"], row, image)

    rows = benchmark_files.table(source, f"data/{code}-*.parquet", FIELDS)
    yield from benchmark_files.each(benchmark_files.numbered(rows), question)


def of_json(source: benchmark_files.Source, name: str) -> Iterator[benchmark_files.Question]:
    """Items of the official file, an object with a question under each id; also in a folder within."""
    by_id = benchmark_files.whole(benchmark_files.unpacked(source, name).folder / name)
    rows = ({"number": number, "place": f"{name}, {number}"} | fields(row) for number, row in by_id.items())
    yield from benchmark_files.each(
        rows, lambda row: asked(row["number"], row, benchmark_files.picture(source, f"images/{row['image_id']}.jpg")))


def fields(row: object) -> dict:
    """Fields of a row of the official file; null where it has none."""
    stated = row if isinstance(row, dict) else {}
    return {"image_id": stated.get("imageId"), "question": stated.get("question"), "answer": stated.get("answer")}


def asked(number: int | str, row: dict, image: bytes | Path) -> benchmark_files.Question:
    """The item of a row."""
    return benchmark_files.Question(f"{row['image_id']}-{number}", [(row["image_id"], image)],
                                    shared_prompts.short_answer(row["question"], "en"), [row["answer"]])


def most_frequent(items: pd.DataFrame) -> np.ndarray:
    """Share of a language's items whose answer is its most frequent one: the score of a guess without image."""
    most = {code: 100 * rows.reference.value_counts(normalize=True).iloc[0] for code, rows in items.groupby("language")}
    return items.language.map(most).to_numpy(float)


TASK = Task(
    name="xgqa",
    group=BENCHMARK,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    chance=most_frequent,
    max_new_tokens=10,
    questions=questions,
)
