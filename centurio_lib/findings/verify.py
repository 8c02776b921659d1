"""Compare scores of a reader's runs with the committed scores: cells, tier scores and verdicts."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from centurio_lib.findings import claims

CELL = ["setup", "seed", "split", "task", "language", "metric"]
TIER = ["setup", "split", "metric", "group"]
CLAIM = ["stage", "split", "claim"]
EQUAL = 1e-9  # score points: what differs by less is the same number
NAMED = 20  # of what differs, how many are named


class Compared(NamedTuple):
    """One kind of result: numbers of compared and agreeing values, and rows of the others."""

    what: str
    differing: str
    n: int
    agree: int
    others: pd.DataFrame


def cells(ours: pd.DataFrame, committed: pd.DataFrame) -> Compared:
    """Cells that both have (`scores.stored`): equal or not. Raises ValueError where they share none."""
    both = ours.merge(committed, on=CELL, suffixes=("", "_committed"), validate="1:1")
    if both.empty:
        raise ValueError("no cell of these runs is among the committed ones: another profile, setup or seed?")
    equal = np.isclose(both.value, both.value_committed, rtol=0, atol=EQUAL, equal_nan=True)
    others = both[~equal][[*CELL, "value", "value_committed"]]
    return Compared("cells equal", "cells that differ", len(both), int(equal.sum()), others)


def tiers(ours: pd.DataFrame, committed: pd.DataFrame) -> Compared:
    """Tier scores (`scores.table`) of ours that lie inside the committed intervals; those without one are left out."""
    known = committed.dropna(subset=["value", "low", "high"]).drop_duplicates(TIER)
    both = ours.dropna(subset="value")[[*TIER, "value"]].merge(known[[*TIER, "value", "low", "high"]], on=TIER,
                                                               suffixes=("", "_committed"))
    inside = (both.value >= both.low - EQUAL) & (both.value <= both.high + EQUAL)
    return Compared("tier scores inside the committed intervals", "tier scores outside", len(both), int(inside.sum()),
                    both[~inside])


def verdicts(ours: pd.DataFrame, committed: pd.DataFrame) -> Compared:
    """Verdicts on whole claims (from `claims.verdicts`) that agree; claims that one side has not run are left out."""
    both = pd.merge(*(_of_claims(parts) for parts in (ours, committed)), on=CLAIM, suffixes=("", "_committed"))
    agree = both.verdict == both.verdict_committed
    return Compared("verdicts that agree", "verdicts that differ", len(both), int(agree.sum()), both[~agree])


def _of_claims(parts: pd.DataFrame) -> pd.DataFrame:
    whole = parts.groupby(CLAIM, sort=False).verdict.agg(claims.whole).reset_index()
    return whole[whole.verdict != claims.NOT_RUN]


def summary(results: list[Compared]) -> str:
    """Table with the numbers of agreeing results, and below it the names of the others."""
    rows = [(result.what, result.n, result.agree, f"{100 * result.agree / result.n:.0f} %" if result.n else "-")
            for result in results]
    parts = [pd.DataFrame(rows, columns=["", "compared", "agree", "share"]).to_string(index=False)]
    for result in (result for result in results if len(result.others)):
        more = len(result.others) - NAMED
        parts += [f"{result.differing}:\n{result.others.head(NAMED).to_string(index=False)}"
                  + (f"\nand {more} more" if more > 0 else "")]
    return "\n\n".join(parts)
