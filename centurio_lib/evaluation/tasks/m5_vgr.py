"""Is a statement about two photographs right? In 12 languages (M5-VGR, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import guessing, metrics

NAME = "m5_vgr"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = ["yes", "no"]
FIELDS = ["sample_id", "hypothesis", "label", "left", "right"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language."""
    for row in published.table(source, f"data/{code}-*.parquet", FIELDS):
        images = [(f"{code}-{row['sample_id']}-{side}", published.content(source, row[side], row["sample_id"]))
                  for side in ("left", "right")]
        right = str(row["label"]).lower() in ("true", "1", "yes")
        yield published.Question(row["sample_id"], images, test_prompts.pair(row["hypothesis"]), [ANSWERS[not right]])
