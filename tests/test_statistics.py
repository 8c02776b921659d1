"""Intervals agree with scipy's tests where these apply, pairs are paired, and what cannot be known is said.

The slow test draws data whose truth is known. Run: pytest tests/test_statistics.py
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from centurio_lib import params, tables
from centurio_lib.findings import seed_variance, simulated_coverage, statistics
from centurio_lib.findings.item_scores import ITEM
from centurio_lib.findings.seed_variance import Part

DIFFERENCE = {("B", "T3"): 1.0, ("A", "T3"): -1.0}


def frame(values: np.ndarray, things=None, language=None, seeds=None, group="T3") -> pd.DataFrame:
    """Items of setups A, B, ... from values (setups, seeds, items); one cell, or one for each `language`."""
    n = values.shape[2]
    things, language = things if things is not None else range(n), language if language is not None else ["af"] * n
    rows = [{"setup": "ABCDEFGH"[k], "seed": (seeds or {}).get("ABCDEFGH"[k], range(values.shape[1]))[s],
             "split": "new-style",
             "task": "flag", "metric": "exact_match", "language": language[i], "group": group, "item_id": str(i),
             "thing": str(things[i]), "score": values[k, s, i]}
            for k in range(len(values)) for s in range(values.shape[1]) for i in range(n)]
    return pd.DataFrame(rows)[ITEM]


def one(items: pd.DataFrame, weights=DIFFERENCE, **more) -> pd.Series:
    """A single estimate."""
    return statistics.contrasts(items, [weights], **more).iloc[0]


def runs(*of_setups: list[float]) -> np.ndarray:
    """Runs whose items all shift alike by seed: (setups, seeds, items); items vary by nothing else."""
    return np.array(of_setups)[:, :, None] + np.zeros(4)


def interval(found: pd.Series) -> tuple[float, float]:
    return found.low, found.high


# === against scipy ===
def test_seeds_alone_give_students_interval_of_pairs():
    a, b = [50.0, 53, 55, 49], [58.0, 57, 63, 60]
    expected = stats.ttest_rel(b, a)
    found = one(frame(runs(a, b)))
    np.testing.assert_allclose(interval(found), expected.confidence_interval(0.95))
    np.testing.assert_allclose([found.p, found.df], [expected.pvalue, 3], rtol=1e-6)


def test_setups_of_other_seeds_are_compared_without_pairs():
    a, b = [50.0, 53, 55, 49], [58.0, 57, 63, 60]
    expected = stats.ttest_ind(b, a)
    found = one(frame(runs(a, b), seeds={"B": [4, 5, 6, 7]}))
    np.testing.assert_allclose(interval(found), expected.confidence_interval(0.95))
    assert found.df == 6


def test_things_alone_give_students_interval_over_items():
    """Nothing differs between seeds."""
    random = np.random.default_rng(0)
    scores = np.repeat(random.normal(50, 20, (2, 1, 12)), 2, axis=1)
    expected = stats.ttest_rel(scores[1, 0], scores[0, 0])
    found = one(frame(scores))
    np.testing.assert_allclose(interval(found), expected.confidence_interval(0.95))
    np.testing.assert_allclose([found.p, found.df], [expected.pvalue, 11], rtol=1e-6)
    alone = one(frame(scores), {("A", "T3"): 1.0})
    np.testing.assert_allclose(interval(alone), stats.ttest_1samp(scores[0, 0], 0).confidence_interval(0.95))


def test_cells_of_any_size_count_alike():
    """By hand: the mean of two cell means has a quarter of the sum of their variances."""
    first, second = np.array([10.0, 20, 60]), np.array([50.0, 70, 30, 90, 40])
    values = np.repeat(np.concatenate([first, second])[None, None], 2, axis=1)
    found = one(frame(values, language=["af"] * 3 + ["th"] * 5), {("A", "T3"): 1.0})
    assert found.value == (first.mean() + second.mean()) / 2
    np.testing.assert_allclose(found.things_variance, (first.var(ddof=1) / 3 + second.var(ddof=1) / 5) / 4)


def test_satterthwaite_is_welchs_for_two_samples():
    a, b = np.array([50.0, 53, 55, 49]), np.array([58.0, 70, 63, 40, 45, 61])
    found = seed_variance.together([Part(x.var(ddof=1) / len(x), len(x) - 1) for x in (a, b)])
    expected = stats.ttest_ind(a, b, equal_var=False)
    np.testing.assert_allclose(found.df, expected.df)
    np.testing.assert_allclose(found.variance, a.var(ddof=1) / 4 + b.var(ddof=1) / 6)


def test_bartlett():
    random = np.random.default_rng(0)
    groups = [random.normal(0, scale, n) for scale, n in ((1, 3), (2, 5), (5, 4))]
    setups = np.repeat(["A", "B", "C"], [3, 5, 4])
    deviations = np.concatenate([group - group.mean() for group in groups])
    np.testing.assert_allclose(seed_variance.bartlett(setups, deviations), stats.bartlett(*groups).pvalue)


def test_prior_of_variances_is_found_again():
    """Variances of 2 degrees of freedom, about a prior of 4 with 8 (Smyth 2004)."""
    random = np.random.default_rng(0)
    true = 4 * 8 / random.chisquare(8, 20_000)
    prior, df = seed_variance.prior_of(true * random.chisquare(2, 20_000) / 2, np.full(20_000, 2))
    assert abs(prior - 4) < 0.2 and abs(df - 8) < 0.8
    alike = seed_variance.prior_of(np.array([4.0, 5, 6]), np.array([2, 2, 2]))
    assert alike == (5, np.inf), "no further apart than chance"


# === seeds ===
def test_setups_of_one_recipe_share_their_seed_variance():
    """Two setups of two runs have one degree of freedom, eight have seven: 12.7 against 2.4 standard errors."""
    random = np.random.default_rng(1)
    many = frame(runs(*random.normal(50, 5, (8, 2))))
    few = one(many[many.setup.isin(["A", "B"])])
    pooled = one(many)
    assert few.df == 1 and pooled.df == 7 and few.value == pooled.value
    errors = [(found.high - found.low) / 2 / np.sqrt(found.seeds_variance) for found in (few, pooled)]
    np.testing.assert_allclose(errors, [12.7, 2.36], rtol=0.01)


def test_setups_that_vary_unlike_each_other_are_moderated():
    quiet = [[50.0, 50.1, 49.9, 50.0, 50.05]] * 6
    items = frame(runs([40.0, 60, 50, 45, 55], *quiet))
    loud, calm = (one(items, {(setup, "T3"): 1.0}) for setup in "AB")
    assert loud.seeds_variance > 100 * calm.seeds_variance


def test_noise_of_seeds_in_items_counts_once():
    """Answers that flip at random between seeds, without a thing that is harder: things add nothing on average."""
    random, parts = np.random.default_rng(0), []
    for _ in range(100):
        parts.append(one(frame(random.normal(50, 30, (2, 3, 40))))[["seeds_variance", "things_variance"]])
    means = pd.DataFrame(parts).mean()
    assert means.things_variance < 0.4 * means.seeds_variance
    np.testing.assert_allclose(means.seeds_variance, 2 * 30 ** 2 / 40 / 3, rtol=0.3)


def test_one_seed_uses_what_is_known_of_its_recipe_and_else_says_what_is_lacking():
    items = frame(np.random.default_rng(0).normal(50, 10, (3, 3, 12)))
    first, known = items[items.seed == 0], seed_variance.table(items, "a recipe")
    with_seeds, without = one(first, variance=known), one(first)
    assert without.why == statistics.ONE_SEED and without.seeds_variance == 0
    assert with_seeds.why == "" and with_seeds.seeds_variance > 0 and with_seeds.seeds == 1
    other_task = first.assign(task="captioning")
    assert one(other_task, variance=known).why == statistics.ONE_SEED


def test_seed_variance_of_another_recipe_is_refused(tmp_path):
    items = frame(np.random.default_rng(0).normal(50, 10, (2, 3, 6)))
    table = seed_variance.table(items, "one")
    tables.write(tmp_path / "seed_variance.parquet", "seed_variance", table)
    assert seed_variance.known("another", [tmp_path]).empty
    pd.testing.assert_frame_equal(seed_variance.known("one", [tmp_path]), table)
    with pytest.raises(ValueError, match="seed variance of another recipe"):
        seed_variance.best(seed_variance.table(items, "another"), table)
    fewer = seed_variance.table(items[items.seed < 2], "one")
    assert len(seed_variance.best(fewer, table)) == len(seed_variance.best(table, fewer)) == len(table)


def test_recipe_follows_training_and_items_and_not_the_machine():
    laptop = params.profile("laptop")
    same = laptop.model_copy(update={"threads": 9, "study": laptop.study.model_copy(update={"seeds": 6})})
    longer = laptop.model_copy(update={"instruct": laptop.instruct.model_copy(update={"samples": 9})})
    asked = laptop.evaluation.model_copy(update={"items": {"flag": 1}})
    assert params.recipe(same) == params.recipe(laptop)
    assert len({params.recipe(p) for p in (laptop, longer, laptop.model_copy(update={"evaluation": asked}))}) == 3


# === things and languages ===
def test_a_thing_that_many_languages_ask_about_is_one_thing():
    """Ten languages that answer alike about twelve things tell what one of them tells."""
    scores = np.random.default_rng(0).normal(50, 20, (2, 1, 12))
    codes = [f"l{i}" for i in range(10) for _ in range(12)]
    copied = np.repeat(np.tile(scores, 10), 2, axis=1)
    clustered = one(frame(copied, things=list(range(12)) * 10, language=codes))
    apart = one(frame(copied, language=codes))
    single = one(frame(np.repeat(scores, 2, axis=1)))
    np.testing.assert_allclose(clustered.things_variance, single.things_variance, rtol=0.1)
    np.testing.assert_allclose(apart.things_variance, single.things_variance / 10)
    assert clustered.things == 12 and clustered.cells == 10


def test_things_that_differ_oppositely_in_two_languages_still_give_an_interval():
    values = np.array([0.0, 10, 20, 20, 10, 0])[None, None] + np.zeros((1, 2, 6))
    found = one(frame(values, things=[0, 1, 2, 0, 1, 3], language=["af"] * 3 + ["th"] * 3), {("A", "T3"): 1.0})
    assert found.why == "" and found.things_variance > 0


def test_pairs_are_paired():
    """What things and languages do to both setups cancels: a difference of 3 shows among scores that differ by 40."""
    random = np.random.default_rng(0)
    hard = random.normal(50, 40, 48)
    values = np.stack([hard, hard + 3])[:, None] + random.normal(0, 1, (2, 3, 48))
    items = frame(values, language=[f"l{i % 8}" for i in range(48)])
    found = one(items)
    assert 2 < found.low < found.value < found.high < 4 and found.p < 0.01
    alone = one(items, {("A", "T3"): 1.0})
    assert alone.high - alone.low > 15


def test_other_languages_of_the_population_widen_the_interval():
    random = np.random.default_rng(0)
    of_language = np.repeat(random.normal(0, 30, 8), 6)
    values = np.stack([np.full(48, 50.0), 50 + of_language])[:, None] + random.normal(0, 5, (2, 3, 48))
    found = one(frame(values, language=[f"l{i // 6}" for i in range(48)]))
    assert found.population_low < found.low < found.high < found.population_high
    np.testing.assert_allclose(found.languages_variance, of_language[::6].var(ddof=1) / 8, rtol=0.3)


def test_cells_of_one_thing_are_compared_with_each_other_and_a_single_thing_gives_no_interval():
    items = frame(np.random.default_rng(0).normal(50, 20, (2, 2, 6)), language=[f"l{i}" for i in range(6)])
    assert one(items).why == "" and one(items).high > one(items).low
    lonely = one(items[items.language == "l0"])
    assert lonely.why == statistics.ONE_THING and np.isnan([lonely.low, lonely.high, lonely.p]).all()
    assert one(items.assign(thing="cat")).why == statistics.ONE_THING


def test_items_that_are_all_alike_give_no_interval():
    found = one(frame(np.full((2, 3, 6), 100.0)))
    assert found.value == 0 and found.why == statistics.ALIKE and np.isnan([found.low, found.high]).all()


def test_gap_between_groups_and_difference_of_differences():
    random = np.random.default_rng(0)
    of = {group: frame(random.normal(mean, 1, (2, 2, 6)), group=group) for group, mean in (("T3", 50), ("T1", 30))}
    items = pd.concat([of["T3"], of["T1"].assign(language="mi", thing=lambda rows: "x" + rows.thing)])
    gap = one(items, {("A", "T3"): 1.0, ("A", "T1"): -1.0})
    assert abs(gap.value - 20) < 2 and gap.low < gap.value < gap.high
    both = one(items, DIFFERENCE | {("B", "T1"): -1.0, ("A", "T1"): 1.0})
    assert abs(both.value) < 3 and both.cells == 2


# === tables ===
def test_bounds_lie_around_the_score_and_within_0_and_100():
    values = np.array([0.0, 100, 100, 100, 100, 100, 100, 100])[None, None] + np.zeros((1, 2, 8))
    values[0, 1, 1] = 0
    reach = statistics.bounds(frame(values)).iloc[0]
    assert reach.low < values.mean() < reach.high == 100 and reach["items"] == 8


def test_other_rows_of_a_table_leave_a_difference_as_it_is():
    items = frame(np.random.default_rng(0).normal(50, 10, (2, 3, 12)))
    known = seed_variance.table(items, "")
    others = items.assign(group="T1", language="mi")
    more = pd.concat([others, items.sample(frac=1, random_state=0), items.assign(split="blind")])
    alone = statistics.differences(items, "A", ["T3"], known)
    among = statistics.differences(more, "A", ["T1", "T3"], pd.concat([known, known.assign(split="blind")]))
    among = among[(among.group == "T3") & (among.split == "new-style")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.drop(columns="p_holm"), among.drop(columns="p_holm"))


def test_a_cell_that_one_setup_lacks_is_left_out_of_pairs_and_counted():
    items = frame(np.random.default_rng(0).normal(50, 10, (2, 2, 12)), language=["af"] * 6 + ["th"] * 6)
    items = items[~((items.setup == "B") & (items.language == "th"))]
    found = one(items)
    assert (found.missing, found.cells, found["items"]) == (1, 1, 6)
    assert statistics.bounds(items).set_index("setup")["items"].to_dict() == {"A": 12, "B": 6}


def test_holm():
    """By hand: 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.2 x 1, never below one before; without a p no comparison."""
    adjusted = statistics.holm(np.array([0.2, 0.01, np.nan, 0.03, 0.02]))
    np.testing.assert_allclose(adjusted, [0.2, 0.04, np.nan, 0.06, 0.06])
    assert statistics.holm(np.array([0.6, 0.9])).max() <= 1
    random = np.random.default_rng(0)
    falls = [(statistics.holm(random.random(20)) < 0.05).any() for _ in range(1000)]
    assert np.mean(falls) < 0.07, "of 20 comparisons of nothing, one is called an effect in 5 of 100 tables"


@pytest.mark.parametrize(("change", "message"), [
    (lambda rows: rows.assign(score=np.nan), "NaN scores"),
    (lambda rows: rows.iloc[:0], "nothing to average"),
    (lambda rows: rows.assign(group=None), "nothing to average"),
    (lambda rows: pd.concat([rows, rows]), "there twice"),
    (lambda rows: pd.concat([rows, rows.assign(split="blind")]), "several splits"),
    (lambda rows: rows[rows.setup == "A"], r"no items of \['B'\]"),
    (lambda rows: rows[(rows.setup == "A") == (rows.language == "af")], "no item in common"),
    (lambda rows: rows[~((rows.seed == 1) & (rows.language == "th"))], "not every seed of '[AB]'"),
], ids=["nan", "empty", "no group", "twice", "splits", "setup", "nothing shared", "seeds"])
def test_items_that_nothing_can_be_said_of_are_errors(change, message):
    items = frame(np.random.default_rng(0).normal(50, 10, (2, 2, 8)), language=["af", "th"] * 4)
    with pytest.raises(ValueError, match=message):
        one(change(items))


def test_setup_without_items_is_nothing_to_compare_with():
    with pytest.raises(ValueError, match="'Z' has no items"):
        statistics.differences(frame(np.zeros((2, 2, 4))), "Z", ["T3"])


# === truth ===
@pytest.mark.slow
def test_intervals_hold_the_truth_at_the_stated_rate():
    found = simulated_coverage.table()
    assert found.world.nunique() >= 10 and set(found.seeds) == {1, 3, 5}
    low, high = simulated_coverage.HELD
    outside = found[~found.held.between(low, high)]
    assert outside.empty, f"\n{outside.to_string()}"
