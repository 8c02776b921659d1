"""Captions of one sentence in 36 languages (Crossmodal-3600, Thapliyal et al. 2022)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from centurio_lib.evaluation import benchmark_files, chance, metrics
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one
from centurio_lib.languages import name_of


def prompt(code: str) -> str:
    """Prompt that asks for one sentence in a language."""
    return f"Briefly describe the image in {name_of(code)}, in one sentence."


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language, in the published order."""
    def question(row: dict) -> benchmark_files.Question:
        image = benchmark_files.content(source, row["image"], row["image_id"])
        return benchmark_files.Question(row["image_id"], [(row["image_id"], image)], prompt(code), row["captions"])

    rows = benchmark_files.table(source, f"data/{code}-*.parquet", ["image_id", "captions", "image"])
    yield from benchmark_files.each(rows, question)


def next_image(items: pd.DataFrame) -> np.ndarray:
    """Score of each item for the first caption of the language's next image."""
    return metrics.caption_scores(items, [metrics.first(text) for text in chance.following(items)])


def shares(items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """CIDEr-D of each caption as a share of the best reference's, 0..100, with the words of its language."""
    return metrics.caption_shares(items, predictions, metrics.words)


TASK = Task(
    name="xm3600",
    group=BENCHMARK,
    metric="cider_x100",  # the customary scale, as in the paper
    score=metrics.caption_scores,
    chance=next_image,
    max_new_tokens=128,
    generative=True,
    identified=True,
    besides={"cider": shares, "chrf": one_by_one(metrics.chrf)},
    repetition_penalty=1.1,  # as for the paper's captions
    questions=questions,
)
