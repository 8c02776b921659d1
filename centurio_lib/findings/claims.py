"""Verdicts of scores on the paper's claims, by the rules and definitions of params/claims.yaml.

The same rules read this study's items (`scores.items`) and the cells that the paper printed (`paper_results.items`). A
setup may go by another name there: one that asks for the same as an earlier one is trained as that
(`params.trained_as`). The paper has one run of each setup and no seed variance: its intervals hold languages alone.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from centurio_lib import params, paths
from centurio_lib.findings import ablation, item_scores, paper_results, scores, seed_variance, statistics
from centurio_lib.findings.item_scores import INTERVAL, Answers
from centurio_lib.findings.seed_variance import Pool
from centurio_lib.findings.statistics import Weights
from centurio_lib.params.claim_rules import Claims, Part

SCRIPTS = scores.SCRIPTS[1:]
REPLICATED, CONTRADICTED, NO_EFFECT = "replicated", "contradicted", "no effect"
INCONCLUSIVE, CANNOT, NOT_RUN = "inconclusive", "cannot be judged", "not run"
EXPLORATORY, CONFIRMATORY, PUBLISHED = "exploratory", "confirmatory", "published"
EFFECT = ["value", *INTERVAL, "df", *ablation.VARIANCES, "cells", "items", "things", "missing"]
BEATS = 0.99  # one-sided confidence at which a task that enters means beats chance
NEAR = 0.5  # of the paper's effect: an interval within it on either side of the margin is no effect
ALL = "all"  # group of all languages
NO_TASK = "no task is better than chance"
COLUMNS = ["where", "stage", "seeds", "split", "claim", "part", "compares", "rule", "margin", "confidence", "verdict",
           *EFFECT, "published", "why"]


class Stage(NamedTuple):
    """Seeds that are judged together: exploratory, confirmatory or the paper's."""

    name: str
    seeds: list[int]

    @property
    def shown(self) -> str:
        """The seeds in short: 0-2."""
        if self.name == PUBLISHED:
            return ""
        lone = len(self.seeds) == 1 or self.seeds != [*range(self.seeds[0], self.seeds[-1] + 1)]
        return ", ".join(map(str, self.seeds)) if lone else f"{self.seeds[0]}-{self.seeds[-1]}"


def load(path: Path = params.CLAIMS) -> Claims:
    """Read the claims. Raises ParamsError naming file, claim and fault, such as an unknown setup."""
    return params.validated(Claims, params.load(path), str(path), known_names())


def known_names() -> dict[str, list[str]]:
    """Setups and scores that a claim may name, of the study and of the paper, and profiles."""
    profiles = sorted(path.stem for path in (paths.PARAMS / "profiles").glob("*.yaml"))
    tasks = [task for name in profiles for task in params.profile(name).evaluation.items]
    return {"setups": [*params.all_setups(), *paper_results.APPENDIX.values()], "profiles": profiles,
            "scores": list(dict.fromkeys([*ablation.PARTS, *tasks, *paper_results.TASKS]))}


