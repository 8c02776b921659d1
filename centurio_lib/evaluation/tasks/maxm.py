"""Open questions in 7 languages, answered in the question's (MaXM, Changpinyo et al. 2023)."""

from collections.abc import Iterator

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import guessing, metrics

NAME = "maxm"
METRIC = "exact_match"
MAX_NEW_TOKENS = 10
FILES = {"he": "iw"}  # Hebrew under its former code
FIELDS = ["image_id", "question_id", "question", "processed_answers", "image"]
score = metrics.any_match
chance = guessing.nothing


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language; every processed answer is right."""
    for row in published.table(source, f"data/{FILES.get(code, code)}-*.parquet", FIELDS):
        image = published.content(source, row["image"], row["question_id"])
        yield published.Question(row["question_id"], [(row["image_id"], image)],
                                 test_prompts.short_answer(row["question"], code), row["processed_answers"])
