"""Multiple choice among four names in a language, three of them of similar things (BIN-MC's shape)."""

from itertools import islice

import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.evaluation import guessing, metrics
from centurio_lib.evaluation.tasks import draw

NAME = "multiple_choice"
METRIC = "accuracy"
KIND = "emoji"
MAX_NEW_TOKENS = 32  # any name: an answer among options ends by itself
OPTIONS = 4
score = metrics.exact_match
chance = guessing.among(OPTIONS)


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: set, n: int, seed: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see draw.items."""
    return draw.items(NAME, KIND, texts, images, held_out, n, seed, write)


def write(cell: draw.Cell, n: int) -> list[draw.Item]:
    """The items of one language and split; the right answer stands in each place equally often."""
    asked = ((concept, image, draw.negatives(cell, concept, OPTIONS - 1)) for concept, image in draw.subjects(cell))
    full = list(islice((one for one in asked if len(one[2]) == OPTIONS - 1), n))
    places = draw.balanced(cell, range(OPTIONS), len(full))
    return [item(cell, *one, place) for one, place in zip(full, places, strict=True)]


def item(cell: draw.Cell, concept: str, image: str, wrong: list[str], place: int) -> draw.Item:
    """One item whose answer stands in a given place among the options."""
    options = cell.random.sample(wrong, OPTIONS - 1)
    options.insert(place, concept)
    names = [cell.names[c] for c in options]
    return draw.Item([image], [concept], prompts.choice(cell.language, names), cell.names[concept], set(options),
                     tuple(names))
