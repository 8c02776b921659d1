"""Questions about text in images, in 9 languages, answered in that language (MTVQA, Tang et al. 2024)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

CODES = {"ko": "kr"}  # Korean under its country's code, which the paper read as Kanuri


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; the file holds the questions about an image as a printed Python list."""
    where = ("lang", lambda lang: str(lang).lower() == CODES.get(code, code))
    rows = benchmark_files.table(source, "data/test-*.parquet", ["id", "lang", "qa_pairs", "image"], where)
    yield from benchmark_files.each(rows, lambda row: about_one_image(source, code, row))


def about_one_image(source: benchmark_files.Source, code: str, row: dict) -> list[benchmark_files.Question]:
    """The items of a row. Raises RowError for pairs that are no list."""
    images = [(f"{code}-{row['id']}", benchmark_files.content(source, row["image"], f"row {row['id']}"))]
    stated = row["qa_pairs"]
    pairs = stated if isinstance(stated, list) else benchmark_files.printed(stated)
    if not isinstance(pairs, list):
        raise benchmark_files.RowError(f"{row['id']}: qa_pairs {str(stated)[:80]!r} are no list")
    return [benchmark_files.Question(f"{row['id']}-{i}", images, shared_prompts.short_answer(pair["question"], code),
                                     [pair["answer"]]) for i, pair in enumerate(pairs)]


TASK = Task(
    name="mtvqa",
    group=BENCHMARK,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    chance=chance.nothing,
    max_new_tokens=10,
    generative=True,
    questions=questions,
)
