"""Which country has this flag? An open answer in a given language (MaXM's shape)."""

from itertools import islice

import numpy as np
import pandas as pd

from centurio_lib import tables
from centurio_lib.data import prompts
from centurio_lib.evaluation import metrics, synthetic_items
from centurio_lib.evaluation.task import PICTURES, Task, one_by_one


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split."""
    return [synthetic_items.Item([image], [concept], prompts.country(cell.language), cell.names[concept], {concept})
            for concept, image in islice(synthetic_items.subjects(synthetic_items.telling(cell)), n)]


def among_flags(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when a flag's name is guessed in its language: 100 / flags.

    No language asks about all flags, so they are counted over all the items: pass those of all languages at once.
    """
    concepts = {concept for of_item in items[items.split != tables.BLIND].concepts for concept in of_item}
    return np.full(len(items), 100 / max(1, len(concepts)))


TASK = Task(
    name="flag",
    group=PICTURES,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    chance=among_flags,
    max_new_tokens=16,  # of 1,000 country names one is longer, in the laptop's tokens
    generative=True,
    kind="flag",
    write=write,
)
