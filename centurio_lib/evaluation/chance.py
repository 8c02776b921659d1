"""Chance level of items: the expected headline score of a guess among the allowed answers."""

import numpy as np
import pandas as pd

from centurio_lib.evaluation import shared_prompts
from centurio_lib.evaluation.task import Chance, Scores


def among(n: int) -> Chance:
    """Chance of items with `n` answers each, one of which is right."""
    return lambda items: np.full(len(items), 100 / n)


def letters(items: pd.DataFrame) -> np.ndarray:
    """Score of each item for a guess among the letters of its prompt; 0 without letters: (items,)."""
    n = items.prompt.map(shared_prompts.n_options).to_numpy(float)
    return np.divide(100, n, out=np.zeros(len(n)), where=n > 0)


def nothing(items: pd.DataFrame) -> np.ndarray:
    """Chance of open questions: zeros, since an answer could be any word."""
    return np.zeros(len(items))


def another(score: Scores) -> Chance:
    """Chance of items by a score, with the next item's right answer in the same language as the guess."""
    return lambda items: score(items, following(items))


def following(items: pd.DataFrame) -> list[str]:
    """The next right answer of the same language for each item, "" without another one."""
    answers = {}
    for code, rows in items.groupby("language"):
        texts = list(dict.fromkeys(rows.reference))
        answers |= {(code, text): texts[(i + 1) % len(texts)] if len(texts) > 1 else "" for i, text in enumerate(texts)}
    return [answers[key] for key in zip(items.language, items.reference, strict=True)]
