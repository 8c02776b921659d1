"""Images of a run (drawings, documents, plots): their tables, sizes and features."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib import params, tables
from centurio_lib.data.hub import ingest
from centurio_lib.data.image_store import Folder, ImageStore, Mapped, Tables
from centurio_lib.model import image_features
from centurio_lib.params import benchmarks
from centurio_lib.study import runs

TAKEN_IN = {"pretrain": "captions", "instruct": "instructions"}  # stages that take in the data sets of a training


class Source(NamedTuple):
    """Images of one table, in one or more files, all seen at one size (`side`, pixels)."""

    table: str
    files: list[Path]
    side: int

    def pictures(self, **equals) -> pd.DataFrame:
        """Read columns image_id and image of the rows where columns equal values."""
        column = tables.IMAGE_NAMES[self.table]
        frames = [tables.read(path, self.table, [column, "image"], **equals) for path in self.files]
        return pd.concat(frames, ignore_index=True).rename(columns={column: "image_id"})

    def store(self, image_ids: list[str]) -> ImageStore:
        """Images of the table among some ids; each image is read on access."""
        return Tables(self.files, self.table, image_ids)


def benchmark_pictures(run: runs.Run) -> Path:
    """Folder of the pictures of third-party benchmarks (notebook 08)."""
    return run.inputs["benchmarks"] / "pictures"


def sources(run: runs.Run) -> list[Source]:
    """The tables whose images a run may show."""
    drawings = run.inputs["captions"] / "images.parquet"
    found = [Source("images", [drawings], run.profile.base.image_size)]
    for stage in [stage for stage in run.inputs if stage in runs.TEXT_IMAGES]:
        files = runs.images_with_text(run, stage)
        found.append(Source(runs.TEXT_IMAGES[stage], files, params.text_image_size(run.profile)))
    return found


def of_run(run: runs.Run, model, image_ids: Iterable[str]) -> image_features.Features:
    """Features of the images of a run.

    Features of a frozen encoder are stored on disk: one file for all drawings, shared by all runs, and one for the text
    images of a kind of stage. Features of a tuned encoder are computed at every step of training, and once for an
    evaluation. A profile that stores no features computes these on access.
    """
    wanted, base = list(dict.fromkeys(image_ids)), run.profile.base
    parts = [_part(run, model, source, wanted) for source in sources(run)]
    if (store := on_disk(run, wanted)) is not None:
        parts.append(image_features.Live(model, store, base.vision_layer, base.image_size, run.setup.tiling))
    return image_features.Features(part for part in parts if part is not None)


def _part(run: runs.Run, model, source: Source, wanted: list[str]) -> image_features.Part | None:
    """Features of the wanted images of one table; None where the table has no such image."""
    how, vision = (run.profile.base.vision_layer, source.side, run.setup.tiling), model.model.vision_tower
    if not run.profile.base.cache_features:
        store = source.store(wanted)
        return image_features.Live(model, store, *how) if store.image_ids else None
    pictures = source.pictures(**_rows(run, source, wanted))
    if pictures.empty:
        return None
    if not run.setup.tune_encoder:
        return image_features.cached(run.inputs["captions"].parent / "features", vision, pictures, *how)
    if run.stage == "evaluate":
        return image_features.StoredFeatures(image_features.encode(vision, pictures, *how), pictures.image_id.tolist())
    return image_features.Live(model, pictures, *how)


def on_disk(run: runs.Run, wanted: list[str]) -> ImageStore | None:
    """Images of the hub's data sets (training) or of third-party benchmarks, which are too many to store features."""
    if run.stage in TAKEN_IN and run.profile.data.sources:
        return Mapped(ingest.image_files(run.inputs[TAKEN_IN[run.stage]]), wanted)
    third_party = run.stage == "evaluate" and benchmarks.of_profile(run.profile)
    return Folder(benchmark_pictures(run), wanted) if third_party else None


def _rows(run: runs.Run, source: Source, wanted: list[str]) -> dict:
    """Rows of a table whose images are encoded: those wanted, or all that share a file of stored features."""
    if run.setup.tune_encoder:
        return {tables.IMAGE_NAMES[source.table]: wanted}
    if source.table == "images":
        return {}
    # the same items are asked of all setups and seeds, but each trains on other samples
    return {tables.IMAGE_NAMES[source.table]: wanted} if run.stage == "evaluate" else {"split": "train"}
