"""Name the country of a flag: an open answer in a given language (the form of MaXM)."""

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
    """Score of each item for a guess among the names of all flags: 100 / flags.

    No language asks about all flags, so flags are counted over all items: pass the items of all languages at once.
    """
    concepts = {concept for of_item in items[items.split != tables.BLIND].concepts for concept in of_item}
    return np.full(len(items), 100 / max(1, len(concepts)))


TASK = Task(
    name="flag",
    group=PICTURES,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    chance=among_flags,
    max_new_tokens=16,  # one of 1,000 country names is longer, in the laptop's tokens
    generative=True,
    kind="flag",
    write=write,
)
