"""Rules give the verdict that known data deserve, name what they lack, and refuse what nobody knows.

Run: pytest tests/test_claims.py
"""

import numpy as np
import pandas as pd
import pytest

from centurio_lib import params
from centurio_lib.findings import claims, claims_plot, failure_modes, paper_results
from centurio_lib.languages import of_tiers, tier_label
from centurio_lib.params import ParamsError

PART = {"higher": ["L100"], "lower": ["English"], "of": "all_tasks", "groups": ["T3"], "rule": "more", "margin": 0.0}
CODES = ["en", *of_tiers([3])[:12]]


def rules(*parts: dict, **changes) -> claims.Claims:
    """One claim of some parts, each PART with changes."""
    stated = [PART | part for part in parts or [{}]]
    return params.validated(claims.Claims, {"confidence": 0.95, "claims": {
        "one": {"claim": "One", "source": "-", "parts": stated}}} | changes, "claims.yaml", claims.known_names())


def items(english: float, l100: float, task="multiple_choice", chance=25.0, spread=3.0, seeds=1) -> pd.DataFrame:
    """Items of two setups that score so on average, as `claims.with_chance` gives them."""
    random = np.random.default_rng(0)
    rows = [{"setup": setup, "seed": seed, "split": "new-style", "task": task, "language": code,
             "group": tier_label(code), "item_id": str(i), "score": value + random.normal(0, spread),
             "metric": "accuracy", "headline": True, "generative": False, "task_group": "pictures",
             "chance": chance, "script": paper_results.script(code)}
            for setup, value in {"English": english, "L100": l100}.items() for seed in range(seeds)
            for code in CODES for i in range(6)]
    return pd.DataFrame(rows)


def verdict(found: pd.DataFrame, *parts: dict) -> str:
    judged = claims.verdicts(rules(*parts), found, "here", draws=300)
    return claims.whole(judged.verdict)


@pytest.mark.parametrize(("english", "l100", "part", "expected"), [
    (40, 50, {}, "replicated"), (50, 40, {}, "contradicted"), (50, 50, {"margin": 0.5}, "contradicted"),
    (50, 50, {}, "inconclusive"), (50, 53, {"margin": 3.0}, "inconclusive"), (50, 53, {"margin": 5.0}, "contradicted"),
    (50, 49, {"rule": "not_less", "margin": 3.0}, "replicated"),
    (50, 44, {"rule": "not_less", "margin": 3.0}, "contradicted"),
    (50, 51, {"rule": "not_more", "margin": 3.0}, "replicated"),
    (50, 56, {"rule": "not_more", "margin": 3.0}, "contradicted"),
    (25, 25, {"rule": "not_less", "margin": 3.0}, "inconclusive"),
], ids=["more", "less", "no more by margin", "alike", "at margin", "below margin", "not less", "less after all",
        "not more", "more after all", "alike at chance"])
def test_verdict_follows_the_rule(english, l100, part, expected):
    noise = 2.0 if part.get("margin") == 0.5 else 3.0
    found = items(english, l100, spread=0.8 if noise == 2.0 else noise)
    assert verdict(found, part) == expected


@pytest.mark.parametrize(("english", "l100", "part", "expected"), [
    (10, 25, {}, "inconclusive"), (25, 10, {}, "inconclusive"), (10, 50, {}, "replicated"),
    (35, 30, {}, "contradicted"),
    (24, 25, {"rule": "not_less", "margin": 5.0}, "inconclusive"),
    (24, 60, {"rule": "not_less", "margin": 5.0}, "inconclusive"),
    (60, 24, {"rule": "not_less", "margin": 5.0}, "contradicted"),
    (60, 24, {"rule": "not_more", "margin": 5.0}, "replicated"),
], ids=["up to guesses", "down to guesses", "up from below guesses", "down", "guesses both", "guesses before",
        "lost", "no more than what is known"])
def test_who_came_out_higher_must_do_better_than_guess(english, l100, part, expected):
    """Chance is 25."""
    judged = claims.verdicts(rules(part), items(english, l100), "here", draws=300).iloc[0]
    assert judged.verdict == expected and ("chance" in judged.why) == (expected == "inconclusive")


def test_splits_that_cannot_tell_are_not_asked():
    stated, both = rules(), items(40, 50)
    both = pd.concat([both, both.assign(split="new-language")])
    one = stated.model_copy(update={"claims": {"one": stated.claims["one"].model_copy(
        update={"not_on": ["new-language"]})}})
    assert claims.verdicts(stated, both, "here", draws=50).split.tolist() == ["new-style", "new-language"]
    found = claims.verdicts(one, both, "here", draws=50)
    assert found.split.tolist() == ["new-style"] and len(claims_plot.figure(one, found).axes[0].lines) > 1


