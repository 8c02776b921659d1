"""Find the photograph of five that does not match a statement (M5-VLOD, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import benchmark_files, chance, m5_files, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

OPTIONS = shared_prompts.LETTERS[:5]
SHOWN = ["first", "second", "third", "fourth", "fifth"]


def prompt(statement: str) -> str:
    """Prompt that asks which of five images does not match a statement."""
    shown = " ".join(f"{letter}: {IMAGE}" for letter in OPTIONS)
    return f"Five images: {shown}\nWhich one does not match \"{statement}\"? Answer with one letter, A to E."


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; the label is the image's number from 0, or a letter."""
    for row, images in m5_files.samples(source, code, SHOWN):
        label = str(row["label"]).strip().upper()
        if label not in (*OPTIONS, *map(str, range(len(OPTIONS)))):
            yield benchmark_files.Bad(f"{row['sample_id']}: label {row['label']!r} is no image's number or letter")
            continue
        letter = label if label in OPTIONS else OPTIONS[int(label)]
        yield benchmark_files.Question(row["sample_id"], images, prompt(row["hypothesis"]), [letter])


TASK = Task(
    name="m5_vlod",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.among(len(OPTIONS)),
    max_new_tokens=10,
    questions=questions,
)
