"""Which country has this flag? An open answer in a given language (MaXM's shape)."""

from itertools import islice

import numpy as np
import pandas as pd

from centurio_lib import tables
from centurio_lib.data import prompts
from centurio_lib.evaluation import metrics, synthetic_items

NAME = "flag"
METRIC = "exact_match"
KIND = "flag"
MAX_NEW_TOKENS = 16  # of 1,000 country names one is longer, in the laptop's tokens
score = metrics.exact_match


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: set, n: int, seed: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see draw.items."""
    return synthetic_items.items(NAME, KIND, texts, images, held_out, n, seed, write)


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split."""
    return [synthetic_items.Item([image], [concept], prompts.country(cell.language), cell.names[concept], {concept})
            for concept, image in islice(synthetic_items.subjects(synthetic_items.telling(cell)), n)]


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when a flag's name is guessed in its language: 100 / flags.

    No language asks about all flags, so they are counted over all the items: pass those of all languages at once.
    """
    asked = items[items.split != tables.BLIND].concepts
    return np.full(len(items), 100 / max(1, len({concept for shown in asked for concept in shown})))
