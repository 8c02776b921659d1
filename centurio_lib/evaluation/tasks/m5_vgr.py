"""Is a statement about two photographs right? In 12 languages (M5-VGR, Schneider and Sitaram 2024)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, benchmark_prompts, metrics
from centurio_lib.evaluation import chance as guessing

NAME = "m5_vgr"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = ["yes", "no"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language."""
    for row, images in samples(source, code, ["left", "right"]):
        right = str(row["label"]).lower() in ("true", "1", "yes")
        yield benchmark_files.Question(
            row["sample_id"], images, benchmark_prompts.pair(row["hypothesis"]), [ANSWERS[not right]]
        )


def samples(
    source: benchmark_files.Source, code: str, shown: list[str]
) -> Iterator[tuple[dict, list[tuple[str, bytes]]]]:
    """Rows of one language of M5's files, and id and content of the images in some of their columns."""
    for row in benchmark_files.table(source, f"data/{code}-*.parquet", ["sample_id", "hypothesis", "label", *shown]):
        yield (
            row,
            [
                (f"{code}-{row['sample_id']}-{place}", benchmark_files.content(source, row[place], row["sample_id"]))
                for place in shown
            ],
        )
