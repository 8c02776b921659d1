"""Multiple choice among four names in a language, three of them of similar things (BIN-MC's shape)."""

from itertools import islice

import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation import metrics, synthetic_items

NAME = "multiple_choice"
METRIC = "accuracy"
KIND = "emoji"
MAX_NEW_TOKENS = 32  # any name: an answer among options ends by itself
OPTIONS = 4
score = metrics.exact_match
chance = guessing.among(OPTIONS)


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: set, n: int, seed: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see draw.items."""
    return synthetic_items.items(NAME, KIND, texts, images, held_out, n, seed, write)


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split; the right answer stands in each place equally often."""
    asked = (
        (concept, image, synthetic_items.negatives(cell, concept, OPTIONS - 1))
        for concept, image in synthetic_items.subjects(cell)
    )
    full = list(islice((one for one in asked if len(one[2]) == OPTIONS - 1), n))
    places = synthetic_items.balanced(cell, range(OPTIONS), len(full))
    return [item(cell, *one, place) for one, place in zip(full, places, strict=True)]


def item(cell: synthetic_items.Cell, concept: str, image: str, wrong: list[str], place: int) -> synthetic_items.Item:
    """One item whose answer stands in a given place among the options."""
    options = cell.random.sample(wrong, OPTIONS - 1)
    options.insert(place, concept)
    names = [cell.names[c] for c in options]
    return synthetic_items.Item(
        [image], [concept], prompts.choice(cell.language, names), cell.names[concept], set(options), tuple(names)
    )
