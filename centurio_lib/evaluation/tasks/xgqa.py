"""Questions in 8 languages, answered in English (xGQA, Pfeiffer et al. 2022; GQA's balanced test-dev)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from centurio_lib.evaluation import benchmark_files, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

FIELDS = ["question", "answer", "image_id", "image"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language, numbered since the files have no ids; languages are parallel."""
    for i, row in enumerate(benchmark_files.table(source, f"data/{code}-*.parquet", FIELDS)):
        image = benchmark_files.content(source, row["image"], row["image_id"])
        yield benchmark_files.Question(f"{row['image_id']}-{i}", [(row["image_id"], image)],
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
