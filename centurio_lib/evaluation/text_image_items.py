"""Items about text in images, selected from the questions of notebooks 05 and 06."""

import pandas as pd

from centurio_lib.evaluation.synthetic_items import ENGLISH_ITEMS
from centurio_lib.evaluation.task import Task


def items(task: Task, questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's questions about the first `n` pages or plots of each language, and their blind copies.

    English gets up to `ENGLISH_ITEMS` times as many, as in every task.
    """
    rows = questions[questions.task == task.name]
    most = rows.language.eq("en").map({True: n * ENGLISH_ITEMS, False: n})
    first = rows[rows.number < most].reset_index(drop=True)
    return first.assign(options=[list(task.options)] * len(first))
