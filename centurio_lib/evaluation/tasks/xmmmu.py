"""College questions with one to seven images in 7 languages (xMMMU, Yue et al. 2024; MMMU's validation set)."""

import re
from collections.abc import Iterator

from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

LANGUAGES = {"ar": "Arabic", "fr": "French", "hi": "Hindi", "id": "Indonesian", "ja": "Japanese", "pt": "Portuguese"}
FIELDS = ["id", "question", "options", "answer", "question_type", *(f"image_{i}" for i in range(1, 8))]
MARK = re.compile(r"<image (\d)>")


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language, a few of them open; an image without a mark stands before the question."""
    name = f"translated_MMMU_val_300_with_image_{LANGUAGES[code]}" if code in LANGUAGES else "en-*"
    rows = benchmark_files.table(source, f"data/{name}.parquet", FIELDS)
    yield from benchmark_files.each(rows, lambda row: question(source, code, row))


def question(source: benchmark_files.Source, code: str, row: dict) -> benchmark_files.Question:
    """The item of a row. Raises RowError for options that are no list and for a picture that is not there."""
    options = benchmark_files.printed(row["options"])
    if not isinstance(options, list):
        raise benchmark_files.RowError(f"{row['id']}: options {row['options']!r} are no list")
    prompt = (shared_prompts.choice(row["question"], options) if options
              else shared_prompts.short_answer(row["question"], code))
    marked = MARK.findall(prompt)
    before = [str(i) for i in range(1, 8) if row[f"image_{i}"] is not None and str(i) not in marked]
    images = [
        (f"{code}-{row['id']}-{i}", benchmark_files.content(source, row[f"image_{i}"], f"{row['id']} image_{i}"))
        for i in [*before, *marked]
    ]
    return benchmark_files.Question(row["id"], images, IMAGE * len(before) + MARK.sub(IMAGE, prompt),
                                    right(row["answer"]))


def right(answer: str) -> list[str]:
    """Right answers: a letter, or for an open question one answer ("[0, 1)" too) or a printed list of answers."""
    answers = benchmark_files.printed(answer) if answer.startswith("[") else None
    return [str(one) for one in answers] if isinstance(answers, list) else [answer]


TASK = Task(
    name="xmmmu",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.letters,
    max_new_tokens=10,
    questions=questions,
)
