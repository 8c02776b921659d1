"""The mix of a run: the samples of its stage, each in one language, in training order.

The texts of samples stay on disk until a reader opens them.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import pandas as pd
import pyarrow as pa

from centurio_lib import params, tables
from centurio_lib.data import disk_table, mix, prompts
from centurio_lib.data.hub import hub_mix
from centurio_lib.study import runs, shown_images

ASKED = {"short": prompts.name, "dense": prompts.describe}  # question by the detail of its caption

CAPTION = pa.schema([tables.SCHEMAS["captions"].field(name) for name in ("image_id", "detail", "language", "caption")])


def instructions(run: runs.Run) -> pd.DataFrame:
    """The instruction samples of a run, then plots and documents; columns of mix.SCHEMA. Raises mix.MixError."""
    samples = _from_hub(run, "instruct") if run.profile.data.sources else _instructions(run)
    return _joined(run, [samples, plots(run), documents(run, run.profile.instruct)])


def captions(run: runs.Run) -> pd.DataFrame:
    """The caption samples of a run's pre-training stage as conversations, then documents; columns of mix.SCHEMA.

    Raises params.ParamsError where the setup has no such stage, mix.MixError.
    """
    if params.without_pretraining(run.setup):
        raise params.ParamsError(f"setup {run.setup.name!r} has no pre-training stage (pretrain_english_share is not "
                                 "set): run notebook 11")
    samples = _from_hub(run, "pretrain") if run.profile.data.sources else _captions(run)
    return _joined(run, [samples, documents(run, run.profile.pretrain)])


def _instructions(run: runs.Run) -> Iterator[pa.Table]:
    path = run.inputs["instructions"] / "instructions.parquet"
    known = tables.read(path, "instructions", columns=["sample_id", "language", "text_heavy"])
    chosen = _chosen(run, "instruct", known)
    return disk_table.select(run.folder, mix.SCHEMA, [path], chosen.index)


def _captions(run: runs.Run) -> Iterator[pa.Table]:
    path = run.inputs["captions"] / "captions.parquet"
    known = tables.read(path, "captions", columns=["image_id", "detail", "language"])
    chosen = _chosen(run, "pretrain", known.assign(sample_id=known.image_id + "/" + known.detail, text_heavy=False))
    for part in disk_table.select(run.folder, CAPTION, [path], chosen.index):
        yield pa.Table.from_pylist([_caption(row) for row in part.to_pylist()], mix.SCHEMA)


def _caption(row: dict) -> dict:
    """A row of the `captions` table as a conversation."""
    turns = [("user", ASKED[row["detail"]](row["language"])), ("assistant", row["caption"])]
    return {"sample_id": f"{row['image_id']}/{row['detail']}", "images": [row["image_id"]],
            "language": row["language"], "family": "caption",
            "turns": [{"role": role, "text": text} for role, text in turns], "text_heavy": False}


def _from_hub(run: runs.Run, stage: str) -> Iterator[pa.Table]:
    """Samples of the hub's data sets, in the mix that notebook 03 made."""
    translations = run.inputs["translate"]
    pairs = hub_mix.stored(translations, stage, run.setup.name, run.seed)
    return hub_mix.conversations(run.inputs[shown_images.TAKEN_IN[stage]], translations / stage, pairs, run.folder)


def plots(run: runs.Run) -> Iterable[pa.Table]:
    """Plots with English labels that come on top of an instruct mix, or none."""
    if not params.plots(run.profile, run.setup):
        return []
    path = run.inputs["smpqa"] / "instructions.parquet"
    known = tables.read(path, "instructions", columns=["sample_id", "language"])
    chosen = mix.drawn(known, {"en": run.profile.instruct.text_heavy_samples}, run.seed,
                       "raise smpqa.english_plots, or lower text_heavy_samples")
    return disk_table.select(run.folder, mix.SCHEMA, [path], chosen.index)


def documents(run: runs.Run, stage: params.Stage) -> Iterable[pa.Table]:
    """Documents of a stage in the languages of the setup's mix, or none. Raises mix.MixError for too few."""
    if run.setup.ocr is None:
        return []
    path = run.inputs["ocr"] / "instructions.parquet"
    known = tables.read(path, "instructions", columns=["sample_id", "language"])
    lacking = _lacking(known, run, "document")
    quotas = mix.reading_quotas(stage.ocr_samples, [code for code in run.setup.mix if code not in lacking],
                                run.setup.ocr)
    chosen = mix.drawn(known, quotas, run.seed,
                       "raise english_samples, latin_samples or other_script_samples of ocr, or lower ocr_samples")
    return disk_table.select(run.folder, mix.SCHEMA, [path], chosen.index)


def _chosen(run: runs.Run, stage: str, known: pd.DataFrame) -> pd.DataFrame:
    """Rows of a stage's mix, chosen from the rows of a table without their texts."""
    _lacking(known, run, "sample")
    return mix.of_setup(known, run.profile, run.setup, stage, run.seed)


def _lacking(known: pd.DataFrame, run: runs.Run, what: str) -> list[str]:
    """Languages of a setup's mix that a table has no rows in; prints their codes."""
    lacking = mix.missing(known, run.setup.mix)
    if lacking:
        print(f"no {what} in {len(lacking)} languages of the mix: {' '.join(lacking)}")
    return lacking


def _joined(run: runs.Run, parts: list[Iterable[pa.Table]]) -> pd.DataFrame:
    return disk_table.frame(disk_table.write(run.folder, mix.SCHEMA, chain.from_iterable(parts)))

