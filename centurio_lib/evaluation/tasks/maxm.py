"""Open questions in 7 languages, answered in the question's (MaXM, Changpinyo et al. 2023)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import metrics

NAME = "maxm"
METRIC = "exact_match"
MAX_NEW_TOKENS = 10
FILES = {"he": "iw"}  # Hebrew under its former code
FIELDS = ["image_id", "question_id", "question", "processed_answers", "image"]


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language; every processed answer is right."""
    for row in published.table(source, f"data/{FILES.get(code, code)}-*.parquet", FIELDS):
        image = published.content(source, row["image"], row["question_id"])
        yield published.Question(row["question_id"], [(row["image_id"], image)],
                                 test_prompts.short_answer(row["question"], code), row["processed_answers"])


def score(prediction: str, reference: str) -> float:
    """100 if the answer is one of the right ones, else 0."""
    return metrics.any_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return metrics.each(score, predictions, items.reference)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Nothing: a guess could be any word."""
    return np.zeros(len(items))
