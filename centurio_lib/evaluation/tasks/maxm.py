"""Open questions in 7 languages, answered in the question's (MaXM, Changpinyo et al. 2023)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, benchmark_prompts, metrics
from centurio_lib.evaluation import chance as guessing

NAME = "maxm"
METRIC = "exact_match"
MAX_NEW_TOKENS = 10
FILES = {"he": "iw"}  # Hebrew under its former code
FIELDS = ["image_id", "question_id", "question", "processed_answers", "image"]
score = metrics.any_match
chance = guessing.nothing


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; every processed answer is right."""
    for row in benchmark_files.table(source, f"data/{FILES.get(code, code)}-*.parquet", FIELDS):
        image = benchmark_files.content(source, row["image"], row["question_id"])
        yield benchmark_files.Question(row["question_id"], [(row["image_id"], image)],
                                 benchmark_prompts.short_answer(row["question"], code), row["processed_answers"])
