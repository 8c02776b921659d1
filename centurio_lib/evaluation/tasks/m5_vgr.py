"""Judge a statement about two photographs, in 12 languages (M5-VGR, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, m5_files, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

ANSWERS = ["yes", "no"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language."""
    for row, images in m5_files.samples(source, code, ["left", "right"]):
        if (right := benchmark_files.truth(row["label"])) is None:
            yield benchmark_files.Bad(f"{row['sample_id']}: label {row['label']!r} is neither true nor false")
            continue
        yield benchmark_files.Question(
            row["sample_id"], images, shared_prompts.about_two_images(row["hypothesis"]), [ANSWERS[not right]]
        )


TASK = Task(
    name="m5_vgr",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=10,
    questions=questions,
)
