"""Questions on a country's culture in its language, with four options (CVQA, Romero et al. 2024)."""

import ast
from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one
from centurio_lib.languages import tested

FIELDS = ["id", "subset", "question", "options", "label", "image"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language and country. Raises MissingDataError for files with hidden labels."""
    where = ("subset", lambda cell: subset(cell) == tested()[code].name)
    for row in benchmark_files.table(source, "data/test-*.parquet", FIELDS, where):
        options = row["options"] if isinstance(row["options"], list) else benchmark_files.printed(row["options"])
        if not isinstance(options, list):
            yield benchmark_files.Bad(f"{row['id']}: options {row['options']!r} are no list")
            continue
        if not 0 <= int(row["label"]) < len(options):
            raise benchmark_files.MissingDataError(
                f"{source.name}: the labels are hidden in this revision; predictions can "
                f"be sent to the test server that {source.params.page} names"
            )
        image = benchmark_files.content(source, row["image"], row["id"])
        yield benchmark_files.Question(
            row["id"],
            [(row["id"], image)],
            shared_prompts.choice(row["question"], options),
            [shared_prompts.LETTERS[int(row["label"])]],
        )


def subset(cell: str) -> str:
    """Name of a subset: "Korean (South Korea)" for "('Korean', 'South Korea')"."""
    language, country = ast.literal_eval(cell)
    return f"{language} ({country})".replace("_", " ")


TASK = Task(
    name="cvqa",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.letters,
    max_new_tokens=10,
    questions=questions,
)
