"""Say whether a statement follows from an image: yes, no or maybe (XVNLI, Bugliarello et al. 2022)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, metrics
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

ANSWERS = {"entailment": "yes", "contradiction": "no", "neutral": "maybe"}
FIELDS = ["gold_label", "sentence2", "pairID", "Flikr30kID"]


def prompt(statement: str) -> str:
    """Prompt that asks whether a statement follows from the image."""
    return f"Is it guaranteed to be true that \"{statement}\"? Answer in English: yes, no or maybe."


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language, without statements on which annotators disagreed ("-")."""
    def question(row: dict) -> list[benchmark_files.Question]:
        if row["gold_label"] not in ANSWERS:
            return []
        name = f"{row['Flikr30kID']}.jpg"
        return [benchmark_files.Question(row["pairID"], [(name, benchmark_files.picture(source, f"images/{name}"))],
                                         prompt(row["sentence2"]), [ANSWERS[row["gold_label"]]])]

    yield from benchmark_files.each(benchmark_files.records(source, f"annotations/{code}/test.jsonl", FIELDS), question)


TASK = Task(
    name="xvnli",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=10,
    questions=questions,
)
