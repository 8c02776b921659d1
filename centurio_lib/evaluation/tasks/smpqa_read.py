"""Which label is on the part that a question tells by size or colour? Read from a plot (SMPQA's reading)."""


import pandas as pd

from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation import metrics, plot_items
from centurio_lib.params import SMPQA_READ

NAME = SMPQA_READ
METRIC = "exact_match"
MAX_NEW_TOKENS = 80  # the longest of 51,645 labels has 77 bytes, which a spelled answer may take one by one
score = metrics.exact_match
chance = guessing.nothing


def items(questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see plots.items."""
    return plot_items.items(NAME, questions, n)
