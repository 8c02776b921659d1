"""Judge a statement about two photographs, in 12 languages (M5-VGR, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, m5_files, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

ANSWERS = ["yes", "no"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language."""
    yield from m5_files.questions(source, code, ["left", "right"], shared_prompts.about_two_images, right)


def right(label: object) -> str | None:
    """Right answer of a label, however a truth value is written; None for another label."""
    holds = benchmark_files.truth(label)
    return None if holds is None else ANSWERS[not holds]


TASK = Task(
    name="m5_vgr",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=10,
    questions=questions,
)
