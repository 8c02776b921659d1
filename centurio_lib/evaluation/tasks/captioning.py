"""Captioning in a given language: name and keywords of what the image shows (XM3600's shape)."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation import metrics, synthetic_items

NAME = "captioning"
METRIC = "cider"
KIND = "emoji"
MAX_NEW_TOKENS = 40  # of 1,000 gold captions one is longer, in the laptop's tokens
KEYWORDS = 3


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: set, n: int, seed: int) -> pd.DataFrame:
    """The task's rows of the `items` table, see draw.items."""
    return synthetic_items.items(NAME, KIND, texts, images, held_out, n, seed, write)


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split."""
    return [synthetic_items.Item([image], [concept], prompts.describe(cell.language),
                      prompts.dense_caption(cell.names[concept], list(cell.keywords[concept])[:KEYWORDS]), {concept})
            for concept, image in islice(synthetic_items.subjects(synthetic_items.telling(cell)), n)]


def score(prediction: str, reference: str) -> float:
    """CIDEr-D share of one answer, every n-gram weighing the same; `scores` weighs them by how rare they are."""
    return metrics.cider(prediction, [reference], metrics.corpus([[reference]]))


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """CIDEr-D share of each answer, 0..100.

    Document frequencies are those of all references of a language: pass the items of all its splits at once, since one
    cell has too few to weigh words by.
    """
    within = {code: metrics.corpus([r] for r in dict.fromkeys(own.reference))
              for code, own in items.groupby("language")}
    rows = zip(predictions, items.reference, items.language, strict=True)
    return np.array([metrics.cider(said, [meant], within[code]) for said, meant, code in rows], dtype=float)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when it is answered with another caption of its language: the next one in the table."""
    return scores(items, guessing.following(items))
