"""Two images and two names in a language: do they show that? True or false (MaRVL's shape)."""

from collections.abc import Iterator
from itertools import islice

import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation import metrics, synthetic_items

NAME = "image_pair"
METRIC = "accuracy"
KIND = "emoji"
MAX_NEW_TOKENS = 4
ANSWERS = ["true", "false"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: set, n: int, seed: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see draw.items."""
    return synthetic_items.items(NAME, KIND, texts, images, held_out, n, seed, write)


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split, half of them true. Both things shown are subjects of the split."""
    asked = list(islice(pairs(cell), n))
    answers = synthetic_items.balanced(cell, ANSWERS, len(asked))
    return [item(cell, *one, answer) for one, answer in zip(asked, answers, strict=True)]


def pairs(cell: synthetic_items.Cell) -> Iterator[tuple[list[str], list[str], str]]:
    """Two concepts of different names, an image of each, and what the first is confused with."""
    for first, image in synthetic_items.subjects(cell):
        others = [c for c in cell.subjects if cell.names[c].casefold() != cell.names[first].casefold()]
        second = cell.random.choice(others) if others else first
        wrong = synthetic_items.negatives(cell, first, 1, besides=(second,))
        if others and wrong:
            yield [first, second], [image, cell.random.choice(cell.images[second])], wrong[0]


def item(
    cell: synthetic_items.Cell, shown: list[str], images: list[str], wrong: str, answer: str
) -> synthetic_items.Item:
    """One item with a given answer; the images come in random order, and so do the names."""
    named = [wrong, shown[1]] if answer == "false" else shown
    shown, images = zip(*cell.random.sample(list(zip(shown, images, strict=True)), 2), strict=True)
    prompt = prompts.pair(cell.language, [cell.names[c] for c in cell.random.sample(named, 2)])
    return synthetic_items.Item(list(images), list(shown), prompt, answer, {*shown, wrong})
