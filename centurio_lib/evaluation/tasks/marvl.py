"""Is a statement about two images right? MaRVL (Liu et al. 2021), 5 languages; in English NLVR2 (Suhr et al. 2019)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import metrics

NAME = "marvl"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = ["yes", "no"]


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language."""
    yield from (nlvr2(source) if code == "en" else marvl(source, code))


def marvl(source: published.Source, code: str) -> Iterator[published.Question]:
    """MaRVL's, each pair of images from one concept's folder."""
    fields = ["id", "caption", "label", "concept", "left_img", "right_img"]
    for row in published.records(source, f"annotations/marvl-{code}.jsonl", fields):
        names = [f"images/{code}/images/{row['concept']}/{row[side]}" for side in ("left_img", "right_img")]
        yield published.Question(row["id"], [(name, published.picture(source, name)) for name in names],
                                 test_prompts.pair(row["caption"]), [ANSWERS[not row["label"]]])


def nlvr2(source: published.Source) -> Iterator[published.Question]:
    """NLVR2's public test set; an image's name follows from the pair's, and labels are words."""
    for row in published.records(source, "nlvr2/test1.json", ["identifier", "sentence", "label"]):
        names = [f"nlvr2/test1/{row['identifier'].rsplit('-', 1)[0]}-img{i}.png" for i in (0, 1)]
        yield published.Question(row["identifier"], [(name, published.picture(source, name)) for name in names],
                                 test_prompts.pair(row["sentence"]), [ANSWERS[str(row["label"]).lower() != "true"]])


def score(prediction: str, reference: str) -> float:
    """100 if the answer is the right word, else 0."""
    return metrics.exact_match(prediction, reference)


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Score of each answer, 0 or 100."""
    return metrics.each(score, predictions, items.reference)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when yes or no is guessed."""
    return np.full(len(items), 100 / len(ANSWERS))