def test_claim_stands_on_all_of_its_parts():
    up, down, alike = {}, {"higher": ["English"], "lower": ["L100"]}, {"margin": 10.0}
    found = items(40, 50)
    assert verdict(found, up, up) == "replicated" and verdict(found, up, down) == "contradicted"
    assert verdict(found, up, alike) == "inconclusive"
    assert verdict(found, up, {"lower": ["T5"]}) == "not run", "never a verdict without the runs"


def test_what_was_not_run_is_named():
    stated = rules({"lower": ["T5"]}, {"of": "smpqa_read"}, {"groups": ["T1"]})
    found = claims.verdicts(stated, items(40, 50), "here", draws=50)
    assert found.verdict.tolist() == ["not run"] * 3 and found.value.isna().all()
    assert "T5" in found.why[0] and "smpqa_read" in found.why[1] and "T1" in found.why[2]


def test_parts_of_a_claim_share_its_confidence():
    one, four = (claims.verdicts(rules(*[{}] * n), items(40, 50), "here", draws=2000).iloc[0] for n in (1, 4))
    assert four.confidence == 0.9875 and four.high - four.low > one.high - one.low and one.value == four.value


def test_groups_of_one_setup_can_be_compared():
    found = items(40, 50, task="odd_one_out")
    found.loc[found.script == "latin", "score"] += 10
    part = {"higher": ["L100"], "lower": ["L100"], "of": "odd_one_out", "groups": ["latin"],
            "against_groups": ["other"]}
    judged = claims.verdicts(rules(part), found, "here", draws=300).iloc[0]
    assert judged.verdict == "replicated" and 8 < judged.value < 12


def test_no_width_is_no_certainty():
    assert claims.judged(5, 5, 5, "more", 0) == "inconclusive"
    one, three = items(50, 50).query("setup == 'L100'"), ["English", "T5", "L100"]
    same = pd.concat([one.assign(setup=setup) for setup in three])
    assert verdict(same, {"higher": three, "lower": ["L100"]}) == "inconclusive", "thirds do not add up"


@pytest.mark.parametrize(("part", "message"), [
    ({"lower": ["L99"]}, "claims.yaml: claims.one.parts.0.lower = .*unknown setup 'L99'"),
    ({"of": "riddles"}, "parts.0.of = 'riddles'.*unknown task 'riddles'; there are"),
    ({"groups": ["T9"]}, "groups.0 = 'T9'"), ({"groups": []}, "groups"), ({"rule": "better"}, "rule = 'better'"),
    ({"margin": -1.0}, "margin = -1.0"), ({"colour": 1}, "colour = 1: unknown key; known here: higher"),
], ids=["setup", "task", "group", "no group", "rule", "margin", "key"])
def test_bad_rule_is_an_error_that_names_file_key_and_value(part, message):
    with pytest.raises(ParamsError, match=message):
        rules(part)


def test_items_that_cannot_be_judged_are_errors():
    with pytest.raises(ValueError, match="no items to judge"):
        claims.verdicts(rules(), items(40, 50).iloc[:0], "here")
    with pytest.raises(ValueError, match="NaN scores"):
        claims.verdicts(rules(), items(40, np.nan), "here", draws=10)


def test_the_studys_claims_are_valid_and_the_papers_cells_can_be_judged():
    stated = claims.load()
    parts = claims.verdicts(stated, paper_results.items("Phi3.5"), "paper", printed=True, draws=500)
    of_claims = parts.groupby("claim").verdict.agg(claims.whole)
    assert set(of_claims.index) == set(stated.claims)
    assert of_claims["allocation_no_gain"] == "not run", "the paper prints no cells of it"
    assert of_claims["fidelity_spills_over"] == "replicated" and of_claims["ocr_needed"] == "replicated"
    ocr = parts[parts.claim == "ocr_needed"].iloc[0]
    assert abs(ocr.value - ((41.8 - 23.1) + (7.1 - 0.2)) / 2) < 0.1, "as Table 4 prints it"
    shown = claims.overview(stated, parts)
    assert len(shown) == len(stated.claims) and shown.iloc[:, 2].str.startswith(tuple(set(of_claims))).all()
    assert len(claims_plot.figure(stated, parts).axes[0].lines) > len(parts)


def test_no_interval_runs_off_the_picture_of_the_claims():
    stated = claims.load()
    rows = [{"where": "here", "split": "test", "claim": name, "part": i, "compares": "a, b", "rule": "more",
             "margin": 0, "verdict": "inconclusive", "value": 44.0, "low": -36.4, "high": 125.9}
            for name, claim in stated.claims.items() for i in range(len(claim.parts))]
    axis = claims_plot.figure(stated, pd.DataFrame(rows)).axes[0]
    assert max(np.max(line.get_xdata()) for line in axis.lines) < axis.get_xlim()[1]
    assert claims_plot.reach(pd.DataFrame(rows).assign(low=np.nan, value=np.nan, high=np.nan)) == claims_plot.REACH


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
