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
    if source.listing or (source.folder / "data").is_dir():
        yield from of_hub(source, code)
    else:
        yield from of_annotations(source, code)


def of_hub(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of the hub's copy, which holds the images."""
    def question(row: dict) -> list[benchmark_files.Question]:
        image = benchmark_files.content(source, row["image"], f"{row['pair_id']}")
        return asked(row["pair_id"], row["hypothesis"], row["label"], [(f"{row['flikr30k_id']}", image)])

    fields = ["label", "hypothesis", "pair_id", "flikr30k_id", "image"]
    yield from benchmark_files.each(benchmark_files.table(source, f"data/{code}-*.parquet", fields), question)


def of_annotations(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of the published annotations, whose images are files of Flickr30k."""
    def question(row: dict) -> list[benchmark_files.Question]:
        name = f"{row['Flikr30kID']}.jpg"
        return asked(row["pairID"], row["sentence2"], row["gold_label"],
                     [(name, benchmark_files.picture(source, f"images/{name}"))])

    yield from benchmark_files.each(benchmark_files.records(source, f"annotations/{code}/test.jsonl", FIELDS), question)


def asked(item_id: str, statement: str, label: str, images: list) -> list[benchmark_files.Question]:
    """The item of a statement; none for one without a gold label."""
    return [benchmark_files.Question(item_id, images, prompt(statement), [ANSWERS[label]])] if label in ANSWERS else []


TASK = Task(
    name="xvnli",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=10,
    questions=questions,
)
