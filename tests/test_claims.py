"""Rules give the verdict that known data deserve, name what they lack, and refuse what nobody knows.

Run: pytest tests/test_claims.py
"""

import numpy as np
import pandas as pd
import pytest

from centurio_lib import params
from centurio_lib.findings import (
    claims,
    claims_plot,
    claims_table,
    failure_modes,
    paper_results,
    power_plot,
    scores,
    seed_variance,
    statistics,
)
from centurio_lib.languages import of_tiers, tier_label
from centurio_lib.params import ParamsError

PART = {"of": "all_tasks", "rule": "more",
        "mean_of": [{"higher": ["L100"], "lower": ["English"], "groups": ["T3"]}]}
CODES = ["en", *of_tiers([3])[:12]]
SIDES = ["higher", "lower", "groups", "than"]


def part(**changes) -> dict:
    """PART with changes, of the part or of its one contrast."""
    contrast = PART["mean_of"][0] | {key: value for key, value in changes.items() if key in SIDES}
    return PART | {"mean_of": [contrast]} | {key: value for key, value in changes.items() if key not in SIDES}


def rules(*parts: dict, **changes) -> claims.Claims:
    """One claim of some parts, each PART with changes."""
    return params.validated(claims.Claims, {"confidence": 0.95, "claims": {
        "one": {"claim": "One", "source": "-", "parts": [part(**one) for one in parts or [{}]]}}} | changes,
        "claims.yaml", claims.known_names())


def items(english: float, l100: float, task="multiple_choice", chance=25.0, spread=3.0, seeds=3) -> pd.DataFrame:
    """Items of two setups that score so on average, as `claims.with_chance` gives them."""
    random = np.random.default_rng(0)
    rows = [{"setup": setup, "seed": seed, "split": "new-style", "task": task, "language": code,
             "group": tier_label(code), "item_id": str(i), "thing": f"{code}{i}",
             "score": value + random.normal(0, spread), "metric": "accuracy", "headline": True, "generative": False,
             "task_group": "pictures", "chance": chance, "script": scores.script(code)}
            for setup, value in {"English": english, "L100": l100}.items() for seed in range(seeds)
            for code in CODES for i in range(6)]
    return pd.DataFrame(rows)


def judged(found: pd.DataFrame, *parts: dict, **more) -> pd.DataFrame:
    return claims.verdicts(rules(*parts), found, "here", **more)


def verdict(found: pd.DataFrame, *parts: dict, **more) -> str:
    return claims.whole(judged(found, *parts, **more).verdict)


# === definitions ===
@pytest.mark.parametrize(("english", "l100", "changes", "expected"), [
    (40, 50, {}, "replicated"), (50, 40, {}, "contradicted"), (50, 50, {"margin": 2.0}, "contradicted"),
    (50, 50, {}, "inconclusive"), (50, 53, {"margin": 3.0}, "inconclusive"), (50, 53, {"margin": 5.0}, "contradicted"),
    (50, 49, {"rule": "not_less", "margin": 3.0}, "replicated"),
    (50, 44, {"rule": "not_less", "margin": 3.0}, "contradicted"),
    (50, 51, {"rule": "not_more", "margin": 3.0}, "replicated"),
    (50, 56, {"rule": "not_more", "margin": 3.0}, "contradicted"),
], ids=["more", "less", "no more by margin", "alike", "at margin", "below margin", "not less", "less after all",
        "not more", "more after all"])
def test_verdict_follows_the_rule(english, l100, changes, expected):
    assert verdict(items(english, l100), changes) == expected


@pytest.mark.parametrize(("value", "half", "published", "expected"), [
    (0.5, 1, 10, "no effect"), (0.5, 1, 4, "no effect"), (0.5, 1, 2, "inconclusive"), (0.5, 1, None, "inconclusive"),
    (2, 1, 10, "replicated"), (-2, 1, 10, "contradicted"), (0.5, 1, -10, "no effect"), (0.5, 6, 10, "inconclusive"),
])
def test_no_effect_is_an_interval_about_nothing_within_half_of_the_papers(value, half, published, expected):
    interval = (value - half, value + half)
    assert claims.judged(value, interval, interval, "more", 0, published) == expected


