"""Which of five photographs does not match a statement? In 12 languages (M5-VLOD, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, benchmark_prompts, metrics
from centurio_lib.evaluation import chance as guessing
from centurio_lib.evaluation.tasks import m5_vgr

NAME = "m5_vlod"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
OPTIONS = benchmark_prompts.LETTERS[:5]
SHOWN = ["first", "second", "third", "fourth", "fifth"]
score = metrics.letter_match
chance = guessing.among(len(OPTIONS))


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; the label counts the images from 0, or is a letter already."""
    for row, images in m5_vgr.samples(source, code, SHOWN):
        label = str(row["label"]).strip().upper()
        letter = label if label in OPTIONS else OPTIONS[int(label)]
        yield benchmark_files.Question(row["sample_id"], images, benchmark_prompts.outlier(row["hypothesis"]), [letter])
