"""Languages of translatable samples, so that the setups of a study share translations.

Each sample ranks all languages by lot, the same in every setup and for every English share. It goes to the first
language of its ranking that the setup has and that has room. So a sample that two setups put into languages of both
is nearly always in the same language, and is translated once. Rankings are races of exponential waiting times with the
languages' rooms as rates: first choices come out as the rooms ask for, and a smaller setup keeps the winners.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

TOGETHER = 1 << 16  # samples whose waiting times are in memory at a time


def assigned(sample_ids: list[str], room: dict[str, int], seed: int) -> dict[str, str]:
    """Language of each sample: as many samples as `room` says of each, English last.

    Samples come in an order by lot. Those in English are at its end, so that those of a smaller English share are
    translated too.
    """
    codes = [code for code, n in room.items() if n and code != "en"]
    n_others = sum(room[code] for code in codes)
    places = raced(sample_ids[:n_others], np.array([room[code] for code in codes]), codes, seed)
    rest = sample_ids[n_others:n_others + room.get("en", 0)]
    return {one: codes[place] for one, place in zip(sample_ids, places, strict=False)} | dict.fromkeys(rest, "en")


def raced(sample_ids: list[str], room: np.ndarray, codes: list[str], seed: int) -> np.ndarray:
    """Place in `codes` of the language of each sample: (samples,). `room`: samples of each language, all together."""
    lots = pd.util.hash_array(np.array(sample_ids, dtype=object))  # (samples,), of 64 bits
    names = pd.util.hash_array(np.array([f"{seed}/{code}" for code in codes], dtype=object))  # (languages,)
    chosen, free, rates = np.full(len(lots), -1), room.copy(), room.astype(float)
    left = np.arange(len(lots))
    while len(left):
        wanted = np.concatenate([*_wanted(lots[left], names, np.where(free > 0, rates, 0.0)), np.empty(0, int)])
        turn = pd.Series(wanted).groupby(wanted).cumcount().to_numpy()  # place in the queue of the language
        accepted = turn < free[wanted]
        chosen[left[accepted]] = wanted[accepted]
        free -= np.bincount(wanted[accepted], minlength=len(free))
        left = left[~accepted]
    return chosen


def _wanted(lots: np.ndarray, names: np.ndarray, rates: np.ndarray) -> Iterator[np.ndarray]:
    """The language that each sample waits for least, a part of the samples at a time."""
    for start in range(0, len(lots), TOGETHER):
        mixed = _scrambled(lots[start:start + TOGETHER, None] ^ names)  # (samples, languages)
        with np.errstate(divide="ignore"):  # a full language has the rate 0
            waiting = -np.log(((mixed >> np.uint64(12)) + 0.5) * 2.0 ** -52) / rates  # of numbers within 0 and 1
        yield waiting.argmin(1)


def _scrambled(numbers: np.ndarray) -> np.ndarray:
    """Numbers of 64 bits, each bit of which depends on all bits (the finisher of SplitMix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))
