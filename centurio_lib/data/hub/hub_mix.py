"""Mixes of data sets of the hub: which sample is in which language, and what is said in it there.

A sample exists once, in English or a language of its own. Which language it is in follows from the setup and
the seed (mix.spread); only what some setup of the study takes is translated, so that the cost is that of the
mixes. What samples say is never in memory as a whole: of a language at a time at most.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from centurio_lib import params, tables
from centurio_lib.data import disk_table, mix
from centurio_lib.data.hub import ingest, translate

LIGHT = ["sample_id", "language", "text_heavy", "translatable"]


def light(folder: Path) -> pd.DataFrame:
    """All samples that were taken in under a folder, without what they say."""
    return pd.concat(
        [tables.read(path, "samples", LIGHT) for path in ingest.sample_files(folder)], ignore_index=True
    )


def chosen(
    config: params.Profile, setup: params.Setup, stage: str, samples: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """The samples of a stage ("pretrain", "instruct") of a setup, each in its one language, in training
    order.

    Columns sample_id, language. Raises mix.MixError, translate.TranslationError.
    """
    options = config.data.sources.translation
    share = setup.pretrain_english_share if stage == "pretrain" else setup.english_share
    codes = translate.spoken_in(setup.mix, options)
    found = mix.spread(samples, getattr(config, stage).samples, codes, share, setup.allocation, seed)
    in_english = {code for code, kept in options.missing_languages.items() if kept == "english"}
    own = samples.set_index("sample_id").translatable
    kept = found.language.isin(in_english) & found.sample_id.map(own)
    return found.assign(language=found.language.mask(kept, "en"))


def wanted(config: params.Profile, stage: str, samples: pd.DataFrame) -> pd.DataFrame:
    """Each (sample_id, language) that some setup of the study takes in a language other than the sample's
    own.
    """
    setups = [params.setup(name) for name in params.studied(config)]
    taking = [setup for setup in setups if stage == "instruct" or not params.without_pretraining(setup)]
    parts = [
        chosen(config, setup, stage, samples, seed) for setup in taking for seed in range(config.study.seeds)
    ]
    if not parts:
        return pd.DataFrame(columns=["sample_id", "language"])
    pairs = pd.concat(parts).drop_duplicates()
    own = samples.set_index("sample_id").language
    return pairs[pairs.sample_id.map(own) != pairs.language]


def taken(
    config: params.Profile, setup: params.Setup, stage: str, available: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """The languages of a setup's mix: of `available` samples of data sets, or of the study's own
    `instructions` table.
    """
    if config.data.sources:
        return chosen(config, setup, stage, available, seed)
    return mix.assign(
        available, getattr(config, stage).samples, setup.mix, setup.english_share, setup.allocation, seed
    )


class Samples:
    """What some samples say, in their own language, by sample: on disk, in a nameless file of `scratch`."""

    def __init__(self, folder: Path, sample_ids: Iterable[str], scratch: Path):
        self.table = disk_table.stored(scratch, "samples", ingest.sample_files(folder), set(sample_ids))
        self.place = {name: row for row, name in enumerate(self.table["sample_id"].to_pylist())}

    def rows(self, sample_ids: Iterable[str]) -> Iterator[dict]:
        """Rows of the `samples` table, in the order asked for."""
        for part in disk_table.gathered(self.table, [self.place[name] for name in sample_ids]):
            yield from part.to_pylist()

    def texts(self, sample_ids: Iterable[str]) -> list[str]:
        """The distinct texts of some samples."""
        return list(dict.fromkeys(turn["text"] for row in self.rows(sample_ids) for turn in row["turns"]))


def texts(folder: Path, pairs: pd.DataFrame, scratch: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Of each language of some (sample_id, language): how many samples, and their distinct texts."""
    if len(pairs):
        samples = Samples(folder, pairs.sample_id, scratch)
        for code, own in pairs.groupby("language").sample_id:
            yield code, len(own), samples.texts(own)


def instructions(folder: Path, translations: Path, pairs: pd.DataFrame, scratch: Path) -> Iterator[pa.Table]:
    """Samples in their languages as rows of the `instructions` table, in the order of `pairs`, in parts."""
    samples = Samples(folder, pairs.sample_id, scratch)
    own = [(code, of_code.sample_id) for code, of_code in pairs.groupby("language")]
    said = (part for code, mine in own for part in _said(samples, mine, code, translations))
    by_language = disk_table.spooled(scratch, tables.SCHEMAS["instructions"], said)
    return disk_table.gathered(by_language, np.argsort(np.concatenate([mine.index for _, mine in own])))


def _said(samples: Samples, mine: pd.Series, code: str, translations: Path) -> Iterator[pa.Table]:
    """Samples in one language."""
    foreign = [row["sample_id"] for row in samples.rows(mine) if row["language"] != code]
    said = translate.words(translations, code, samples.texts(foreign)) if foreign else {}
    rows = (_instruction(row, code, said if row["language"] != code else {}) for row in samples.rows(mine))
    while part := list(islice(rows, disk_table.ROWS)):
        yield pa.Table.from_pylist(part, tables.SCHEMAS["instructions"])


def _instruction(row: dict, code: str, said: dict[str, str]) -> dict:
    turns = [{"role": turn["role"], "text": said.get(turn["text"], turn["text"])} for turn in row["turns"]]
    return {
        "sample_id": row["sample_id"],
        "images": row["images"],
        "concepts": [],
        "language": code,
        "family": row["source"],
        "turns": turns,
        "text_heavy": row["text_heavy"],
        "split": "train",
    }
