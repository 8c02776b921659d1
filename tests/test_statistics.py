"""Intervals hold the truth as often as they say, no effect is called one no more often than they say, pairs are paired.

Truth is known because the data are drawn here. Run: pytest tests/test_statistics.py
"""

import numpy as np
import pandas as pd
import pytest

from centurio_lib.findings import statistics

TRUTH = 50.0


def world(seed: int, languages=12, items=8, tasks=2, seeds=1, spread=10.0, noise=40.0, drift=0.0, setups=("A", "B")):
    """Index and scores (items, seeds, setups) of a group: languages and items differ, seeds drift, setups do not."""
    random = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([range(languages), range(tasks), range(items)], names=statistics.PLACE)
    shared = random.normal(0, spread, (languages, 1, 1)) + random.normal(0, noise, (languages, tasks, items))
    scores = [[TRUTH + shared + random.normal(0, drift) + random.normal(0, 20, shared.shape) for _ in range(seeds)]
              for _ in setups]
    return index, np.moveaxis(np.array(scores).reshape(len(setups), seeds, -1), (0, 1, 2), (2, 1, 0))


def deviations(index, values, draws=400):
    """Scores by seed and every level's deviation."""
    random = np.random.default_rng(0)
    by_seed, within = statistics.resampled(index, values, draws, random)
    return by_seed.mean(0), within + statistics.of_seeds(by_seed, draws, random)


def frame(values: np.ndarray, index: pd.MultiIndex, group="T3", split="new-style") -> pd.DataFrame:
    """Items with the columns of ITEM."""
    rows = [pd.DataFrame(index.to_frame(index=False)).assign(setup="AB"[k], seed=s, score=values[:, s, k])
            for k in range(values.shape[2]) for s in range(values.shape[1])]
    return pd.concat(rows, ignore_index=True).assign(group=group, split=split)[statistics.ITEM]


@pytest.mark.parametrize("shape", [
    {"languages": 1, "tasks": 4, "spread": 0}, {"languages": 6, "spread": 0}, {"languages": 6, "spread": 30},
    pytest.param({"languages": 20}, marks=pytest.mark.slow),
    pytest.param({"seeds": 3, "drift": 8}, marks=pytest.mark.slow),
], ids=["one language", "alike", "few unlike", "many", "seeds"])
def test_interval_holds_the_truth_at_the_stated_rate(shape):
    """95 of 100, less what 150 studies leave to chance (a standard error of 0.018)."""
    held = 0
    for study in range(150):
        index, values = world(study, setups=("A",), **shape)
        value, found = deviations(index, values)
        below, above = statistics.interval(found, 0.95)
        held += value[0] + below[0] <= TRUTH <= value[0] + above[0]
    assert 0.89 <= held / 150 <= 1


@pytest.mark.slow
def test_interval_of_less_confidence_misses_more_often():
    missed = 0
    for study in range(150):
        index, values = world(study, setups=("A",))
        value, found = deviations(index, values)
        below, above = statistics.interval(found, 0.5)
        missed += not value[0] + below[0] <= TRUTH <= value[0] + above[0]
    assert 0.38 <= missed / 150 <= 0.6


@pytest.mark.slow
def test_no_difference_is_called_one_at_the_stated_rate():
    called = 0
    for study in range(100):
        index, values = world(study, languages=8, items=5)
        found = statistics.contrasts(frame(values, index), [{"A": 1, "B": -1}], ["T3"], draws=400)
        called += found.p[0] < 0.05
    assert called / 100 <= 0.1


def test_pairs_are_paired():
    """Shared effects of items and languages cancel: a difference of 3 shows among scores that differ by 40."""
    index, values = world(0, spread=40, noise=40)
    values[:, :, 1] = values[:, :, 0] + 3 + np.random.default_rng(1).normal(0, 1, values[:, :, 0].shape)
    found = statistics.contrasts(frame(values, index), [{"B": 1, "A": -1}], ["T3"], draws=500).iloc[0]
    assert 2.5 < found.low < found.value < found.high < 3.5 and found.p < 0.01
    alone = statistics.bounds(frame(values, index), draws=500).iloc[0]
    assert alone.above - alone.below > 20


