"""Which images a run shows, from which tables, at which size, and their features: drawings, documents, plots."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib import params, runs, tables
from centurio_lib.data import collect, stored
from centurio_lib.model import features

NOTEBOOKS = {"ocr": "05_ocr", "smpqa": "06_smpqa"}
TABLES = {"ocr": "documents", "smpqa": "plots"}
SOURCED = {"pretrain": "02_captions", "instruct": "04_instructions"}  # notebooks that take in the data sets of a stage


class Source(NamedTuple):
    """Images of one table, in one or more files, all seen at one size (`side`, pixels)."""

    table: str
    files: list[Path]
    side: int

    def pictures(self, **equals) -> pd.DataFrame:
        """Columns image_id and image of the rows where columns equal values."""
        column = tables.IMAGE_NAMES[self.table]
        frames = [tables.read(path, self.table, [column, "image"], **equals) for path in self.files]
        return pd.concat(frames, ignore_index=True).rename(columns={column: "image_id"})


def sources(run: runs.Run) -> list[Source]:
    """The tables whose images a run may show. Raises provenance.KeyMismatch where the data is missing or stale."""
    drawings = runs.finished("02_captions", run.profile.name).folder / "images.parquet"
    found = [Source("images", [drawings], run.profile.base.pixels)]
    for stage in runs.text_data(run.profile, run.setup, run.stage):
        folder = runs.finished(NOTEBOOKS[stage], run.profile.name).folder
        files = sorted(folder.glob(f"{TABLES[stage]}-*.parquet"))
        found.append(Source(TABLES[stage], files, params.text_pixels(run.profile)))
    return found


def of_run(run: runs.Run, model, image_ids: Iterable[str]) -> features.Features:
    """Features of the images that a run shows.

    A frozen encoder's are kept on disk: of all drawings, so that every run shares them, and of the text images of one
    kind of stage. A tuned encoder's are computed at every step of training, and once for an evaluation.
    """
    wanted, layer, tiling = list(dict.fromkeys(image_ids)), run.profile.base.vision_layer, run.setup.tiling
    vision, parts = model.model.vision_tower, []
    for source in sources(run):
        tuned = run.setup.tune_encoder
        pictures = source.pictures(**({tables.IMAGE_NAMES[source.table]: wanted} if tuned else _shared(run, source, wanted)))
        if pictures.empty:
            continue
        if not tuned:
            folder = runs.finished("02_captions", run.profile.name).folder.parent / "features"
            parts.append(features.cached(folder, vision, pictures, layer, source.side, tiling))
        elif run.stage == "evaluate":
            values = features.encode(vision, pictures, layer, source.side, tiling)
            parts.append(features.Kept(values, pictures.image_id.tolist()))
        else:
            parts.append(features.Live(model, pictures, layer, source.side, tiling))
    images = on_disk(run)
    there = [image_id for image_id in wanted if image_id in images]
    if there:
        parts.append(features.OnDisk(model, images, there, layer, run.profile.base.pixels, tiling))
    return features.Features(parts)


def on_disk(run: runs.Run) -> stored.Stored:
    """Images of data sets of the hub that a run may show: of captions, and in later stages of conversations."""
    if not run.profile.data.sources or run.stage not in SOURCED:
        return stored.Stored([])
    return stored.Stored(collect.image_files(runs.finished(SOURCED[run.stage], run.profile.name).folder))


def _shared(run: runs.Run, source: Source, wanted: list[str]) -> dict:
    """Rows of a table whose features runs of every setup and seed share in this stage."""
    if source.table == "images":
        return {}
    if run.stage == "evaluate":  # the same items are asked of all
        return {tables.IMAGE_NAMES[source.table]: wanted}
    return {"split": "train"}
