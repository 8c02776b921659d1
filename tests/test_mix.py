"""Which language each sample is in: exact counts for any mix. Run with: pytest tests/test_mix.py"""

import math
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from centurio_lib.data import mix
from centurio_lib.data.mix import MixError
from centurio_lib.languages import language, languages, of_tiers
from centurio_lib.params import OcrMix

OTHERS = [code for code in languages() if code != "en"]
CODES = st.lists(st.sampled_from(OTHERS), min_size=1, unique=True)
SHARES = st.floats(0, 1)
ALLOCATIONS = st.sampled_from(sorted(mix.WEIGHTS))


def table(light: int, codes: list[str], heavy: int = 0) -> pd.DataFrame:
    """Samples that could be in English and in each of some languages, and text-heavy ones in English."""
    rows = [(f"s{i}", code, False) for i in range(light) for code in ("en", *codes)]
    rows += [(f"h{i}", "en", True) for i in range(heavy)]
    return pd.DataFrame(rows, columns=["sample_id", "language", "text_heavy"])


# === quotas ===
@given(st.integers(0, 100_000), CODES, SHARES, ALLOCATIONS)
def test_quotas_add_up_and_english_has_exactly_its_share(total, codes, share, allocation):
    wanted = mix.quotas(total, codes, share, allocation)
    assert sum(wanted.values()) == total
    assert wanted["en"] == round(share * total)
    assert set(wanted) == {"en", *codes} and min(wanted.values()) >= 0


@given(st.integers(0, 100_000), CODES, SHARES)
def test_uniform_quotas_differ_by_one_at_most(total, codes, share):
    wanted = mix.quotas(total, codes, share)
    others = [wanted[code] for code in codes]
    assert max(others) - min(others) <= 1


@given(st.integers(0, 100_000), CODES, SHARES, st.sampled_from(["stratified-1", "stratified-2"]))
def test_stratified_quotas_are_proportional_to_the_tiers_weight(total, codes, share, allocation):
    weight = {"stratified-1": lambda tier: 1 / tier, "stratified-2": lambda tier: math.exp(-tier)}[allocation]
    wanted = mix.quotas(total, codes, share, allocation)
    whole = sum(weight(language(code).tier) for code in codes)
    for code in codes:
        exact = (total - wanted["en"]) * weight(language(code).tier) / whole
        assert abs(wanted[code] - exact) < 1 + 1e-6


@pytest.mark.parametrize(("allocation", "cut"), [("uniform", 1), ("stratified-1", 3), ("stratified-2", 20)])
def test_stratified_allocation_cuts_the_top_tier_as_the_paper_says(allocation, cut):
    """With all 99 languages the paper's T5 gets about 3 and 20 times less than with a uniform mix (Table 16)."""
    total, top = 1_000_000, of_tiers([5])
    uniform, wanted = (mix.quotas(total, OTHERS, 0.5, chosen) for chosen in ("uniform", allocation))
    assert sum(uniform[c] for c in top) / sum(wanted[c] for c in top) == pytest.approx(cut, rel=0.2)


@pytest.mark.parametrize("share", [-0.1, 1.01, math.nan, math.inf])
def test_share_outside_0_to_1_is_refused(share):
    with pytest.raises(MixError, match="between 0 and 1"):
        mix.quotas(10, ["de"], share)


def test_a_rest_without_a_language_to_give_it_to_is_refused():
    with pytest.raises(MixError, match="no other language"):
        mix.quotas(10, [], 0.5)
    assert mix.quotas(10, [], 1.0) == {"en": 10}


def test_leftover_samples_go_to_the_first_languages():
    assert mix.quotas(11, ["sw", "de", "th"], 0.0) == {"en": 0, "sw": 4, "de": 4, "th": 3}


def test_documents_of_single_scripts_weigh_what_a_setup_says():
    codes = ["de", "fr", "ar", "ru", "th"]
    plain = mix.reading_quotas(1000, codes, OcrMix(english_share=0.2, other_weight=2.0))
    assert plain == {"en": 200, "de": 100, "fr": 100, "ar": 200, "ru": 200, "th": 200}
    said = mix.reading_quotas(1000, codes, OcrMix(english_share=0.2, other_weight=2.0,
                                                  scripts={"Arabic": 4.0, "Thai": 0.5, "Latin": 0.75}))
    assert said == {"en": 200, "de": 75, "fr": 75, "ar": 400, "ru": 200, "th": 50}


@given(st.integers(0, 10_000), CODES, SHARES)
def test_scripts_that_a_setup_does_not_name_leave_every_quota_as_it_is(total, codes, share):
    plain, named = OcrMix(english_share=share, other_weight=4.0), OcrMix(english_share=share, other_weight=4.0,
                                                                         scripts={"Latin": 1.0, "Thai": 4.0})
    assert plain.scripts == {} and mix.reading_quotas(total, codes, plain) == mix.reading_quotas(total, codes, named)


