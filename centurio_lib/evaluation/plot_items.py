"""Items about plots: which of the questions that notebook 06 made are asked."""

import pandas as pd

from centurio_lib.evaluation import synthetic_items


def items(task: str, questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's questions about the first `n` plots of each language, bars and pies by turns, and their blind copies.

    English gets up to `draw.ENGLISH_ITEMS` times as many, as in every task.
    """
    own = questions[questions.task == task]
    asked = own.item_id.str.split("/", expand=True)  # smpqa, split, language, kind, number of the plot, of the question
    number = asked[4].astype(int)
    most = own.language.eq("en").map({True: n * synthetic_items.ENGLISH_ITEMS, False: n})
    place = 2 * number + asked[3].ne("bar")  # of the plot, among those of its language
    return own[place < most].reset_index(drop=True)