def test_half_of_the_papers_effect_is_that_of_the_same_part():
    alike = items(50, 50.3)
    paper = judged(items(40, 60)).assign(stage=claims.PUBLISHED)
    found = judged(alike, published=paper).iloc[0]
    assert found.verdict == "no effect" and abs(found.published - 20) < 2
    assert judged(alike).iloc[0].verdict == "inconclusive"


def test_margin_may_be_a_share_of_the_reference():
    found = judged(items(50, 48), {"rule": "not_less", "margin_share": 0.1}).iloc[0]
    assert found.verdict == "replicated" and abs(found.margin - 5) < 0.3
    assert verdict(items(50, 48), {"rule": "not_less", "margin_share": 0.01}) == "contradicted"


def test_claim_is_replicated_by_all_of_its_parts_and_contradicted_by_one():
    up, down, alike = {}, {"higher": ["English"], "lower": ["L100"]}, {"margin": 10.0}
    found = items(40, 50)
    assert verdict(found, up, up) == "replicated" and verdict(found, up, down) == "contradicted"
    assert verdict(found, up, alike) == "inconclusive"
    assert verdict(found, up, {"lower": ["T5"]}) == "not run", "never a verdict without the runs"
    assert claims.whole(pd.Series(["no effect", "no effect"])) == "no effect"
    assert claims.whole(pd.Series(["no effect", "replicated"])) == "inconclusive"
    assert claims.whole(pd.Series(["replicated", "cannot be judged"])) == "cannot be judged"


def test_parts_keep_their_confidence_for_replicated_and_share_it_for_contradicted():
    """The interval of a part does not depend on how many parts the claim has; a contradiction needs more of many."""
    one, four = (judged(items(40, 50), *[{}] * n).iloc[0] for n in (1, 4))
    assert one.low == four.low and one.confidence == four.confidence == 0.95
    near, far = (-1.0, -0.1), (-1.3, 0.2)
    assert claims.judged(-0.5, near, near, "more", 0) == "contradicted"
    assert claims.judged(-0.5, near, far, "more", 0) == "inconclusive"
    assert claims.judged(0.5, (0.1, 1.0), (-0.2, 1.3), "more", 0) == "replicated"


# === guesses ===
@pytest.mark.parametrize(("english", "l100", "changes", "expected"), [
    (20, 40, {"of": "multiple_choice"}, "replicated"),
    (10, 25, {"of": "multiple_choice"}, "inconclusive"), (25, 10, {"of": "multiple_choice"}, "inconclusive"),
    (35, 30, {"of": "multiple_choice"}, "contradicted"),
    (24, 60, {"rule": "not_less", "margin": 5.0}, "inconclusive"),
    (60, 24, {"rule": "not_less", "margin": 5.0}, "contradicted"),
    (60, 24, {"rule": "not_more", "margin": 5.0}, "replicated"),
], ids=["up from guesses", "up to guesses", "down to guesses", "down", "guesses before", "lost",
        "no more than what is known"])
def test_who_came_out_higher_must_do_better_than_guess(english, l100, changes, expected):
    """Chance is 25."""
    row = judged(items(english, l100), changes).iloc[0]
    assert row.verdict == expected and ("chance" in row.why) == (expected == "inconclusive")


def test_task_at_chance_over_all_setups_enters_no_mean():
    """Its difference of 10 between two setups is not looked at."""
    guessed = items(20, 30, task="image_pair", chance=25.0)
    known = items(50, 60, task="flag", chance=0.0)
    both = pd.concat([known, guessed.assign(score=guessed.score.where(guessed.setup == "L100", 20))])
    able = claims.able(both).set_index("task")
    assert able.enters.to_dict() == {"flag": True, "image_pair": False}
    found = judged(both).iloc[0]
    assert abs(found.value - 10) < 1 and found.cells == 12
    alone = judged(guessed).iloc[0]
    assert alone.verdict == "cannot be judged" and alone.why == claims.NO_TASK


