"""The claims table as one reads it: verdict, seeds, effect and intervals of each claim, and what the paper's cells say.
"""

import pandas as pd

from centurio_lib.findings import claims, table_formats
from centurio_lib.params.claim_rules import Claims

HEAD = ["claim", "split", "seeds", "verdict", "effect", "other languages too"]


def table(rules: Claims, parts: pd.DataFrame) -> pd.DataFrame:
    """A row for each claim, split and stage of this study's seeds, beside a column for each backbone of the paper.

    `parts` is of `claims.verdicts`. The effect has the interval of the languages tested, then that of languages like
    these. A claim that was not run has one row.
    """
    papers = {where: rows for where, rows in parts[parts.stage == claims.PUBLISHED].groupby("where", sort=False)}
    ours, shown = parts[parts.stage != claims.PUBLISHED], []
    for name, claim in rules.claims.items():
        told = {where: _told(rows[rows.claim == name]) for where, rows in papers.items()}
        of_claim = ours[ours.claim == name]
        judged = of_claim[of_claim.verdict != claims.NOT_RUN]
        for (split, stage, seeds), rows in judged.groupby(["split", "stage", "seeds"], sort=False):
            shown.append({"claim": claim.claim, "split": split, "seeds": f"{seeds} ({stage})",
                          "verdict": _verdict(rows), "effect": _effects(rows, ("low", "high")),
                          "other languages too": _effects(rows, ("population_low", "population_high"))} | told)
        if judged.empty:
            shown.append({"claim": claim.claim, "verdict": claims.NOT_RUN} | told)
    return pd.DataFrame(shown, columns=[*HEAD, *papers]).fillna(table_formats.MISSING)


def _verdict(rows: pd.DataFrame) -> str:
    reasons = list(dict.fromkeys(why for why in rows.why.fillna("") if why))
    return claims.whole(rows.verdict) + (f" ({'; '.join(reasons)})" if reasons else "")


def _effects(rows: pd.DataFrame, bounds: tuple[str, str]) -> str:
    return "; ".join(table_formats.sure(row.value, *(getattr(row, name) for name in bounds), signed=True)
                     for row in rows.itertuples())


def _told(rows: pd.DataFrame) -> str:
    """Verdict, effect and interval of one claim by the paper's cells."""
    if rows.empty or set(rows.verdict) == {claims.NOT_RUN}:
        return table_formats.MISSING
    return f"{_verdict(rows)}: {_effects(rows, ('low', 'high'))}"
