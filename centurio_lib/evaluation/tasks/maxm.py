"""Open questions in 7 languages, answered in the question's language (MaXM, Changpinyo et al. 2023)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

FILES = {"he": "iw"}  # Hebrew under its former code
FIELDS = ["image_id", "question_id", "question", "processed_answers", "image"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; every processed answer is right."""
    def question(row: dict) -> benchmark_files.Question:
        image = benchmark_files.content(source, row["image"], row["question_id"])
        return benchmark_files.Question(row["question_id"], [(row["image_id"], image)],
                                        shared_prompts.short_answer(row["question"], code), row["processed_answers"])

    rows = benchmark_files.table(source, f"data/{FILES.get(code, code)}-*.parquet", FIELDS)
    yield from benchmark_files.each(rows, question)


TASK = Task(
    name="maxm",
    group=BENCHMARK,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    chance=chance.nothing,
    max_new_tokens=10,
    generative=True,
    questions=questions,
)
