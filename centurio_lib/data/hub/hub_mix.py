"""Mixes of the hub's data sets: the language of each sample, and its text in that language.

A sample exists once, in English or a language of its own. Which language it is in follows from the setup and the seed
(mix.assign). Notebook 03 makes the mixes of all setups of a study, stores them, and translates what they take and
nothing else. Texts are in memory for one language at a time at most.
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

WITHOUT_TEXT = ["sample_id", "language", "text_heavy", "translatable"]


class NoMix(LookupError):
    """A setup's mix was not made; the message says how to make it."""


def without_text(folder: Path) -> pd.DataFrame:
    """All samples that were taken in under a folder, without their texts."""
    return pd.concat([tables.read(path, "samples", WITHOUT_TEXT) for path in ingest.sample_files(folder)],
                     ignore_index=True)


def assigned(samples: pd.DataFrame, config: params.Profile, setup: params.Setup, stage: str, seed: int) -> pd.DataFrame:
    """The samples of a stage ("pretrain", "instruct") of a setup, each in its one language, in training order.

    Columns sample_id, language. Raises mix.MixError, translate.TranslationError.
    """
    options = config.data.sources.translation
    chosen = mix.of_setup(samples, config, setup, stage, seed, translate.spoken_in(setup.mix, options))
    in_english = {code for code, rule in options.missing_languages.items() if rule == "english"}
    stays = chosen.language.isin(in_english) & chosen.translatable
    return pd.DataFrame({"sample_id": chosen.sample_id, "language": chosen.language.mask(stays, "en")}).reset_index(
        drop=True)


def store(folder: Path, config: params.Profile, stage: str, samples: pd.DataFrame) -> list[Path]:
    """Make and write the mix of a stage for each setup and seed of the study. Returns the files; others are removed."""
    setups = [params.setup(name) for name in params.studied(config)]
    files = []
    for setup in setups:
        if stage == "instruct" or not params.without_pretraining(setup):
            for seed in range(config.study.seeds):
                chosen = assigned(samples, config, setup, stage, seed)
                files.append(tables.write(_file(folder, stage, setup.name, seed), "mixes", chosen))
    for path in set((folder / stage).glob("mix-*.parquet")) - set(files):
        path.unlink()
    return files


def stored(folder: Path, stage: str, setup: str, seed: int) -> pd.DataFrame:
    """The mix of a setup and seed that `store` wrote. Raises NoMix saying how to make it."""
    path = _file(folder, stage, setup, seed)
    if not path.exists():
        raise NoMix(f"{path} is missing: name setup {setup!r} in `study` of the profile and as many `seeds` as are "
                    "wanted, then run notebook 03_translate again")
    return tables.read(path, "mixes")


def to_translate(files: list[Path], samples: pd.DataFrame) -> pd.DataFrame:
    """Each (sample_id, language) of some mixes that is another language than the sample's own, once."""
    none = pd.DataFrame(columns=["sample_id", "language"])
    pairs = pd.concat([none, *(tables.read(path, "mixes") for path in files)]).drop_duplicates(ignore_index=True)
    written_in = samples.set_index("sample_id").language
    return pairs[pairs.sample_id.map(written_in) != pairs.language]


class Samples:
    """Texts of some samples in their original language, by sample, in an unnamed file of `scratch`."""

    def __init__(self, folder: Path, sample_ids: Iterable[str], scratch: Path):
        files, ids = ingest.sample_files(folder), set(sample_ids)
        names = [name for path in files for name in tables.read(path, "samples", ["sample_id"]).sample_id]
        places = [place for place, name in enumerate(names) if name in ids]
        schema = tables.SCHEMAS["samples"]
        self.table = disk_table.write(scratch, schema, disk_table.read(files, schema.names, places))
        self.row = {names[place]: row for row, place in enumerate(places)}

    def rows(self, sample_ids: Iterable[str]) -> Iterator[dict]:
        """Rows of the `samples` table, in the order asked for."""
        for part in disk_table.in_order(self.table, [self.row[name] for name in sample_ids]):
            yield from part.to_pylist()

    def texts(self, sample_ids: Iterable[str]) -> list[str]:
        """The distinct texts of some samples."""
        return list(dict.fromkeys(turn["text"] for row in self.rows(sample_ids) for turn in row["turns"]))


def texts(folder: Path, pairs: pd.DataFrame, scratch: Path) -> Iterator[tuple[str, int, list[str]]]:
    """For each language of some (sample_id, language): how many samples, and their distinct texts."""
    if len(pairs):
        samples = Samples(folder, pairs.sample_id, scratch)
        for code, sample_ids in pairs.groupby("language").sample_id:
            yield code, len(sample_ids), samples.texts(sample_ids)


def conversations(folder: Path, translations: Path, pairs: pd.DataFrame, scratch: Path) -> Iterator[pa.Table]:
    """Samples in their languages as rows of `mix.SCHEMA`, in the order of `pairs`, in parts.

    Raises translate.TranslationError for a text that was not translated.
    """
    samples = Samples(folder, pairs.sample_id, scratch)
    languages = list(pairs.groupby("language").sample_id)
    parts = (part for code, sample_ids in languages for part in _in_language(samples, sample_ids, code, translations))
    by_language = disk_table.write(scratch, mix.SCHEMA, parts)
    return disk_table.in_order(by_language, np.argsort(np.concatenate([ids.index for _, ids in languages])))


def _in_language(samples: Samples, sample_ids: pd.Series, code: str, translations: Path) -> Iterator[pa.Table]:
    """Samples in one language."""
    foreign = [row["sample_id"] for row in samples.rows(sample_ids) if row["language"] != code]
    words = translate.words(translations, code, samples.texts(foreign)) if foreign else {}
    rows = (_conversation(row, code, words if row["language"] != code else {}) for row in samples.rows(sample_ids))
    while part := list(islice(rows, disk_table.ROWS)):
        yield pa.Table.from_pylist(part, mix.SCHEMA)


def _conversation(row: dict, code: str, words: dict[str, str]) -> dict:
    turns = [{"role": turn["role"], "text": words.get(turn["text"], turn["text"])} for turn in row["turns"]]
    return {"sample_id": row["sample_id"], "images": row["images"], "language": code, "family": row["source"],
            "turns": turns, "text_heavy": row["text_heavy"]}


def _file(folder: Path, stage: str, setup: str, seed: int) -> Path:
    return folder / stage / f"mix-{setup}-seed{seed}.parquet"
