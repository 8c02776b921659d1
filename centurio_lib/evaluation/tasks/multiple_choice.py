"""Multiple choice among four names in a language, three of them of similar things (BIN-MC's shape)."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.evaluation import metrics
from centurio_lib.evaluation.tasks import draw

NAME = "multiple_choice"
METRIC = "accuracy"
KIND = "emoji"
MAX_NEW_TOKENS = 4
OPTIONS = prompts.LETTERS[:4]


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: set, n: int, seed: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see draw.items."""
    return draw.items(NAME, KIND, texts, images, held_out, n, seed, write)


def write(cell: draw.Cell, n: int) -> list[draw.Item]:
    """The items of one language and split; the right answer stands in each place equally often."""
    asked = ((concept, image, draw.negatives(cell, concept, 3)) for concept, image in draw.subjects(cell))
    full = list(islice((one for one in asked if len(one[2]) == 3), n))
    letters = draw.balanced(cell, OPTIONS, len(full))
    return [item(cell, *one, letter) for one, letter in zip(full, letters, strict=True)]


def item(cell: draw.Cell, concept: str, image: str, wrong: list[str], letter: str) -> draw.Item:
    """One item whose answer is a given letter."""
    options = cell.random.sample(wrong, 3)
    options.insert(OPTIONS.index(letter), concept)
    prompt = prompts.choice(cell.language, [cell.names[c] for c in options])
    return draw.Item([image], [concept], prompt, letter, set(options))


def score(prediction: str, reference: str) -> float:
    """100 if the answer starts or ends with the right letter, else 0."""
    return metrics.letter_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return np.array([score(*pair) for pair in zip(predictions, items.reference, strict=True)], dtype=float)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when a letter is guessed."""
    return np.full(len(items), 100 / len(OPTIONS))
