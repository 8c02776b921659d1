"""Questions in 8 languages, answered in English (xGQA, Pfeiffer et al. 2022, of GQA's balanced test-dev)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from centurio_lib.evaluation import benchmark_files, benchmark_prompts, metrics

NAME = "xgqa"
METRIC = "exact_match"
MAX_NEW_TOKENS = 10
FIELDS = ["question", "answer", "image_id", "image"]
score = metrics.exact_match


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language. They have no id of their own, so they are counted; languages are parallel."""
    for i, row in enumerate(benchmark_files.table(source, f"data/{code}-*.parquet", FIELDS)):
        image = benchmark_files.content(source, row["image"], row["image_id"])
        yield benchmark_files.Question(f"{row['image_id']}-{i}", [(row["image_id"], image)],
                                 benchmark_prompts.short_answer(row["question"], "en"), [row["answer"]])


def chance(items: pd.DataFrame) -> np.ndarray:
    """Share of a language's items that its most frequent answer is right in: what a guess without looking gets."""
    most = {code: 100 * own.reference.value_counts(normalize=True).iloc[0] for code, own in items.groupby("language")}
    return items.language.map(most).to_numpy(float)
