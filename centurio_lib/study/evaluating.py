"""Steps of notebook 12: load the tuned model, read its test items, name the run of its answers."""

from pathlib import Path

import pandas as pd

from centurio_lib import tables
from centurio_lib.data import pictures, splits
from centurio_lib.model import llava
from centurio_lib.params import benchmarks
from centurio_lib.study import runs


def tuned(run: runs.Run, model):
    """The model with the adapter of notebook 11, merged for decoding."""
    return llava.merged(llava.load(model, run.inputs["instruct"] / "adapter"))


def test_data(run: runs.Run) -> tuple[pd.DataFrame, pd.DataFrame, splits.Pairs]:
    """Tables that test items are drawn from: texts, images (without their bytes) and held-out pairs."""
    folder = run.inputs["captions"]
    texts = pictures.texts_of(folder)
    names = [name for name in tables.SCHEMAS["images"].names if name != "image"]
    return (texts, tables.read(folder / "images.parquet", "images", columns=names),
            splits.held_out_pairs(texts, run.profile.data))


def questions(run: runs.Run) -> pd.DataFrame | None:
    """Items about text in images (notebooks 05 and 06); None for a setup trained without such images."""
    stages = [stage for stage in run.inputs if stage in runs.TEXT_IMAGES]
    parts = [tables.read(run.inputs[stage] / "items.parquet", "items") for stage in stages]
    return pd.concat(parts, ignore_index=True) if parts else None


def benchmark_items(run: runs.Run) -> pd.DataFrame | None:
    """Items of the third-party benchmarks that notebook 08 read; None where the profile lists no benchmark."""
    if not benchmarks.of_profile(run.profile):
        return None
    return tables.read(run.inputs["benchmarks"] / "items.parquet", "items")


def coverage(run: runs.Run) -> pd.DataFrame:
    """One row for each third-party benchmark of the profile: the number of items, or why it was not run."""
    if not benchmarks.of_profile(run.profile):
        return pd.DataFrame(columns=tables.SCHEMAS["coverage"].names)
    return tables.read(run.inputs["benchmarks"] / "coverage.parquet", "coverage")


def identity(run: runs.Run) -> dict:
    """Columns that name the run of a row."""
    return {"profile": run.profile.name, "setup": run.setup.name, "seed": run.seed,
            "backbone": Path(run.profile.base.language_model).name}
