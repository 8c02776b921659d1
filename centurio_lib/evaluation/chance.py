"""The chance level of items: what their headline gets by guessing among the answers that they allow."""

import numpy as np
import pandas as pd

from centurio_lib.evaluation import shared_prompts
from centurio_lib.evaluation.task import Chance, Scores


def among(n: int) -> Chance:
    """Chance of items that have `n` answers each, one of them right."""
    return lambda items: np.full(len(items), 100 / n)


def letters(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when one of the letters of its prompt is guessed; nothing where it has none: (items,)."""
    n = items.prompt.map(shared_prompts.n_options).to_numpy(float)
    return np.divide(100, n, out=np.zeros(len(n)), where=n > 0)


def nothing(items: pd.DataFrame) -> np.ndarray:
    """Zeros: an open answer could be any word."""
    return np.zeros(len(items))


def another(score: Scores) -> Chance:
    """Chance of items that are answered with the next right answer of their language, by a score."""
    return lambda items: score(items, following(items))


def following(items: pd.DataFrame) -> list[str]:
    """To each item another right answer of its language: the next one in the table, "" where there is no other."""
    answers = {}
    for code, rows in items.groupby("language"):
        texts = list(dict.fromkeys(rows.reference))
        answers |= {(code, text): texts[(i + 1) % len(texts)] if len(texts) > 1 else "" for i, text in enumerate(texts)}
    return [answers[key] for key in zip(items.language, items.reference, strict=True)]
