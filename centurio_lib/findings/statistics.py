"""Uncertainty of scores: intervals of weighted sums of setups' scores in groups of languages, Holm's correction.

Items come as a tidy frame with the columns of `ITEM`. A score is the plain mean over (task, language) cells of the
mean over their items, as in `scores.tier_scores`, and then over seeds. An estimate is a sum of such scores with any
weights (`Weights`): a score, a difference of two setups, a difference of differences, or a gap between groups.
Its variance has three parts.

1. Seeds: another run of the same setup, pooled over the setups of a recipe (seed_variance.py).
2. Things: other items of the same cells. Items that ask about one thing vary together, in whatever language, group and
   task. What seeds add to the scores of items is taken off, since the first part holds it.
3. Languages: other languages like those of a group, less what items explain. English is one language. Languages are
   fixed in the interval (low, high) and vary in that of the population (population_low, population_high).

Intervals are Student's, with Satterthwaite's degrees of freedom. Items are compared within their cell. Where a cell
asks about one thing alone, they are compared within such cells of the task and group, else within the group, else with
all (the paper's cells are one item each). `why` says why there is no interval (one thing in all, or all items alike) or
what it lacks: without any seed variance of the recipe it holds things alone and is too narrow.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from centurio_lib.findings import seed_variance
from centurio_lib.findings.item_scores import INTERVAL, Answers, answers, checked
from centurio_lib.findings.seed_variance import Part, Pool

LEVEL = 0.95
WIDTHLESS = 1e-9  # score points: a standard error below says nothing about other items
ONE_SEED = "one seed, and no seed variance of this recipe is known"
ONE_THING = "fewer than two things in all cells"
ALIKE = "all items score alike"
Weights = dict[tuple[str, str], float]  # of (setup, group)


class Effects(NamedTuple):
    """One estimate by item: `effect` (items) weighed by `weight` sums to it. Codes are as in `Answers`.

    `share`: weights of setups in each group; `runs`: the seeds of each setup; `missing`: cells that only some of the
    setups have.
    """

    effect: np.ndarray
    weight: np.ndarray
    group: np.ndarray
    unit: np.ndarray
    cell: np.ndarray
    language: np.ndarray
    thing: np.ndarray
    share: dict[tuple[str, int], float]
    runs: dict[str, tuple[int, ...]]
    missing: int


def effects(found: Answers, weights: Weights) -> Effects:
    """The items that all setups of an estimate answered in each of its groups, and what each adds to it.

    Raises ValueError where a setup has no items, where its seeds answered other ones, or where none is shared.
    """
    weights = {name: weight for name, weight in weights.items() if weight}
    kept, effect, missing = np.zeros(len(found.values), bool), np.zeros(len(found.values)), 0
    for group in dict.fromkeys(group for _, group in weights):
        inside = found.group == (found.groups.index(group) if group in found.groups else -1)
        of_setups = {setup: _answered(found, inside, setup, group) for setup, of in weights if of == group}
        there = inside & np.logical_and.reduce([~np.isnan(mean) for mean in of_setups.values()])
        if not there.any():
            raise ValueError(f"{list(of_setups)} have no item in common in group {group!r}")
        some = inside & np.logical_or.reduce([~np.isnan(mean) for mean in of_setups.values()])
        missing += len(set(found.cell[some])) - len(set(found.cell[there]))
        kept |= there
        effect[there] = sum(weights[setup, group] * mean[there] for setup, mean in of_setups.items())
    codes = {name: getattr(found, name)[kept] for name in ("group", "unit", "cell", "language", "thing")}
    return Effects(effect[kept], _shares(codes["group"], codes["cell"]), **codes,
                   share={(setup, found.groups.index(group)): weight for (setup, group), weight in weights.items()},
                   runs={setup: tuple(found.seeds[found.setups == setup].tolist()) for setup, _ in weights},
                   missing=missing)


def _answered(found: Answers, inside: np.ndarray, setup: str, group: str) -> np.ndarray:
    """Mean over seeds of each item's score (items); NaN outside the group and where not asked."""
    runs = found.values[:, found.setups == setup]
    there = ~np.isnan(runs) & inside[:, None]
    if not there.any():
        raise ValueError(f"no items of {[setup]} in group {group!r}: nothing to compare")
    if (there != there[:, :1]).any():
        raise ValueError(f"not every seed of {setup!r} answered the same items in {group!r}: evaluate them alike")
    return np.where(there[:, 0], runs.mean(1), np.nan)


