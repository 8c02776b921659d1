"""Captioning in 36 languages (Crossmodal-3600, Thapliyal et al. 2022): one sentence in the language asked for."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from centurio_lib.evaluation import benchmark_files, benchmark_prompts, metrics
from centurio_lib.evaluation import chance as guessing

NAME = "xm3600"
METRIC = "cider_x100"  # the customary scale, as the paper prints it; `cider` besides is the share of the best reference
MAX_NEW_TOKENS = 128
REPETITION_PENALTY = 1.1  # of the paper's captions


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language, in the published order."""
    for row in benchmark_files.table(source, f"data/{code}-*.parquet", ["image_id", "captions", "image"]):
        image = benchmark_files.content(source, row["image"], row["image_id"])
        yield benchmark_files.Question(row["image_id"], [(row["image_id"], image)], benchmark_prompts.caption(code),
                                 row["captions"])


def score(prediction: str, reference: str) -> float:
    """Share of what the best reference gets, every n-gram weighing the same."""
    references = metrics.alternatives(reference)
    return metrics.cider(prediction, references, metrics.corpus([references]))


def scores(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """CIDEr-D of each answer x100. Pass all items of a language at once: they weigh its words."""
    return _by_language(items, predictions, 0.0, lambda *pair: 100 * metrics.cider_d(*pair))


def share(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """CIDEr-D of each answer as a share of the best reference's, 0..100: of the references themselves 100."""
    return _by_language(items, predictions, 1.0, metrics.cider)


def chance(items: pd.DataFrame) -> np.ndarray:
    """Score of each item when it is answered with the first caption of its language's next image."""
    return scores(items, [metrics.alternatives(text)[0] for text in guessing.following(items)])


def _by_language(items: pd.DataFrame, predictions: Sequence[str], smoothing: float, measure) -> np.ndarray:
    said, found = pd.Series(list(predictions), index=items.index), pd.Series(0.0, index=items.index)
    for code, own in items.groupby("language"):
        documents = [metrics.alternatives(r) for r in dict.fromkeys(own.reference)]
        within = metrics.corpus(documents, smoothing, partial(metrics.words, code=code))
        found[own.index] = [measure(said[i], metrics.alternatives(own.reference[i]), within) for i in own.index]
    return found.to_numpy()
