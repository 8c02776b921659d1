"""Verdicts of scores on the paper's claims, by rules that were fixed before the run (params/claims.yaml).

The same rules read this study's items (`scores.items`) and the cells that the paper printed (`paper_results.items`). A
setup may go by another name there: one that asks for the same as an earlier one is trained as that
(`params.trained_as`). A verdict is replicated, contradicted or inconclusive; "not run" where a setup or a task that
the rule names has no scores.
"""

from pathlib import Path

import pandas as pd

from centurio_lib import params, paths
from centurio_lib.findings import ablation, paper_results, scores, statistics, table_formats
from centurio_lib.params.claim_rules import Claims, Part

SCRIPTS = scores.SCRIPTS[1:]
REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_RUN = "replicated", "contradicted", "inconclusive", "not run"
EFFECT = ["value", "low", "high", "cells", "items", "missing", "seeds"]


def load(path: Path = params.CLAIMS) -> Claims:
    """Read the claims. Raises ParamsError naming file, claim and fault, such as an unknown setup."""
    return params.validated(Claims, params.load(path), str(path), known_names())


def known_names() -> dict[str, list[str]]:
    """Setups and scores that a claim may name, of the study and of the paper."""
    return {"setups": [*params.all_setups(), *paper_results.APPENDIX.values()],
            "scores": list(dict.fromkeys([*ablation.PARTS, *_tasks(), *paper_results.TASKS]))}


def _tasks() -> list[str]:
    """Tasks that any profile asks."""
    profiles = sorted(path.stem for path in (paths.PARAMS / "profiles").glob("*.yaml"))
    return [task for name in profiles for task in params.profile(name).evaluation.items]