def test_difference_of_nothing_is_none():
    index, values = world(0)
    values[:, :, 1] = values[:, :, 0]
    found = statistics.contrasts(frame(values, index), [{"B": 1, "A": -1}], ["T3"], draws=200).iloc[0]
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_bounds_lie_around_the_score_and_say_of_how_many_items():
    rows = [("af", "flag", "1", 90.0), ("af", "pair", "1", 10.0), ("af", "pair", "2", 50.0), ("th", "pair", "1", 60.0)]
    items = pd.DataFrame(rows, columns=[*statistics.PLACE, "score"]).assign(setup="A", seed=0, split="s", group="T3")
    reach = statistics.bounds(items, draws=50).iloc[0]
    assert reach.below < 0 < reach.above and reach["items"] == 4


def test_other_rows_of_a_table_leave_an_interval_as_it_is():
    index, values = world(0)
    both = frame(values, index)
    others = frame(values, index, group="T1").assign(language=lambda rows: rows.language + 100)
    more = pd.concat([others, both.sample(frac=1, random_state=0)])
    alone = statistics.bounds(both[both.setup == "A"], draws=300)
    among = statistics.bounds(more, draws=300)
    among = among[(among.setup == "A") & (among.group == "T3")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, among)


def test_seeds_widen_an_interval_and_few_seeds_widen_it_most():
    def width(seeds):
        index, values = world(3, seeds=seeds, drift=10, setups=("A",))
        _, found = deviations(index, values, 2000)
        return np.subtract(*statistics.interval(found, 0.95))[0] * -1
    assert width(2) > width(5) > width(20)


def test_a_cell_that_one_setup_lacks_is_left_out_of_pairs_and_counted():
    index, values = world(0, languages=3)
    items = frame(values, index)
    items = items[~((items.setup == "B") & (items.language == 2) & (items.task == 0))]
    found = statistics.contrasts(items, [{"A": 1, "B": -1}], ["T3"], draws=50).iloc[0]
    assert (found.missing, found.cells, found["items"]) == (1, 5, 5 * 8)
    assert statistics.bounds(items, draws=50).set_index("setup")["items"].to_dict() == {"A": 48, "B": 40}


def test_holm():
    """By hand: 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.2 x 1, never below one before."""
    adjusted = statistics.holm(np.array([0.2, 0.01, 0.03, 0.02]))
    np.testing.assert_allclose(adjusted, [0.2, 0.04, 0.06, 0.06])
    assert statistics.holm(np.array([0.6, 0.9])).max() <= 1
    random = np.random.default_rng(0)
    falls = [(statistics.holm(random.random(20)) < 0.05).any() for _ in range(1000)]
    assert np.mean(falls) < 0.07, "of 20 comparisons of nothing, one is called an effect in 5 of 100 tables"


@pytest.mark.parametrize(("change", "message"), [
    (lambda rows: rows.assign(score=np.nan), "NaN scores"),
    (lambda rows: rows.iloc[:0], "nothing to average or draw from"),
    (lambda rows: rows.assign(group=None), "nothing to average or draw from"),
    (lambda rows: pd.concat([rows, rows]), "there twice"),
    (lambda rows: rows[(rows.setup == "A") | (rows.seed == 0)], "different seeds"),
    (lambda rows: rows[rows.setup == "A"], r"no items of \['B'\]"),
    (lambda rows: rows[(rows.setup == "A") == (rows.language == 0)], "no item in common"),
], ids=["nan", "empty", "no group", "twice", "seeds", "setup", "nothing shared"])
def test_items_that_nothing_can_be_said_of_are_errors(change, message):
    index, values = world(0, languages=2, seeds=2)
    with pytest.raises(ValueError, match=message):
        statistics.contrasts(change(frame(values, index)), [{"A": 1, "B": -1}], ["T3"], draws=10)


def test_seeds_that_were_asked_other_items_are_errors():
    index, values = world(0, seeds=2)
    rows = frame(values, index)
    with pytest.raises(ValueError, match="not every seed of 'A'"):
        statistics.bounds(rows[~((rows.seed == 1) & (rows.language == 3))], draws=10)
    with pytest.raises(ValueError, match="'Z' has no items"):
        statistics.differences(rows, "Z", ["T3"])
