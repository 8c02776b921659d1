"""Mixes of data sets of the hub: which sample is in which language, and what is said in it there.

A sample exists once, in English or a language of its own. Which language it is in follows from the setup and
the seed (mix.spread); only what some setup of the study takes is translated, so that the cost is that of the
mixes.
"""

from pathlib import Path

import pandas as pd

from centurio_lib import params, tables
from centurio_lib.data import collect, mix, translate

LIGHT = ["sample_id", "language", "text_heavy", "translatable"]


def light(folder: Path) -> pd.DataFrame:
    """All samples that were taken in under a folder, without what they say."""
    return pd.concat(
        [tables.read(path, "samples", LIGHT) for path in collect.sample_files(folder)], ignore_index=True
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
    in_english = {code for code, kept in options.missing.items() if kept == "english"}
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


def texts(folder: Path, pairs: pd.DataFrame) -> dict[str, list[str]]:
    """The distinct texts of some (sample_id, language), by language."""
    if pairs.empty:
        return {}
    found: dict[str, dict[str, None]] = {}
    codes = pairs.groupby("sample_id").language.apply(list).to_dict()
    for row in _rows(folder, set(codes)):
        for code in codes[row.sample_id]:
            found.setdefault(code, {}).update(dict.fromkeys(turn["text"] for turn in row.turns))
    return {code: list(own) for code, own in sorted(found.items())}


def instructions(folder: Path, translations: Path, pairs: pd.DataFrame) -> pd.DataFrame:
    """Samples in their languages as rows of the `instructions` table, in the order of `pairs`."""
    rows = {row.sample_id: row for row in _rows(folder, set(pairs.sample_id))}
    found = []
    for code, own in pairs.groupby("language"):
        mine = [rows[sample_id] for sample_id in own.sample_id]
        needed = {turn["text"] for row in mine if row.language != code for turn in row.turns}
        said = translate.words(translations, code, needed) if needed else {}
        found += [
            {
                "sample_id": row.sample_id,
                "images": list(row.images),
                "concepts": [],
                "language": code,
                "family": row.source,
                "turns": [
                    {
                        "role": turn["role"],
                        "text": said.get(turn["text"], turn["text"])
                        if row.language != code
                        else turn["text"],
                    }
                    for turn in row.turns
                ],
                "text_heavy": row.text_heavy,
                "split": "train",
            }
            for row in mine
        ]
    frame = pd.DataFrame(found, columns=tables.SCHEMAS["instructions"].names)
    return frame.set_index("sample_id").loc[pairs.sample_id].reset_index()


def _rows(folder: Path, sample_ids: set[str]):
    for path in collect.sample_files(folder):
        frame = tables.read(path, "samples")
        yield from frame[frame.sample_id.isin(sample_ids)].itertuples()
