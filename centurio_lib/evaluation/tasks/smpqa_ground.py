"""Is a label on the part that a question tells by size or colour? Yes or no, of a plot (SMPQA's grounding)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from centurio_lib.evaluation import metrics
from centurio_lib.evaluation.tasks import plots

NAME = "smpqa_ground"
METRIC = "accuracy"
MAX_NEW_TOKENS = 8
ANSWERS = ["yes", "no"]


def items(questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see plots.items; one of two words is to be said."""
    asked = plots.items(NAME, questions, n)
    return asked.assign(options=[ANSWERS] * len(asked))


def score(prediction: str, reference: str) -> float:
    """100 if the answer is the right word, else 0."""
    return metrics.exact_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return metrics.each(score, predictions, items.reference)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when yes or no is guessed."""
    return np.full(len(items), 100 / len(ANSWERS))
