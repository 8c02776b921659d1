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
    """Items of one language."""
    yield from m5_files.questions(source, code, SHOWN, prompt, right)


def right(label: object) -> str | None:
    """Right answer of a label, which is an image's letter or its number from 0; None for another label."""
    written = str(label).strip().upper()
    if len(written) == 1 and written in OPTIONS:
        return written
    return OPTIONS[int(written)] if written in map(str, range(len(OPTIONS))) else None


TASK = Task(
    name="m5_vlod",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.among(len(OPTIONS)),
    max_new_tokens=10,
    questions=questions,
)
