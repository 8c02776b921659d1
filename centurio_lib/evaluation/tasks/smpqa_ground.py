"""Is a label on the part that a question tells by size or colour? Yes or no, of a plot (SMPQA's grounding)."""


import pandas as pd

from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation import metrics, plot_items
from centurio_lib.params import SMPQA_GROUND

NAME = SMPQA_GROUND
METRIC = "accuracy"
MAX_NEW_TOKENS = 8
ANSWERS = ["yes", "no"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def items(questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see plots.items; one of two words is to be said."""
    asked = plot_items.items(NAME, questions, n)
    return asked.assign(options=[ANSWERS] * len(asked))
