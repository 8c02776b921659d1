"""Questions about text in images, in 9 languages, answered in that language (MTVQA, Tang et al. 2024)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

CODES = {"ko": "kr"}  # Korean under its country's code, which the paper read as Kanuri


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; the file holds the questions about an image as a printed Python list."""
    where = ("lang", lambda lang: lang.lower() == CODES.get(code, code))
    for row in benchmark_files.table(source, "data/test-*.parquet", ["id", "lang", "qa_pairs", "image"], where):
        name, image = f"{code}-{row['id']}", benchmark_files.content(source, row["image"], f"row {row['id']}")
        pairs = benchmark_files.printed(row["qa_pairs"])
        if not isinstance(pairs, list):
            yield benchmark_files.Bad(f"{row['id']}: qa_pairs {row['qa_pairs'][:80]!r} are no list")
            continue
        for i, pair in enumerate(pairs):
            yield benchmark_files.Question(f"{row['id']}-{i}", [(name, image)],
                                     shared_prompts.short_answer(pair["question"], code), [pair["answer"]])


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
