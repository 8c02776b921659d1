"""Judge a statement about two images: MaRVL (Liu et al. 2021), and in English NLVR2 (Suhr et al. 2019)."""

from collections.abc import Iterator
from pathlib import Path

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

ANSWERS = ["yes", "no"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language."""
    if source.listing or (source.folder / "data").is_dir():
        yield from of_hub(source, code)
    else:
        yield from (nlvr2(source) if code == "en" else marvl(source, code))


def of_hub(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of the hub's copy, a file or several for each language but English."""
    def question(row: dict) -> benchmark_files.Question:
        images = [(f"{code}/{row[f'{side}_id']}", benchmark_files.content(source, row[side], f"{row['id']}, {side}"))
                  for side in ("left_img", "right_img")]
        return judged(row["id"], row["hypothesis"], row["label"], images)

    fields = ["id", "hypothesis", "label", "left_img_id", "right_img_id", "left_img", "right_img"]
    yield from benchmark_files.each(benchmark_files.table(source, f"data/{code}-*.parquet", fields), question)


def marvl(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of MaRVL; the two images of an item lie in one concept's folder."""
    def question(row: dict) -> benchmark_files.Question:
        names = [f"images/{code}/images/{row['concept']}/{row[side]}" for side in ("left_img", "right_img")]
        return judged(row["id"], row["caption"], row["label"], files_of(source, names))

    fields = ["id", "caption", "label", "concept", "left_img", "right_img"]
    rows = benchmark_files.records(source, f"annotations/marvl-{code}.jsonl", fields)
    yield from benchmark_files.each(rows, question)


def nlvr2(source: benchmark_files.Source) -> Iterator[benchmark_files.Question]:
    """Items of NLVR2's public test set; images are named after their pair, and labels are words."""
    def question(row: dict) -> benchmark_files.Question:
        names = [f"nlvr2/test1/{row['identifier'].rsplit('-', 1)[0]}-img{i}.png" for i in (0, 1)]
        return judged(row["identifier"], row["sentence"], row["label"], files_of(source, names))

    rows = benchmark_files.records(source, "nlvr2/test1.json", ["identifier", "sentence", "label"])
    yield from benchmark_files.each(rows, question)


def files_of(source: benchmark_files.Source, names: list[str]) -> list[tuple[str, Path]]:
    """Files of two images by their names."""
    return [(name, benchmark_files.picture(source, name)) for name in names]


def judged(item_id: str, statement: str, label: object,
           images: list[tuple[str, bytes | Path]]) -> benchmark_files.Question:
    """The item of a statement about two images. Raises RowError for a label that is neither true nor false."""
    if (right := benchmark_files.truth(label)) is None:
        raise benchmark_files.RowError(f"{item_id}: label {label!r} is neither true nor false")
    return benchmark_files.Question(item_id, images, shared_prompts.about_two_images(statement), [ANSWERS[not right]])


TASK = Task(
    name="marvl",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=10,
    questions=questions,
)