def with_chance(items: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Add two columns to the study's items that verdicts need: chance, and the group of the script."""
    of = ["split", "task", "language", "metric"]
    chance = cells.dropna(subset=["chance"]).drop_duplicates(of)[[*of, "chance"]]
    joined = items.merge(chance, how="left", on=of).fillna({"chance": 0.0})  # fidelity has none
    return joined.assign(script=joined.language.map(scores.script))


def stages(items: pd.DataFrame, first: int | None) -> list[Stage]:
    """The seeds of some items, confirmatory before exploratory. `first`: the first confirmatory seed; None: none is."""
    seeds = sorted(set(items.seed))
    split = {CONFIRMATORY: [s for s in seeds if first is not None and s >= first],
             EXPLORATORY: [s for s in seeds if first is None or s < first]}
    return [Stage(name, of) for name, of in split.items() if of]


def seeds_sentence(rules: Claims, profile: str, items: pd.DataFrame) -> str:
    """Which seeds give which verdicts, and which were not run."""
    first, there = rules.from_seed.get(profile), stages(items, rules.from_seed.get(profile))
    told = [f"{'seeds' if len(stage.seeds) > 1 else 'seed'} {stage.shown} {'are' if len(stage.seeds) > 1 else 'is'} "
            f"{stage.name}" for stage in there]
    if first is None:
        told.append(f"params/claims.yaml names no confirmatory seed of {profile}")
    elif CONFIRMATORY not in [stage.name for stage in there]:
        told.append(f"seeds from {first} on, which alone give the headline verdicts, were not run")
    return f"{'; '.join(told)}.".capitalize()


def selected(items: pd.DataFrame, on: str, printed: bool = False) -> pd.DataFrame:
    """Items of a part of the scores or of one task; `printed`: the paper's, whose tasks have names of their own."""
    if on in ablation.PARTS:
        return ablation.part(items, on)
    return items[(items.task == (paper_results.TASKS.get(on, on) if printed else on)) & items.headline]


# === tasks that enter means ===
def able(items: pd.DataFrame) -> pd.DataFrame:
    """Each task of one split: its mean above chance over all setups and cells, and whether it enters the means.

    Returns split, task, value, low (one-sided, at `BEATS`), enters. No contrast between setups is looked at.
    """
    rows = []
    for task, of_task in ablation.part(items, "all_tasks").groupby("task", sort=False):
        setups = sorted(set(of_task.setup))
        above = of_task.dropna(subset=["group"]).assign(score=of_task.score - of_task.chance, group=ALL)
        mean = {(setup, ALL): 1 / len(setups) for setup in setups}
        found = statistics.contrasts(above, [mean], None, 2 * BEATS - 1).iloc[0]
        low = found.value if found.why == statistics.ALIKE else found.low
        rows.append((items.split.iloc[0], task, found.value, low, bool(low > 0)))
    return pd.DataFrame(rows, columns=["split", "task", "value", "low", "enters"])


# === one part ===
def judged(value: float, interval: tuple[float, float], wider: tuple[float, float], rule: str, margin: float,
           published: float | None = None) -> str:
    """The verdict on one part from its effect's interval, by the definitions of params/claims.yaml.

    `wider`: the interval by which a claim of several parts is contradicted; `published`: the paper's effect.
    """
    bound = -margin if rule == "not_less" else margin
    (low, high), (lowest, highest) = interval, wider
    if rule == "not_more":
        low, high, lowest, highest, bound = -high, -low, -highest, -lowest, -bound
    if low > bound:
        return REPLICATED
    if highest < bound:
        return CONTRADICTED
    near = NEAR * abs(published) if published is not None and pd.notna(published) else 0.0
    if rule == "more" and bound - near < low <= bound <= high < bound + near:
        return NO_EFFECT
    return INCONCLUSIVE


class Judge(NamedTuple):
    """Inputs that judge the parts of all claims on one split and stage. `wider`: confidence for a contradiction."""

    items: pd.DataFrame
    able: set[str]
    variance: pd.DataFrame
    level: float
    wider: float
    printed: bool


def assess(part: Part, judge: Judge, published: float | None = None) -> dict:
    """Judge one part of a claim: verdict, margin in score points, effect, interval, counts, reason for no verdict."""
    rows = selected(judge.items, part.of, judge.printed)
    lacking = [setup for setup in part.setups if setup not in set(rows.setup)]
    if rows.empty or lacking:
        return {"verdict": NOT_RUN, "why": f"no scores of {', '.join(lacking)} in {part.of}"}
    if part.of in ("all_tasks", "unaffected") and (rows := rows[rows.task.isin(judge.able)]).empty:
        return {"verdict": CANNOT, "why": NO_TASK}
    if set(part.groups) & set(SCRIPTS):
        rows = rows.assign(group=rows.script)
    empty = [g for g in part.groups if {setup for setup, group in part.weights if group == g} - set(
        rows[rows.group == g].setup)]
    if empty:
        return {"verdict": NOT_RUN, "why": f"no scores in {', '.join(empty)}"}
    rows = rows[rows.setup.isin(part.setups) & rows.group.isin(part.groups)]
    return _effect(part, item_scores.answers(rows), seed_variance.pool(judge.variance, rows.split.iloc[0]), judge,
                   published) | {"tasks": " ".join(dict.fromkeys(rows.task))}


def _effect(part: Part, found: Answers, pool: Pool | None, judge: Judge, published: float | None) -> dict:
    effect, wider = (statistics.estimate(found, part.weights, pool, level) for level in (judge.level, judge.wider))
    margin = part.margin
    if part.margin_share:
        margin = part.margin_share * statistics.estimate(found, part.reference, pool)["value"]
    told = {"margin": margin} | {name: effect[name] for name in EFFECT}
    if effect["why"] and not (judge.printed and effect["why"] == statistics.ONE_SEED):
        return told | {"verdict": CANNOT, "why": effect["why"]}
    verdict = judged(effect["value"], *((one["low"], one["high"]) for one in (effect, wider)), part.rule, margin,
                     published)
    return told | {"verdict": verdict, "why": ""}


def guessed(part: Part, verdict: str, value: float, judge: Judge) -> bool:
    """Whether a verdict is on guesses: scores alike where the task is not mastered, or a rise from below chance to it.

    What must be above chance: where scores are said to be alike the lower side, which sets the mark; else the one that
    came out higher, unless the other is no worse than guesses as it is. Differences of differences have no sides.
    """
    if verdict in (INCONCLUSIVE, CANNOT, NOT_RUN) or part.of == "fidelity" or _of_differences(part):
        return False
    up, down = (_side(part.weights, sign) for sign in (1, -1))
    if part.rule != "more" and verdict == REPLICATED:
        return _above_chance(down, part, judge).low <= 0
    winner, loser = (up, down) if value > 0 else (down, up)
    if part.rule == "more" and _above_chance(loser, part, judge).value >= 0:
        return False
    return _above_chance(winner, part, judge).low <= 0


def _of_differences(part: Part) -> bool:
    return any(contrast.than and contrast.lower for contrast in part.mean_of)


def _side(weights: Weights, sign: int) -> Weights:
    of_side = {place: abs(weight) for place, weight in weights.items() if sign * weight > 0}
    return {place: weight / sum(of_side.values()) for place, weight in of_side.items()}


def _above_chance(weights: Weights, part: Part, judge: Judge) -> pd.Series:
    """Mean score of a side above chance, with a one-sided bound."""
    rows = selected(judge.items, part.of, judge.printed)
    rows = rows[rows.task.isin(judge.able)] if part.of in ablation.PARTS else rows
    rows = rows.assign(group=rows.script) if set(part.groups) & set(SCRIPTS) else rows
    rows = rows[rows.setup.isin({setup for setup, _ in weights}) & rows.group.isin({group for _, group in weights})]
    gained = rows.assign(score=rows.score - rows.chance)
    found = statistics.contrasts(gained, [weights], judge.variance, 2 * judge.level - 1).iloc[0]
    return found.fillna({"low": found.value})


# === all claims ===
def verdicts(claims: Claims, items: pd.DataFrame, where: str, printed: bool = False,
             variance: pd.DataFrame | None = None, names: dict[str, str] | None = None,
             published: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row for each part of each claim, stage of seeds and split, with the columns of `COLUMNS`.

    `items` have chance and script (`with_chance`, `paper_results.items`). `variance`: of `seed_variance`; None takes
    what the items' own seeds say. `names`: under which other name a setup of ours has its items. `published`: the
    paper's verdicts, whose effects say what none is. The blind split is left out. A part is judged on the splits that
    hold its scores and can tell. Raises ValueError for items of no split.
    """
    names = paper_results.SAME_RUN if printed else names or {}
    splits = [split for split in dict.fromkeys(items.split) if split != scores.BLIND]
    if not splits:
        raise ValueError("no items to judge the claims by")
    held = {on: set(selected(items, on, printed).split) for on in claims.compared}
    rows = []
    for stage in [Stage(PUBLISHED, [0])] if printed else stages(items, claims.from_seed.get(where)):
        of_stage = items[items.seed.isin(stage.seeds)]
        known = seed_variance.table(scores.by_table(of_stage), "") if variance is None else variance
        for split in splits:
            of_split = of_stage[of_stage.split == split]
            tasks = set(able(of_split).query("enters").task)
            rows += [{"where": where, "stage": stage.name, "seeds": stage.shown, "split": split} | row for row in
                     _on_split(claims, of_split, held, tasks, known, names, printed, published)]
    decimals = dict.fromkeys([*EFFECT[:10], "margin", "published"], scores.DECIMALS)
    return pd.DataFrame(rows).reindex(columns=COLUMNS).round(decimals)


def _on_split(claims: Claims, items: pd.DataFrame, held: dict[str, set[str]], tasks: set[str],
              variance: pd.DataFrame, names: dict[str, str], printed: bool, published: pd.DataFrame | None):
    """Rows of one split and stage."""
    split = items.split.iloc[0]
    for name, claim in claims.claims.items():
        wider = 1 - (1 - claims.confidence) / len(claim.parts)
        judge = Judge(items, tasks, variance, claims.confidence, wider, printed)
        for i, part in enumerate(claim.parts):
            if split in claim.not_on or (held[part.of] and split not in held[part.of]):
                continue
            effect = _published(published, name, i)
            found = assess(part.renamed(names), judge, effect)
            if guessed(part.renamed(names), found["verdict"], found.get("value", np.nan), judge):
                found = found | {"verdict": INCONCLUSIVE, "why": "no better than chance"}
            yield {"claim": name, "part": i, "compares": part.in_short, "rule": part.rule,
                   "confidence": claims.confidence, "margin": part.margin, "published": effect} | found


def _published(published: pd.DataFrame | None, claim: str, part: int) -> float | None:
    """The paper's effect; None where it has none."""
    if published is None:
        return None
    found = published[(published.claim == claim) & (published.part == part)].value
    return float(found.iloc[0]) if len(found) and pd.notna(found.iloc[0]) else None


def whole(of_parts: pd.Series) -> str:
    """Verdict on a claim from the verdicts on its parts, by the definitions of params/claims.yaml."""
    found = set(of_parts)
    for decided in (NOT_RUN, CONTRADICTED, CANNOT):
        if decided in found:
            return decided
    return found.pop() if found in ({REPLICATED}, {NO_EFFECT}) else INCONCLUSIVE
