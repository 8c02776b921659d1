"""Files of M5 (Schneider and Sitaram 2024), which two tasks read."""

from collections.abc import Callable, Iterator

from centurio_lib.evaluation import benchmark_files
from centurio_lib.evaluation.benchmark_files import Bad, Question


def questions(source: benchmark_files.Source, code: str, fields: list[str],
              prompt: Callable[[str], str], right: Callable[[object], str | None]) -> Iterator[Question | Bad]:
    """Items of one language. `fields`: those of the images; `right`: the answer of a label, None for a bad one."""
    def question(row: dict) -> Question:
        if (answer := right(row["label"])) is None:
            raise benchmark_files.RowError(f"{row['sample_id']}: label {row['label']!r} stands for no answer")
        images = [(f"{code}-{row['sample_id']}-{field}",
                   benchmark_files.content(source, row[field], row["sample_id"])) for field in fields]
        return Question(row["sample_id"], images, prompt(row["hypothesis"]), [answer])

    rows = benchmark_files.table(source, f"data/{code}-*.parquet", ["sample_id", "hypothesis", "label", *fields])
    yield from benchmark_files.each(rows, question)