def _shares(group: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Weight of each item in the mean of its cell and of that cell in the mean of its group."""
    cells = np.bincount(group[np.unique(cell, return_index=True)[1]], minlength=group.max() + 1)
    return 1 / (np.bincount(cell)[cell] * cells[group])


def estimate(found: Answers, weights: Weights, pool: Pool | None = None, level: float = LEVEL) -> dict:
    """One estimate: value, intervals, p (two-sided, of no effect), df, numbers of cells, items, things and seeds.

    `seeds_variance`, `things_variance` and `languages_variance` are its parts, `noise_variance` is what the seeds'
    noise in single items has in the first. `why`: what the interval lacks, or why there is none. `pool`: of
    `seed_variance.pool`. Raises ValueError as `effects`.
    """
    by_item = effects(found, weights)
    seeds, without = seeds_part(found, by_item, pool)
    things, alone = things_part(found, by_item, pool)
    parts = {"seeds": seeds, "things": things, "languages": languages_part(by_item)}
    value, fixed = float(by_item.effect @ by_item.weight), seed_variance.together([seeds, things])
    why = alone or (ALIKE if fixed.variance < WIDTHLESS ** 2 else without)
    reach, wider = (np.nan if why in (ONE_THING, ALIKE) else _reach(part, level)
                    for part in (fixed, seed_variance.together([*parts.values()])))
    bounds = dict(zip(INTERVAL, [value - reach, value + reach, value - wider, value + wider], strict=True))
    return {"value": value, **bounds, "p": np.nan if why in (ONE_THING, ALIKE) else _p(value, fixed), "df": fixed.df,
            **{f"{name}_variance": part.variance for name, part in parts.items()},
            "noise_variance": _noise(found, by_item, pool),
            "cells": len(set(by_item.cell)), "items": len(by_item.effect), "things": len(set(by_item.thing)),
            "missing": by_item.missing, "seeds": min(map(len, by_item.runs.values())), "why": why}


def _reach(part: Part, level: float) -> float:
    return float(special.stdtrit(_finite(part.df), (1 + level) / 2) * np.sqrt(part.variance))


def _finite(df: float) -> float:
    return min(df, 1e9)


def _p(value: float, part: Part) -> float:
    """p of no effect. What lies below the last digit that a score resolves is nothing."""
    return float(2 * special.stdtr(_finite(part.df), -max(abs(value) - WIDTHLESS, 0) / np.sqrt(part.variance)))


def seeds_part(found: Answers, by_item: Effects, pool: Pool | None) -> tuple[Part, str]:
    """Variance due to seeds, and why it is unknown: no run of the recipe repeats another, or none asked these tasks."""
    asked = [found.units[code] for code in np.unique(by_item.unit)]
    if pool is None or pool.df < 1 or any(unit not in pool.units for unit in asked):
        return Part(0.0, np.inf), ONE_SEED
    shares = np.bincount(by_item.unit, by_item.weight, minlength=len(found.units))  # of each unit in its group's score
    rows = {setup: np.zeros(len(pool.units)) for setup in by_item.runs}
    for code in np.unique(by_item.unit):
        group = found.groups.index(found.units[code][2])
        for setup in rows:
            rows[setup][pool.units[found.units[code]]] = by_item.share.get((setup, group), 0.0) * shares[code]
    return seed_variance.part(pool, rows, by_item.runs), ""


def strata(by_item: Effects) -> np.ndarray:
    """Within what each item is compared (items): its cell, or what is joined where cells ask about one thing alone.

    Such cells of a unit are one stratum; a last one goes with another cell of its unit, then of its group, then of all.
    """
    stratum = by_item.cell.copy()
    for wider in (by_item.unit, by_item.group, np.zeros_like(by_item.group)):
        lonely = _things_of(stratum, by_item.thing)[stratum] < 2
        stratum[lonely] = stratum.max() + 1 + wider[lonely]
        lonely = _things_of(stratum, by_item.thing)[stratum] < 2
        for code in np.unique(wider[lonely]):
            others = stratum[(wider == code) & ~lonely]
            if len(others):
                stratum[(wider == code) & lonely] = others[0]
    return np.unique(stratum, return_inverse=True)[1]


def _things_of(stratum: np.ndarray, thing: np.ndarray) -> np.ndarray:
    """Number of things of each stratum."""
    pairs = np.unique(np.stack([stratum, thing], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=stratum.max() + 1)


def things_part(found: Answers, by_item: Effects, pool: Pool | None) -> tuple[Part, str]:
    """Variance due to the things asked about, without the noise of seeds; why it is unknown.

    A deviation from the mean of n things is smaller than one from the truth: its square by n / (n - 1), its product
    with the same thing's in another stratum by (n / (n - 1)) squared. Both are corrected.
    """
    stratum = strata(by_item)
    count = _things_of(stratum, by_item.thing)
    if (count < 2).any():
        return Part(0.0, np.inf), ONE_THING
    apart = by_item.effect - (np.bincount(stratum, by_item.effect) / np.bincount(stratum))[stratum]
    first, code = np.unique(stratum * (by_item.thing.max() + 1) + by_item.thing, return_index=True,
                            return_inverse=True)[1:]  # of stratum and thing
    totals, larger = np.bincount(code, by_item.weight * apart), (count / (count - 1))[stratum[first]]
    of_things, plain = (np.bincount(by_item.thing[first], parts) for parts in (totals * larger, totals))
    corrected = (of_things ** 2).sum() - (totals ** 2 * (larger ** 2 - larger)).sum()
    variance = float(max(corrected, (plain ** 2).sum()))  # things that vary oppositely between strata leave some
    left = max(0.0, variance - _noise(found, by_item, pool))
    df = _df_of_things(by_item, stratum, apart)
    return Part(left, max(1.0, df * (left / variance) ** 2) if left else np.inf), ""  # taking off adds no certainty


def _df_of_things(by_item: Effects, stratum: np.ndarray, apart: np.ndarray) -> float:
    """Degrees of freedom that the things would leave if items were independent: few or uneven things leave few.

    Items are taken to vary alike in a unit, or in a stratum that joins several.
    """
    size = apart ** 2
    for code in (by_item.unit, stratum):
        size = (np.bincount(code, size) / np.maximum(np.bincount(code), 1))[code]
    alone = np.bincount(by_item.thing, by_item.weight ** 2 * size)
    lost = 1 - (stratum.max() + 1) / len(apart)
    return max(1.0, lost * float(alone.sum() ** 2 / (alone ** 2).sum())) if alone.any() else np.inf


def _noise(found: Answers, by_item: Effects, pool: Pool | None) -> float:
    """Variance that the seeds' noise in single items gives to the estimate."""
    squares, total = np.bincount(by_item.unit, by_item.weight ** 2, minlength=len(found.units)), 0.0
    for (setup, group), share in by_item.share.items():
        noise = seed_variance.noise_of(pool, setup)
        if noise is not None:
            units = [code for code in np.unique(by_item.unit[by_item.group == group])
                     if found.units[code] in pool.units]
            total += sum(share ** 2 * squares[code] * noise[pool.units[found.units[code]]] for code in units
                         ) / len(by_item.runs[setup])
    return total


def languages_part(by_item: Effects) -> Part:
    """Variance due to the languages of each group with several, less what their items explain."""
    parts = []
    for group in np.unique(by_item.group):
        inside = by_item.group == group
        language = np.unique(by_item.language[inside], return_inverse=True)[1]
        n = language.max() + 1
        if n < 2:
            continue
        weight, effect = by_item.weight[inside], by_item.effect[inside]
        total = float(weight @ effect)
        of_languages = np.bincount(language, weight * (effect - total / weight.sum()))
        cell = by_item.cell[inside]
        means = np.bincount(cell, effect) / np.maximum(np.bincount(cell), 1)
        size = np.bincount(cell)[cell]
        items = float((weight ** 2 * (effect - means[cell]) ** 2 * size / np.maximum(size - 1, 1)).sum())
        parts.append(Part(max(0.0, n / (n - 1) * float((of_languages ** 2).sum()) - items), n - 1))
    return seed_variance.together(parts)


def contrasts(items: pd.DataFrame, weights: list[Weights], variance: pd.DataFrame | None = None,
              level: float = LEVEL) -> pd.DataFrame:
    """A row of `estimate` for each of some weights, of items of one split.

    `variance`: a `seed_variance` table; None takes what the items' own seeds say. Raises ValueError as `effects`.
    """
    found = answers(items)
    of_split = items.split.iloc[0]
    pool = seed_variance.pool(_known(items, variance), of_split)
    return pd.DataFrame([estimate(found, weight, pool, level) for weight in weights])


def _known(items: pd.DataFrame, variance: pd.DataFrame | None) -> pd.DataFrame:
    return seed_variance.table(checked(items), "") if variance is None else variance


def bounds(items: pd.DataFrame, variance: pd.DataFrame | None = None, level: float = LEVEL) -> pd.DataFrame:
    """Intervals of the score of each setup, split and group, cut off at 0 and 100.

    Returns setup, group, split, low, high, population_low, population_high, items (how many), why. Raises ValueError as
    `effects`.
    """
    rows, variance = [], _known(items, variance)
    for split, of_split in checked(items).groupby("split", sort=False):
        there = of_split[["setup", "group"]].drop_duplicates().itertuples(index=False, name=None)
        weights: list[Weights] = [{place: 1.0} for place in there]
        found = contrasts(of_split, weights, variance, level)[[*INTERVAL, "items", "why"]]
        places = pd.DataFrame([next(iter(weight)) for weight in weights], columns=["setup", "group"])
        rows.append(pd.concat([places.assign(split=split), found], axis=1))
    joined = pd.concat(rows, ignore_index=True)
    return joined.assign(**{name: joined[name].clip(0, 100) for name in INTERVAL})


def differences(items: pd.DataFrame, against: str, groups: list[str], variance: pd.DataFrame | None = None,
                level: float = LEVEL) -> pd.DataFrame:
    """Difference of every setup from one, in each split and group, Holm's correction over the whole table.

    Returns setup, against, group, split, what `contrasts` gives, and p_holm. A setup that lacks a group is left out of
    it. Raises ValueError as `contrasts`, and where `against` has no items.
    """
    if against not in set(items.setup):
        raise ValueError(f"{against!r} has no items; there are {sorted(set(items.setup))}")
    parts, variance = [], _known(items, variance)
    for split, of_split in items[items.group.isin(groups)].groupby("split", sort=False):
        there = of_split[["setup", "group"]].drop_duplicates()
        pairs = [(setup, group) for group in there.group.drop_duplicates() for setup in there.setup.drop_duplicates()
                 if setup != against and {setup, against} <= set(there[there.group == group].setup)]
        if pairs:
            weights = [{(setup, group): 1.0, (against, group): -1.0} for setup, group in pairs]
            places = pd.DataFrame(pairs, columns=["setup", "group"]).assign(against=against, split=split)
            parts.append(pd.concat([places, contrasts(of_split, weights, variance, level)], axis=1))
    joined = pd.concat(parts, ignore_index=True)
    first = ["setup", "against", "group", "split"]
    joined = joined[[*first, *(column for column in joined if column not in first)]]
    return joined.assign(p_holm=holm(joined.p.to_numpy()))


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for their number (Holm 1979): reject what stays below the level, and all hold together.

    Comparisons without a p are none.
    """
    adjusted, known = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    steps = (len(order) - np.arange(len(order))) * p[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
