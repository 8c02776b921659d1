"""Languages of samples: the total size is fixed, and every sample has exactly one language.

A share of the samples is English, the rest is spread over the setup's languages: uniformly, or by tier. The paper's
Stratified-1 and -2 (Table 16) weigh a language 1/i and 1/exp(i), where i counts tiers from the lowest-resourced.
Text-heavy samples (their image holds English text) stay English and are outside the share. Documents, whose image holds
text of a language of their own, have shares of their own (`reading_quotas`) and come besides.
"""

import math

import numpy as np
import pandas as pd
import pyarrow as pa

from centurio_lib import tables
from centurio_lib.data import shared_languages
from centurio_lib.languages import language
from centurio_lib.params import OcrMix, Profile, Setup

# weight of one language by its tier; the paper cuts T5 about 3 times (1/i) and 20 times (1/exp(i)) against uniform
WEIGHTS = {"uniform": lambda tier: 1.0, "stratified-1": lambda tier: 1 / tier,
           "stratified-2": lambda tier: math.exp(-tier)}
# what training reads of a sample
SCHEMA = pa.schema([tables.SCHEMAS["instructions"].field(name)
                    for name in ("sample_id", "images", "language", "family", "turns", "text_heavy")])


class MixError(ValueError):
    """A mix cannot be made from the samples; the message says which are missing."""


def quotas(total: int, codes: list[str], english_share: float, allocation: str = "uniform") -> dict[str, int]:
    """Number of samples of each language, `total` in sum; largest remainders get the rest, English comes first.

    Raises MixError for a share outside 0..1, or a share below 1 without any language to give the rest to.
    """
    return _divided(total, codes, english_share, np.array([WEIGHTS[allocation](language(code).tier) for code in codes]))


def reading_quotas(total: int, codes: list[str], ocr: OcrMix) -> dict[str, int]:
    """Number of documents of each language, exactly `total` times the setup's scale together.

    The setup gives the weight of a language by its script. Without such a weight, Latin script weighs 1 and any other
    script the setup's common weight. Raises MixError as `quotas`.
    """
    def weight(code: str) -> float:
        lang = language(code)
        return ocr.scripts.get(lang.script, 1.0 if lang.latin else ocr.other_weight)
    return _divided(round(total * ocr.scale), codes, ocr.english_share, np.array([weight(code) for code in codes]))


def _divided(total: int, codes: list[str], english_share: float, weights: np.ndarray) -> dict[str, int]:
    if not 0 <= english_share <= 1:
        raise MixError(f"english_share = {english_share}: a share between 0 and 1 is wanted")
    if english_share < 1 and not codes:
        raise MixError(f"english_share = {english_share} leaves samples over, but the mix has no other language")
    english = round(english_share * total)
    exact = (total - english) * weights / weights.sum() if codes else weights
    counts = np.floor(exact).astype(int)
    # earlier languages win ties, so that the same mix always comes out
    for i in sorted(range(len(codes)), key=lambda i: (counts[i] - exact[i], i))[:total - english - counts.sum()]:
        counts[i] += 1
    return {"en": english} | dict(zip(codes, counts.tolist(), strict=True))


def assign(available: pd.DataFrame, total: int, codes: list[str], english_share: float, allocation: str,
           seed: int) -> pd.DataFrame:
    """Give each of `total` samples one language.

    `available` has a row (sample_id, language, text_heavy) for every language that a sample could be in. Where it has a
    column `translatable` too, such samples have one row and could be in any language; a language takes other samples
    first, and setups share the languages of those (shared_languages.py). Languages of the mix without any sample are
    left out of the quotas (and named by `missing`). Returns the chosen rows in the language chosen for each, shuffled.
    Raises MixError if a language has too few samples.
    """
    random = np.random.default_rng(seed)
    taken = _text_heavy(available, total, random)
    light = available[~available.text_heavy]
    anywhere = light.translatable if "translatable" in light else pd.Series(False, light.index)
    pool = random.permutation(light.sample_id[anywhere].to_numpy()).tolist() if anywhere.any() else []
    have = {str(code): list(ids) for code, ids in light[~anywhere].groupby("language").sample_id}
    able = [code for code in codes if pool or code in have]
    quota = quotas(total - len(taken), able, english_share, allocation)
    left, translated = len(pool), {}
    # English takes its large share first, then those with the fewest samples to choose from
    for code in sorted(quota, key=lambda c: (c != "en", len(have.get(c, [])), c)):
        free = [s for s in have.get(code, []) if s not in taken]
        if len(free) + left < quota[code]:
            raise MixError(f"language {code!r} needs {quota[code]} samples, but only {len(free) + left} are left "
                           "for it: lower `samples` of the stage, build more images (`variants`), or name more data "
                           "sets")
        ids = [free[i] for i in random.permutation(len(free))[:quota[code]]]
        taken |= dict.fromkeys(ids, code)
        translated[code] = quota[code] - len(ids)
        left -= translated[code]
    taken |= shared_languages.assigned(pool, translated, seed) if pool else {}
    return _in_languages(available, taken).sample(frac=1, random_state=seed)


def of_setup(available: pd.DataFrame, config: Profile, setup: Setup, stage: str, seed: int,
             codes: list[str] | None = None) -> pd.DataFrame:
    """The mix of a stage ("pretrain", "instruct") of a setup: `assign` as profile and setup say.

    `codes`: languages other than English, those of the setup unless given.
    """
    share = setup.pretrain_english_share if stage == "pretrain" else setup.english_share
    total = getattr(config, stage).samples
    return assign(available, total, setup.mix if codes is None else codes, share, setup.allocation, seed)


def _text_heavy(available: pd.DataFrame, total: int, random: np.random.Generator) -> dict[str, str]:
    """The text-heavy samples of a mix, a share as large as theirs of all samples, each with its language: English."""
    n_samples = available.sample_id.nunique()
    heavy = available.sample_id[available.text_heavy & (available.language == "en")].tolist()
    n_heavy = round(total * len(heavy) / max(1, n_samples))
    return dict.fromkeys((heavy[i] for i in random.permutation(len(heavy))[:n_heavy]), "en")


def _in_languages(available: pd.DataFrame, taken: dict[str, str]) -> pd.DataFrame:
    """The rows of some samples in the languages that they are taken in."""
    language = available.sample_id.map(taken)
    if "translatable" not in available:
        return available[language == available.language]
    rows = (language == available.language) | (language.notna() & available.translatable)
    return available[rows].assign(language=language[rows])


def drawn(available: pd.DataFrame, counts: dict[str, int], seed: int, advice: str) -> pd.DataFrame:
    """So many rows of each language (columns sample_id, language), by seed. A smaller number takes some of the same.

    Raises MixError naming the language that has too few, with advice.
    """
    parts = []
    for code, n in counts.items():
        rows = available[available.language == code].sort_values("sample_id")
        if len(rows) < n:
            raise MixError(f"language {code!r} needs {n} samples with text in the image, but {len(rows)} were made: "
                           f"{advice}")
        parts.append(rows.iloc[np.random.default_rng([seed, *code.encode()]).permutation(len(rows))[:n]])
    return pd.concat(parts)


def missing(available: pd.DataFrame, codes: list[str]) -> list[str]:
    """Languages of a mix that have no sample at all."""
    have = set(available.language.unique())
    return [code for code in codes if code not in have]
