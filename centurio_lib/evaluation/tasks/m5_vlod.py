"""Which of five photographs does not match a statement? In 12 languages (M5-VLOD, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import guessing, metrics
from centurio_lib.evaluation.tasks import m5_vgr

NAME = "m5_vlod"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
OPTIONS = test_prompts.LETTERS[:5]
SHOWN = ["first", "second", "third", "fourth", "fifth"]
score = metrics.letter_match
chance = guessing.among(len(OPTIONS))


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language; the label counts the images from 0, or is a letter already."""
    for row, images in m5_vgr.samples(source, code, SHOWN):
        label = str(row["label"]).strip().upper()
        letter = label if label in OPTIONS else OPTIONS[int(label)]
        yield published.Question(row["sample_id"], images, test_prompts.outlier(row["hypothesis"]), [letter])
