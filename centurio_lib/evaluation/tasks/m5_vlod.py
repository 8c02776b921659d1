"""Which of five photographs does not match a statement? In 12 languages (M5-VLOD, Schneider and Sitaram 2024)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import metrics

NAME = "m5_vlod"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
OPTIONS = test_prompts.LETTERS[:5]
SHOWN = ["first", "second", "third", "fourth", "fifth"]


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language; the label counts the images from 0, or is a letter already."""
    for row in published.table(source, f"data/{code}-*.parquet", ["sample_id", "hypothesis", "label", *SHOWN]):
        images = [(f"{code}-{row['sample_id']}-{place}", published.content(source, row[place], row["sample_id"]))
                  for place in SHOWN]
        label = str(row["label"]).strip().upper()
        letter = label if label in OPTIONS else OPTIONS[int(label)]
        yield published.Question(row["sample_id"], images, test_prompts.outlier(row["hypothesis"]), [letter])


def score(prediction: str, reference: str) -> float:
    """100 if the answer starts or ends with the right letter, else 0."""
    return metrics.letter_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return metrics.each(score, predictions, items.reference)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when a letter is guessed."""
    return np.full(len(items), 100 / len(OPTIONS))
