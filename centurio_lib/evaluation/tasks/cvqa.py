"""Questions on a country's culture in its language, with four options (CVQA, Romero et al. 2024)."""

from collections.abc import Iterator, Sequence

import pandas as pd

from centurio_lib.evaluation import benchmark_files, benchmark_items, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one
from centurio_lib.languages import tested

FIELDS = ["id", "subset", "question", "options", "label", "image"]
HIDDEN = -1  # label of a question whose right answer is not published


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language and country."""
    where = ("subset", lambda cell: subset(cell) == tested()[code].name)
    rows = benchmark_files.table(source, "data/test-*.parquet", FIELDS, where)
    yield from benchmark_files.each(rows, lambda row: question(source, row))


def question(source: benchmark_files.Source, row: dict) -> benchmark_files.Question:
    """The item of a row; the published file has the label -1 everywhere, and a server keeps the right ones.

    Raises RowError for options that are no list and for another label that is none of theirs.
    """
    options = row["options"] if isinstance(row["options"], list) else benchmark_files.printed(row["options"])
    if not isinstance(options, list):
        raise benchmark_files.RowError(f"{row['id']}: options {row['options']!r} are no list")
    label, hidden = int(row["label"]), int(row["label"]) == HIDDEN
    if not hidden and not 0 <= label < len(options):
        raise benchmark_files.RowError(f"{row['id']}: label {label} is none of {len(options)} options")
    image = benchmark_files.content(source, row["image"], row["id"])
    return benchmark_files.Question(row["id"], [(row["id"], image)], shared_prompts.choice(row["question"], options),
                                    [] if hidden else [shared_prompts.LETTERS[label]], hidden)


def submission(items: pd.DataFrame, answers: Sequence[str]) -> pd.DataFrame:
    """Table for the test server (https://eval.ai/web/challenges/challenge-page/2305): columns ID, Prediction.

    A prediction is the place of the option from 0, or -1 for an answer that names none.
    """
    chosen = [place(answer, prompt) for answer, prompt in zip(answers, items.prompt, strict=True)]
    ids = [benchmark_items.published_id(item) for item in items.itertuples()]
    return pd.DataFrame({"ID": ids, "Prediction": chosen})


def place(answer: str, prompt: str) -> int:
    """Place from 0 of the option whose letter, or else whose text, is the answer; -1 without one."""
    options = [line[3:] for line in prompt.split("\n") if shared_prompts.OPTION.match(line)]
    readings = (shared_prompts.LETTERS[:len(options)], options)
    named = [i for texts in readings for i, text in enumerate(texts) if metrics.lenient_match(answer, text)]
    return named[0] if named else HIDDEN


def subset(cell: str) -> str:
    """Name of a subset: "Korean (South Korea)" for "('Korean', 'South Korea')"; another cell as it stands."""
    named = benchmark_files.printed(cell)
    if not (isinstance(named, tuple) and len(named) == 2):
        return str(cell)
    language, country = named
    return f"{language} ({country})".replace("_", " ")


TASK = Task(
    name="cvqa",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.letters,
    max_new_tokens=10,
    questions=questions,
    submission=submission,
)