def test_an_unknown_script_is_refused():
    with pytest.raises(ValidationError, match=r"unknown scripts \['Arab'\]: there are Arabic, "):
        OcrMix(english_share=0.5, scripts={"Arab": 3.0})


# === assignment ===
@given(CODES.filter(lambda codes: len(codes) <= 12), SHARES, ALLOCATIONS, st.integers(0, 40), st.integers(0, 30),
       st.integers(0, 3))
def test_every_sample_is_in_exactly_one_language_and_every_quota_is_met(codes, share, allocation, light, heavy, seed):
    available = table(light + 5, codes, heavy)
    total = light + heavy
    chosen = mix.assign(available, total, codes, share, allocation, seed)
    assert len(chosen) == total and chosen.sample_id.is_unique
    pd.testing.assert_frame_equal(available.loc[chosen.index], chosen)  # only rows that there are
    own = chosen[chosen.text_heavy]
    assert (own.language == "en").all()
    assert len(own) == round(total * heavy / (light + 5 + heavy))
    wanted = mix.quotas(total - len(own), codes, share, allocation)
    assert Counter(chosen[~chosen.text_heavy].language) == Counter({c: n for c, n in wanted.items() if n})


def test_text_heavy_samples_are_outside_the_english_share():
    """A mix of 1 % English still holds every text-heavy sample, in English."""
    chosen = mix.assign(table(100, ["de", "sw"], heavy=25), 125, ["de", "sw"], 0.01, "uniform", 0)
    assert chosen.text_heavy.sum() == 25
    assert Counter(chosen[~chosen.text_heavy].language) == {"en": 1, "de": 50, "sw": 49}


def test_text_heavy_samples_are_never_in_another_language():
    """Not even where the table offers them in one."""
    offered = table(30, ["de"], heavy=10)
    translated = offered[offered.text_heavy].assign(language="de")
    chosen = mix.assign(pd.concat([offered, translated], ignore_index=True), 40, ["de"], 0.5, "uniform", 0)
    assert (chosen[chosen.text_heavy].language == "en").all() and chosen.text_heavy.sum() == 10


def test_each_sample_is_in_a_language_that_it_has():
    """Half of the samples lack Swahili, a third lack German."""
    available = table(60, ["de", "sw"])
    number = available.sample_id.str[1:].astype(int)
    lacks = ((available.language == "sw") & (number % 2 == 0)) | ((available.language == "de") & (number % 3 == 0))
    available = available[~lacks]
    chosen = mix.assign(available, 40, ["de", "sw"], 0.5, "uniform", 0)
    assert Counter(chosen.language) == {"en": 20, "de": 10, "sw": 10}
    assert set(chosen.index) <= set(available.index)


def test_same_seed_same_mix_and_another_seed_another():
    available = table(80, ["de", "sw", "th"])
    first, again, other = (mix.assign(available, 40, ["de", "sw", "th"], 0.5, "uniform", seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert Counter(first.language) == Counter(other.language)
    in_first, in_other = (set(zip(m.sample_id, m.language, strict=True)) for m in (first, other))
    assert in_first != in_other


def test_chosen_samples_come_shuffled():
    """Training reads them in this order: languages must not come one after the other."""
    chosen = mix.assign(table(200, ["de"]), 100, ["de"], 0.5, "uniform", 0)
    assert not chosen.index.is_monotonic_increasing
    assert 30 < (chosen.language.to_numpy()[1:] != chosen.language.to_numpy()[:-1]).sum() < 70


def test_languages_without_any_sample_are_named_and_their_share_goes_to_the_rest():
    available = table(40, ["de", "sw"])
    assert mix.missing(available, ["de", "yo", "sw", "ti"]) == ["yo", "ti"]
    chosen = mix.assign(available, 40, ["de", "yo", "sw", "ti"], 0.5, "uniform", 0)
    assert Counter(chosen.language) == {"en": 20, "de": 10, "sw": 10}


def test_too_few_samples_is_an_error_that_says_what_to_do():
    available = table(30, ["de"])
    with pytest.raises(MixError, match=r"language 'de' needs 20 samples, but only 10 .*lower `samples`"):
        mix.assign(available, 40, ["de"], 0.5, "uniform", 0)
    with pytest.raises(MixError, match="language 'en' needs 31"):
        mix.assign(available, 31, ["de"], 1.0, "uniform", 0)


def test_a_mix_of_languages_that_have_no_sample_is_an_error():
    with pytest.raises(MixError, match="no other language"):
        mix.assign(table(30, ["de"]), 20, ["yo"], 0.5, "uniform", 0)