# === splits and seeds ===
def test_splits_that_cannot_tell_are_not_asked():
    stated, both = rules(), items(40, 50)
    both = pd.concat([both, both.assign(split="new-language")])
    one = stated.model_copy(update={"claims": {"one": stated.claims["one"].model_copy(
        update={"not_on": ["new-language"]})}})
    assert claims.verdicts(stated, both, "here").split.tolist() == ["new-style", "new-language"]
    found = claims.verdicts(one, both, "here")
    assert found.split.tolist() == ["new-style"] and len(claims_plot.figure(one, found).axes[0].lines) > 1


def test_seeds_from_the_first_confirmatory_one_on_are_judged_by_themselves():
    stated, found = rules(from_seed={"laptop": 2}), items(40, 50, seeds=4)
    found.loc[(found.seed < 2) & (found.setup == "L100"), "score"] -= 20
    parts = claims.verdicts(stated, found, "laptop")
    assert parts[["stage", "seeds", "verdict"]].to_numpy().tolist() == [
        ["confirmatory", "2-3", "replicated"], ["exploratory", "0-1", "contradicted"]]
    assert claims.seeds_sentence(stated, "laptop", found) == "Seeds 2-3 are confirmatory; seeds 0-1 are exploratory."
    shown = claims_table.table(stated, parts)
    assert shown.seeds.tolist() == ["2-3 (confirmatory)", "0-1 (exploratory)"]


def test_confirmatory_seeds_that_were_not_run_are_said_to_be_missing():
    stated, found = rules(from_seed={"laptop": 3}), items(40, 50)
    assert set(claims.verdicts(stated, found, "laptop").stage) == {"exploratory"}
    assert "seeds from 3 on, which alone give the headline verdicts, were not run" in claims.seeds_sentence(
        stated, "laptop", found)
    assert set(claims.verdicts(stated, found, "gemma-cpu").stage) == {"exploratory"}, "no profile that is not named"


def test_one_seed_cannot_be_judged_without_the_seed_variance_of_its_recipe():
    whole, one = items(40, 50), items(40, 50).query("seed == 0")
    alone = judged(one).iloc[0]
    assert alone.verdict == "cannot be judged" and alone.why == statistics.ONE_SEED
    known = seed_variance.table(whole, "")
    found = judged(one, variance=known).iloc[0]
    assert found.verdict == "replicated" and found.seeds == "0"
    shown = claims_table.table(rules(), judged(one))
    assert shown.verdict.tolist() == [f"cannot be judged ({statistics.ONE_SEED})"]


def test_items_that_are_all_alike_or_one_thing_cannot_be_judged():
    found = items(50, 50)
    alike = judged(found.assign(score=60.0)).iloc[0]
    assert (alike.verdict, alike.why) == ("cannot be judged", statistics.ALIKE) and np.isnan(alike.low)
    lonely = judged(found.assign(thing="cat"), {"of": "multiple_choice"}).iloc[0]
    assert (lonely.verdict, lonely.why) == ("cannot be judged", statistics.ONE_THING)


def test_what_was_not_run_is_named():
    found = judged(items(40, 50), {"lower": ["T5"]}, {"of": "smpqa_read"}, {"groups": ["T1"]})
    assert found.verdict.tolist() == ["not run"] * 3 and found.value.isna().all()
    assert "T5" in found.why[0] and "smpqa_read" in found.why[1] and "T1" in found.why[2]


# === contrasts of contrasts ===
def test_groups_of_one_setup_can_be_compared():
    found = items(40, 50, task="odd_one_out").assign(task_group=scores.TEXT)
    found.loc[found.script == "latin", "score"] += 10
    row = judged(found, {"lower": [], "of": "odd_one_out", "groups": ["latin"], "than": {"groups": ["other"]}}).iloc[0]
    assert row.verdict == "replicated" and 8 < row.value < 12 and row.compares.startswith("L100: latin against other")


def test_a_change_can_be_compared_with_that_of_another_group():
    found = items(40, 50)
    found.loc[(found.setup == "L100") & (found.language == "en"), "score"] -= 7
    more, less = ({"than": {"groups": ["en"]}}, {"groups": ["en"], "than": {"groups": ["T3"]}})
    rows = [judged(found, one).iloc[0] for one in (more, less)]
    assert [row.verdict for row in rows] == ["replicated", "contradicted"] and abs(rows[0].value - 7) < 1.5


