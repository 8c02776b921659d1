"""Conclusions of the notebooks of findings, in sentences that are computed from the tables."""

import pandas as pd

from centurio_lib.findings.scores import GROUPS, SPLITS
from centurio_lib.findings.table_formats import number, sure

LEVEL = 0.05  # Holm's p of a significant difference is below
NAMES = {"all_tasks": "All tasks", "unaffected": "Tasks unaffected by fidelity", "fidelity": "Language fidelity",
         "smpqa_read": "SMPQA Read", "smpqa_ground": "SMPQA Ground", "page_read": "Pages"}
TIERS = GROUPS[1:]


def change(differences: pd.DataFrame, setup: str, metric: str, groups: list[str]) -> str:
    """Sentence on the differences of a setup in some groups, and on their significance.

    Looks at the first split that holds the metric. Raises ValueError where the table lacks the setup or the metric.
    """
    rows = differences[(differences.setup == setup) & (differences.metric == metric) & differences.group.isin(groups)]
    if rows.empty:
        raise ValueError(f"no differences of {setup!r} in {metric!r} and {groups}")
    rows = rows[rows.split == _first_split(rows)]
    effects = [f"{row.group} {sure(row.value, row.low, row.high, signed=True)}" for row in rows.itertuples()]
    said = (f"{NAMES.get(metric, metric)}, {rows.split.iloc[0]}: {setup} against {rows.against.iloc[0]}: "
            f"{', '.join(effects)}")
    if lacks := list(dict.fromkeys(why for why in rows.why if why)):
        return f"{said}; what stands cannot be said: {', '.join(lacks)}."
    standing = int((rows.p_holm < LEVEL).sum())
    return f"{said}; {standing} of {len(rows)} stand after Holm's correction."


def highest(tidy: pd.DataFrame, metric: str, groups: list[str]) -> str:
    """Sentence on the setups with highest and lowest mean over some groups, on the first split with the metric.

    Raises ValueError where the table lacks the metric.
    """
    rows = tidy[(tidy.metric == metric) & tidy.group.isin(groups) & tidy.value.notna()]
    if rows.empty:
        raise ValueError(f"no scores of {metric!r} in {groups}")
    split = _first_split(rows)
    means = rows[rows.split == split].groupby("setup", sort=False).value.mean().sort_values(ascending=False)
    named = ["English" if group == "en" else group for group in groups]
    where = " and ".join(named) if len(named) < 3 else f"{named[0]} to {named[-1]}"
    scores = f"{NAMES.get(metric, metric)}, {split}"
    best, worst = number(means.iloc[0]), number(means.iloc[-1])
    if best == worst:
        return f"{scores}: all setups score {best} on {where}."
    return f"{scores}: {means.index[0]} scores highest on {where} ({best}) and {means.index[-1]} lowest ({worst})."


def counted(verdicts: pd.Series, what: str) -> str:
    """Count verdicts by kind in words, the most frequent first."""
    counts = verdicts.value_counts(sort=True)
    return f"{what}: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}."


def strongest(table: pd.DataFrame, system: str) -> str:
    """Sentence on the columns (setup, metric, group, value) in which a system ranks highest and lowest."""
    rank = table.assign(rank=table.groupby(["metric", "group"]).value.rank(ascending=False, method="min"))
    rows = rank[rank.setup == system].sort_values("rank", kind="stable")
    first, last = (f"{row.metric} {row.group} (place {row.rank:.0f})" for row in rows.iloc[[0, -1]].itertuples())
    return f"{system}: stands highest in {first} and lowest in {last}, of {table.setup.nunique()} systems."


def _first_split(rows: pd.DataFrame) -> str:
    return min(set(rows.split), key=SPLITS.index)