def with_chance(items: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Add two columns to the study's items that verdicts need: chance, and the group of the script."""
    of = ["split", "task", "language", "metric"]
    chance = cells.dropna(subset=["chance"]).drop_duplicates(of)[[*of, "chance"]]
    joined = items.merge(chance, how="left", on=of).fillna({"chance": 0.0})  # fidelity has none
    return joined.assign(script=joined.language.map(paper_results.script))


def selected(items: pd.DataFrame, on: str, printed: bool = False) -> pd.DataFrame:
    """Items of a part of the scores or of one task; `printed`: the paper's, whose tasks have names of their own."""
    if on in ablation.PARTS:
        return ablation.part(items, on)
    return items[(items.task == (paper_results.TASKS.get(on, on) if printed else on)) & items.headline]


def judged(value: float, low: float, high: float, rule: str, margin: float) -> str:
    """The verdict on one part from its effect's interval, which lies in the claim's range, outside it, or in both."""
    if high - low < 10 ** -scores.DECIMALS:  # all items alike: an interval without width says nothing about other items
        return INCONCLUSIVE
    bound = -margin if rule == "not_less" else margin
    if rule == "not_more":
        return REPLICATED if high < bound else CONTRADICTED if low > bound else INCONCLUSIVE
    return REPLICATED if low > bound else CONTRADICTED if high < bound else INCONCLUSIVE


def assess(part: Part, items: pd.DataFrame, level: float, printed: bool = False, draws: int = statistics.DRAWS) -> dict:
    """Judge one part of a claim on one split: verdict, effect, interval, counts, reason for no verdict."""
    rows = selected(items, part.of, printed)
    rows = rows[rows.setup.isin(part.setups)]
    lacking = [setup for setup in part.setups if setup not in set(rows.setup)]
    if rows.empty or lacking:
        return {"verdict": NOT_RUN, "why": f"no scores of {', '.join(lacking)} in {part.of}"}
    if {*part.groups, *part.against_groups} & set(SCRIPTS):
        rows = rows.assign(group=rows.script)
    empty = [g for g in [*part.groups, *part.against_groups] if set(part.setups) - set(rows[rows.group == g].setup)]
    if empty:
        return {"verdict": NOT_RUN, "why": f"no scores in {', '.join(empty)}"}
    effect = statistics.summed(rows, sides(part), level, draws).iloc[0][EFFECT].to_dict()
    verdict, why = judged(*(effect[name] for name in EFFECT[:3]), part.rule, part.margin), ""
    if verdict != INCONCLUSIVE and _guessed(part, verdict, effect["value"], rows, level, draws):
        verdict, why = INCONCLUSIVE, "no better than chance"
    return {"verdict": verdict, "why": why} | effect


def _guessed(part: Part, verdict: str, value: float, rows: pd.DataFrame, level: float, draws: int) -> bool:
    """Whether a verdict is on guesses: scores alike where the task is not mastered, or a rise from below chance to it.

    What must be above chance: where scores are said to be alike the lower side, which sets the mark; else the one that
    came out higher, unless the other is no worse than guesses as it is.
    """
    up, down = (part.higher, part.groups), (part.lower, part.against_groups or part.groups)
    if part.rule != "more" and verdict == REPLICATED:
        return _above_chance(*down, rows, level, draws).low <= 0
    winner, loser = (up, down) if value > 0 else (down, up)
    if part.rule == "more" and _above_chance(*loser, rows, level, draws).value >= 0:
        return False
    return _above_chance(*winner, rows, level, draws).low <= 0


def _above_chance(setups: list[str], groups: list[str], rows: pd.DataFrame, level: float, draws: int) -> pd.Series:
    """Mean score of setups above chance, with one-sided bounds: both are drawn at level 2 level - 1."""
    mean = dict.fromkeys(setups, 1 / len(setups))
    gained = rows.assign(score=rows.score - rows.chance)
    return statistics.contrasts(gained, [mean], groups, 2 * level - 1, draws).iloc[0]


def sides(part: Part) -> list[tuple[list[dict[str, float]], list[str]]]:
    """Weights and groups of a part's contrast, for `statistics.summed`."""
    up, down = dict.fromkeys(part.higher, 1 / len(part.higher)), dict.fromkeys(part.lower, -1 / len(part.lower))
    if part.against_groups:
        return [([up], list(part.groups)), ([down], list(part.against_groups))]
    both = {setup: up.get(setup, 0) + down.get(setup, 0) for setup in part.setups}  # a setup may be on both sides
    return [([both], list(part.groups))]


def verdicts(claims: Claims, items: pd.DataFrame, where: str, printed: bool = False,
             draws: int = statistics.DRAWS, names: dict[str, str] | None = None) -> pd.DataFrame:
    """One row for each part of each claim and each split: where, split, claim, part, verdict, why, effect.

    `items` have chance and script (`with_chance`, `paper_results.items`); `names`: under which other name a setup of
    ours has them. The blind split is left out, and a part is judged on the splits that hold its scores and can tell; on
    all, as not run, where none does. Raises ValueError for items of no split.
    """
    names = paper_results.SAME_RUN if printed else names or {}
    splits = [split for split in dict.fromkeys(items.split) if split != scores.BLIND]
    if not splits:
        raise ValueError("no items to judge the claims by")
    rows, held = [], {on: set(selected(items, on, printed).split) for on in claims.compared}
    for split in splits:
        of_split = items[items.split == split]
        for name, claim in claims.claims.items():
            if split in claim.not_on:
                continue
            level = 1 - (1 - claims.confidence) / len(claim.parts)
            for i, part in enumerate(claim.parts):
                if held[part.of] and split not in held[part.of]:
                    continue
                head = {"where": where, "split": split, "claim": name, "part": i, "compares": part.in_short,
                        "rule": part.rule, "margin": part.margin, "confidence": round(level, 4)}
                rows.append(head | assess(part.renamed(names), of_split, level, printed, draws))
    columns = [*head, "verdict", *EFFECT, "why"]
    return pd.DataFrame(rows).reindex(columns=columns).round(dict.fromkeys(EFFECT[:3], scores.DECIMALS))


def whole(of_parts: pd.Series) -> str:
    """Verdict on a claim from the verdicts on its parts; "not run" if a part was not run."""
    if NOT_RUN in set(of_parts):
        return NOT_RUN
    if CONTRADICTED in set(of_parts):
        return CONTRADICTED
    return REPLICATED if set(of_parts) == {REPLICATED} else INCONCLUSIVE


def overview(claims: Claims, parts: pd.DataFrame) -> pd.DataFrame:
    """Verdict and effects of each claim (rows) for each `where` and split (columns)."""
    verdict_rows = []
    for name, claim in claims.claims.items():
        row = {"claim": claim.claim, "source": claim.source}
        for (where, split), rows in parts[parts.claim == name].groupby(["where", "split"], sort=False):
            effects = [f"{r.value:+.1f} [{r.low:+.1f}, {r.high:+.1f}]" for r in rows.itertuples() if pd.notna(r.value)]
            row[f"{where}, {split}"] = "; ".join([whole(rows.verdict), *effects]).replace("-", "−")
        verdict_rows.append(row)
    columns = list(dict.fromkeys(f"{where}, {split}" for where, split in zip(parts["where"], parts.split, strict=True)))
    return pd.DataFrame(verdict_rows, columns=["claim", "source", *columns]).fillna(table_formats.MISSING)