def test_estimate_may_be_the_mean_of_several_contrasts():
    found = items(40, 50)
    found.loc[(found.setup == "L100") & (found.language == "en"), "score"] += 10
    both = [{"higher": ["L100"], "lower": ["English"], "groups": [group]} for group in ("T3", "en")]
    row = judged(found, {"mean_of": both, "shown": "both"}).iloc[0]
    assert abs(row.value - 15) < 1 and row.compares == "both, all_tasks"


def test_a_setup_on_both_sides_weighs_what_is_left_of_it():
    stated = rules({"higher": ["English", "L100"], "lower": ["L100"]}).claims["one"].parts[0]
    assert stated.weights == {("English", "T3"): 0.5, ("L100", "T3"): -0.5}
    assert stated.renamed({"L100": "T5"}).setups == ["English", "T5"]


# === bad input ===
@pytest.mark.parametrize(("changes", "message"), [
    ({"lower": ["L99"]}, "claims.yaml: claims.one.parts.0.mean_of.0.lower = .*unknown setup 'L99'"),
    ({"than": {"higher": ["L99"]}}, "than.higher = .*unknown setup 'L99'"),
    ({"of": "riddles"}, "parts.0.of = 'riddles'.*unknown task 'riddles'; there are"),
    ({"groups": ["T9"]}, "groups.0 = 'T9'"), ({"groups": []}, "groups"), ({"rule": "better"}, "rule = 'better'"),
    ({"margin": -1.0}, "margin = -1.0"), ({"colour": 1}, "colour = 1: unknown key; known here: of"),
    ({"than": {}}, "than states none of higher, lower, groups"), ({"mean_of": []}, "mean_of"),
    ({"margin": 1.0, "margin_share": 0.1}, "which one holds"), ({"margin_share": 0.1, "lower": []}, "not stated"),
    ({"verdict": "replicated"}, "verdict = 'replicated': unknown key"),
], ids=["setup", "setup of than", "task", "group", "no group", "rule", "margin", "key", "empty than", "no contrast",
        "margins", "no reference", "verdict"])
def test_bad_rule_is_an_error_that_names_file_key_and_value(changes, message):
    with pytest.raises(ParamsError, match=message):
        rules(changes)


def test_confirmatory_seeds_of_an_unknown_profile_are_an_error():
    with pytest.raises(ParamsError, match=r"claims.yaml: from_seed = .*unknown profile 'desktop'; there are"):
        rules(from_seed={"desktop": 3})


def test_items_that_cannot_be_judged_are_errors():
    with pytest.raises(ValueError, match="no items to judge"):
        judged(items(40, 50).iloc[:0])
    with pytest.raises(ValueError, match="NaN scores"):
        judged(items(40, np.nan))


# === the study's claims ===
def test_the_studys_claims_are_valid_and_the_papers_cells_can_be_judged():
    stated = claims.load()
    parts = claims.verdicts(stated, paper_results.items("Phi3.5"), "paper", printed=True)
    of_claims = parts.groupby("claim").verdict.agg(claims.whole)
    assert set(of_claims.index) == set(stated.claims) and set(parts.stage) == {"published"}
    assert of_claims["allocation_no_gain"] == "not run", "the paper prints no cells of it"
    assert of_claims["fidelity_spills_over"] == "replicated" and of_claims["ocr_needed"] == "replicated"
    ocr = parts[parts.claim == "ocr_needed"].iloc[0]
    assert abs(ocr.value - ((41.8 - 23.1) + (7.1 - 0.2)) / 2) < 0.1, "as Table 4 prints it"
    shown = claims_table.table(stated, parts)
    assert len(shown) == len(stated.claims) and set(shown.verdict) == {"not run"}
    assert shown.set_index("claim").paper["OCR data is needed to read text in images"].startswith("replicated: +12.8 [")
    assert len(claims_plot.figure(stated, parts).axes[0].lines) > len(parts)


def test_the_papers_task_at_chance_enters_no_mean():
    able = claims.able(paper_results.items("Phi3.5")).set_index("task")
    assert not able.enters["VLOD"] and able.enters["XM3600"] and able.enters["xGQA"]


