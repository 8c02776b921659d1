"""Files of M5 (Schneider and Sitaram 2024), which two tasks read."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files


def samples(source: benchmark_files.Source, code: str, columns: list[str]) -> Iterator[tuple[dict, list]]:
    """Rows of one language, each with id and content of the images in some columns."""
    for row in benchmark_files.table(source, f"data/{code}-*.parquet", ["sample_id", "hypothesis", "label", *columns]):
        yield row, [(f"{code}-{row['sample_id']}-{column}",
                     benchmark_files.content(source, row[column], row["sample_id"])) for column in columns]
