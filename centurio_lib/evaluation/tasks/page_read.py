"""What is written on a page? Read whole, from text that is never trained on (not in the paper).

SMPQA asks for one label among several and takes it right or wrong; what a small model reads of plain text shows here
first.
"""

import numpy as np
import pandas as pd

from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation import metrics, synthetic_items
from centurio_lib.params import PAGE_READ

NAME = PAGE_READ
METRIC = "characters"
MAX_NEW_TOKENS = 240  # letters of a full page, which a spelled answer may take one by one


def items(questions: pd.DataFrame, n: int) -> pd.DataFrame:
    """The task's rows of the `items` table: the first `n` pages of each language, more of English, and blind copies."""
    own = questions[questions.task == NAME]
    number = own.item_id.str.split("/").str[3].astype(int)  # ocr, split, language, number of the page
    most = own.language.eq("en").map({True: n * synthetic_items.ENGLISH_ITEMS, False: n})
    return own[number < most].reset_index(drop=True)


def score(prediction: str, reference: str) -> float:
    """Share of the characters that were read right, 0..100: what the character error rate leaves."""
    return max(0.0, 100 - metrics.character_errors(prediction, reference))


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when it is answered with the text of its language's next page."""
    return metrics.each(score, guessing.following(items), items.reference)
