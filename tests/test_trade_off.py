"""The trade-off between rates: which setups make a pair, what their means are, which rate is chosen.

Run with: pytest tests/test_trade_off.py
"""

import pandas as pd
import pytest
from toy_scores import answers, scores_of

from centurio_lib.findings import ablation, scores, trade_off

SETUPS = ["English", "L100", "English-half-rate", "L100-half-rate", "L100-double-rate"]


@pytest.fixture(scope="module")
def told():
    """Items and ceiling of five toy setups; English alone keeps little at the profile's rate, all at half of it."""
    said = pd.concat([answers(setup, seed) for setup in SETUPS for seed in (0, 1)], ignore_index=True)
    of_captions = said.in_language.notna() & (said.language != "en")
    said.loc[of_captions & (said.setup == "English"), "in_language"] = 0.0
    said.loc[of_captions & (said.setup == "English-half-rate"), "in_language"] = 1.0
    cells = scores_of(said).rename(columns={"tier": "group"})
    items = ablation.part(scores.items(said), "fidelity")
    return items, ablation.tables("learning_rate", cells, scores.items(said)).fidelity


def test_rates_are_compared_where_both_setups_were_run(told):
    assert trade_off.pairs(SETUPS) == {0.5: ("English-half-rate", "L100-half-rate"), 1.0: ("English", "L100")}
    assert trade_off.pairs(["English", "L100-half-rate"]) == {}


def test_means_are_over_tiers_and_the_widest_gap_is_chosen(told):
    items, fidelity = told
    rows = trade_off.table(items, fidelity[fidelity.metric == "fidelity_ceiling"], 4e-4)
    assert list(rows.columns) == trade_off.COLUMNS and list(rows.lr) == [2e-4, 4e-4]
    assert list(rows.left_value) == [100, 0] and (rows.aim == 0.75 * 95).all()
    of_l100 = fidelity[(fidelity.setup == "L100") & (fidelity.metric == "fidelity") & (fidelity.group != "en")]
    assert rows.reached_value[1] == pytest.approx(of_l100.value.mean(), abs=0.01)
    assert (rows.reached_low < rows.reached_value).all() and (rows.reached_value < rows.reached_high).all()
    assert trade_off.chosen(rows).lr == 4e-4 and trade_off.chosen(rows).gap == pytest.approx(rows.reached_value[1])


def test_every_rate_has_a_dot_and_stands_in_the_legend(told):
    items, fidelity = told
    drawn = trade_off.figure(trade_off.table(items, fidelity[fidelity.metric == "fidelity_ceiling"], 4e-4))
    dots = [line for line in drawn.axes[0].lines if line.get_marker() not in ("None", None, "")]
    assert len(dots) == 2
    assert [text.get_text() for text in drawn.legends[0].texts] == ["rate 2.0e-04", "rate 4.0e-04", "aim"]
