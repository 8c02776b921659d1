"""Judge a statement about two images: MaRVL (Liu et al. 2021), and in English NLVR2 (Suhr et al. 2019)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one

ANSWERS = ["yes", "no"]


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language."""
    yield from (nlvr2(source) if code == "en" else marvl(source, code))


def marvl(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of MaRVL; the two images of an item lie in one concept's folder."""
    fields = ["id", "caption", "label", "concept", "left_img", "right_img"]
    for row in benchmark_files.records(source, f"annotations/marvl-{code}.jsonl", fields):
        if (right := benchmark_files.truth(row["label"])) is None:
            yield benchmark_files.Bad(f"{row['id']}: label {row['label']!r} is neither true nor false")
            continue
        names = [f"images/{code}/images/{row['concept']}/{row[side]}" for side in ("left_img", "right_img")]
        yield benchmark_files.Question(row["id"], [(name, benchmark_files.picture(source, name)) for name in names],
                                 shared_prompts.about_two_images(row["caption"]), [ANSWERS[not right]])


def nlvr2(source: benchmark_files.Source) -> Iterator[benchmark_files.Question]:
    """Items of NLVR2's public test set; images are named after their pair, and labels are words."""
    for row in benchmark_files.records(source, "nlvr2/test1.json", ["identifier", "sentence", "label"]):
        if (right := benchmark_files.truth(row["label"])) is None:
            yield benchmark_files.Bad(f"{row['identifier']}: label {row['label']!r} is neither true nor false")
            continue
        names = [f"nlvr2/test1/{row['identifier'].rsplit('-', 1)[0]}-img{i}.png" for i in (0, 1)]
        yield benchmark_files.Question(
            row["identifier"],
            [(name, benchmark_files.picture(source, name)) for name in names],
            shared_prompts.about_two_images(row["sentence"]),
            [ANSWERS[not right]],
        )


TASK = Task(
    name="marvl",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=10,
    questions=questions,
)