def test_power_falls_with_seeds_and_items_and_holds_the_study_as_it_is():
    found = judged(items(40, 50, spread=20))
    power = power_plot.table(found).set_index(["seeds", "items"])
    now = power[power.now]
    assert now.index.tolist() == [(3, 1)]
    assert now.half_width.iloc[0] == pytest.approx((found.high[0] - found.low[0]) / 2, rel=1e-3)
    assert power.half_width[3, 1] > power.half_width[3, 10] > 0 and power.half_width[1, 1] > power.half_width[10, 1]
    assert len(power_plot.figure(rules(), power.reset_index()).axes) == power_plot.ACROSS
    assert power_plot.table(judged(items(40, 50).query("seed == 0"))).empty


def test_no_interval_runs_off_the_picture_of_the_claims():
    stated = rules()
    parts = judged(items(40, 50)).assign(low=-36.4, high=225.9, population_low=-50.0, population_high=300.0)
    axis = claims_plot.figure(stated, parts).axes[0]
    assert max(np.max(line.get_xdata()) for line in axis.lines) < axis.get_xlim()[1]


def cell(setup, task, language, value, metric, chance=np.nan):
    """One stored cell."""
    return {"setup": setup, "seed": 0, "split": "new-style", "task": task, "language": language,
            "group": tier_label(language), "metric": metric, "value": float(value), "chance": chance,
            "headline": metric in ("exact_match", "characters")}


def test_each_failure_is_recognised_by_its_cells():
    cells = pd.DataFrame([
        cell("English", "flag", "en", 80, "exact_match"), cell("L100", "flag", "en", 40, "exact_match"),
        cell("L100", "captioning", "sw", 5, "fidelity"), cell("L100", "captioning", "sw", 90, "fidelity_ceiling"),
        cell("L100", "captioning", "de", 85, "fidelity"), cell("L100", "captioning", "de", 90, "fidelity_ceiling"),
        cell("L100", "smpqa_read", "ar", 0, "exact_match"), cell("L100", "smpqa_read", "de", 40, "exact_match")])
    found = failure_modes.of_runs(cells).set_index(["setup", "signature"])
    assert found.cells["L100", "English drop"] == "flag en 40" and found.n["L100", "English drop"] == 1
    assert found.cells["L100", "answers in the wrong language"] == "captioning sw 5"
    assert found.cells["L100", "near-zero reading of other scripts"] == "smpqa_read ar 0"
    assert found.n["English", "none"] == 0 and len(found) == 4


def test_a_model_that_reads_nothing_at_all_shows_no_failure_of_scripts():
    """Whatever its error rate, which is high where nothing is read."""
    cells = pd.DataFrame([cell("L100", "smpqa_read", code, value, metric) for code in ("ar", "de", "en")
                          for metric, value in (("exact_match", 1), ("cer", 104))])
    assert failure_modes.of_runs(cells).signature.tolist() == ["none"]


def test_pages_are_read_that_are_read_better_than_guessed():
    """A guess gets some characters of a page right."""
    of_pages = {"en": 55, "de": 20, "ar": 12, "hi": 40}
    cells = pd.DataFrame([cell("L100", "page_read", code, value, "characters", chance=10)
                          for code, value in of_pages.items()])
    found = failure_modes.of_runs(cells)
    assert found.signature.tolist() == ["near-zero reading of other scripts"] and found.cells[0] == "page_read ar 12"
    assert failure_modes.of_runs(cells.assign(value=12)).signature.tolist() == ["none"]


def test_photographs_that_are_not_read_are_told_where_drawings_are():
    read = [cell("L100", "smpqa_read", code, 40, "exact_match") for code in ("de", "ar")]
    photographs = [cell("L100", "mtvqa", code, value, "exact_match") for code, value in
                   {"de": 2, "ar": 30, "ko": 0}.items()]
    found = failure_modes.of_runs(pd.DataFrame(read + photographs))
    assert found.signature.tolist() == ["reading that fails outside synthetic images"]
    assert found.cells[0] == "mtvqa de 2"
    assert failure_modes.of_runs(pd.DataFrame(photographs)).signature.tolist() == ["none"]
