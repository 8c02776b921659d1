"""Which label is on the part that a question tells by size or colour? Read from a plot (SMPQA's reading)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from centurio_lib.evaluation import metrics
from centurio_lib.evaluation.tasks import plots

NAME = "smpqa_read"
METRIC = "exact_match"
MAX_NEW_TOKENS = 80  # the longest of 51,645 labels has 77 bytes, which a spelled answer may take one by one


def items(questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see plots.items."""
    return plots.items(NAME, questions, n)


def score(prediction: str, reference: str) -> float:
    """100 if the answer is the label but for case and outer spaces, else 0."""
    return metrics.exact_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return metrics.each(score, predictions, items.reference)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Nothing: a guess could be any word."""
    return np.zeros(len(items))
