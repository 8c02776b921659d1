"""Is a statement about two photographs right? In 12 languages (M5-VGR, Schneider and Sitaram 2024)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import metrics

NAME = "m5_vgr"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = ["yes", "no"]
FIELDS = ["sample_id", "hypothesis", "label", "left", "right"]


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language."""
    for row in published.table(source, f"data/{code}-*.parquet", FIELDS):
        images = [(f"{code}-{row['sample_id']}-{side}", published.content(source, row[side], row["sample_id"]))
                  for side in ("left", "right")]
        right = str(row["label"]).lower() in ("true", "1", "yes")
        yield published.Question(row["sample_id"], images, test_prompts.pair(row["hypothesis"]), [ANSWERS[not right]])


def score(prediction: str, reference: str) -> float:
    """100 if the answer is the right word, else 0."""
    return metrics.exact_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return metrics.each(score, predictions, items.reference)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when yes or no is guessed."""
    return np.full(len(items), 100 / len(ANSWERS))
