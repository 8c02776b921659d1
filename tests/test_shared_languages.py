"""Setups of a study put the same sample into the same language, so that they share its translation.

Run with: pytest tests/test_shared_languages.py
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib import params
from centurio_lib.data import mix, shared_languages

N = 16000
RQ1 = ["T5", "T5-T4", "T5-T3", "T5-T2", "L100"]


def available(n: int = N) -> pd.DataFrame:
    """Translatable English samples."""
    return pd.DataFrame({"sample_id": [f"s/{i}" for i in range(n)], "language": "en", "text_heavy": False,
                         "translatable": True})


def pairs(codes: list[str], share: float, allocation: str = "uniform", seed: int = 0) -> set:
    """Samples and their languages other than English of a mix."""
    made = mix.assign(available(), N, codes, share, allocation, seed)
    return set(made[["sample_id", "language"]][made.language != "en"].itertuples(index=False, name=None))


@given(st.dictionaries(st.sampled_from(["de", "fr", "hi", "sw", "zu", "en"]), st.integers(0, 40), min_size=1),
       st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_each_language_gets_as_many_samples_as_it_has_room_for(room, seed):
    ids = [f"s{i}" for i in range(sum(room.values()) + 5)]
    made = shared_languages.assigned(ids, room, seed)
    assert pd.Series(made).value_counts().to_dict() == {code: n for code, n in room.items() if n}
    assert list(made) == ids[:sum(room.values())] and shared_languages.assigned(ids, room, seed) == made


def test_a_larger_english_share_takes_translations_of_a_smaller_one_and_few_others():
    mixes = [pairs(params.setup("L100").mix, share) for share in (0.1, 0.5, 0.75)]
    for more, fewer in pairwise(mixes):
        assert len(fewer - more) < 0.1 * len(fewer)
        assert {sample for sample, _ in fewer} <= {sample for sample, _ in more}
    assert len(set.union(*mixes)) < 1.1 * len(mixes[0])


def test_setups_with_more_languages_share_translations_with_those_with_fewer():
    mixes = [pairs(params.setup(name).mix, 0.5) for name in RQ1]
    lists = [params.setup(name).mix for name in RQ1]
    least = sum(N / 2 * len(set(codes) - set().union(*lists[:i])) / len(codes) for i, codes in enumerate(lists))
    union = len(set.union(*mixes))
    assert least <= union + len(lists[-1]) and union < 1.05 * least < 0.7 * sum(map(len, mixes))


@pytest.mark.parametrize("allocation", ["stratified-1", "stratified-2"])
def test_another_allocation_shares_most_translations_too(allocation):
    codes = params.setup("L100").mix
    uniform, other = pairs(codes, 0.5), pairs(codes, 0.5, allocation)
    languages = [pd.Series([code for _, code in made]).value_counts() for made in (uniform, other)]
    most = np.minimum(languages[0], languages[1].reindex(languages[0].index).fillna(0)).sum()
    assert len(uniform & other) > 0.7 * most


def test_seeds_have_lots_of_their_own():
    codes = params.setup("L100").mix
    assert len(pairs(codes, 0.5) & pairs(codes, 0.5, seed=1)) < 0.05 * N / 2


def test_languages_do_not_follow_from_one_another():
    """Of the samples that one setup puts into German, another without German spreads all over its languages."""
    ids = [f"s/{i}" for i in range(6000)]
    with_german = shared_languages.assigned(ids, dict.fromkeys(["de", "fr", "hi", "sw"], 1500), 0)
    without = shared_languages.assigned(ids, dict.fromkeys(["fr", "hi", "sw"], 2000), 0)
    moved = pd.Series({one: without[one] for one, code in with_german.items() if code == "de"}).value_counts()
    assert moved.min() > 400
