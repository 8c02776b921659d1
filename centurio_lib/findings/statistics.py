"""Uncertainty of scores: hierarchical bootstrap of tier scores and paired differences, Holm's correction.

Items come as a tidy frame with the columns of `ITEM`. A score is the plain mean over (task, language) cells of the
mean over their items, as in `scores.tier_scores`. Three levels vary, each drawn again with replacement: the items of
each cell, the languages of the group (a language brings all its tasks), the seeds of training where there are several.
Draws are shared by all setups, so that a difference is between the same items of the same languages.

Few languages or seeds need corrections: n - 1 of n are drawn (an unbiased variance: Rao and Wu 1988),
each level's deviation is stretched by the root of df/chi2 (Student's t in place of the normal: Hesterberg 2015), and
the languages' deviation is shrunk by what their items already explain (else the items' noise would count twice).
The noise of several seeds is in the items and in the seeds and counts twice: with three equal seeds, an
interval is about a sixth too wide, which is little beside Student's t of two degrees of freedom.
A group of one language (English) varies by its items alone. Where all items score alike, the interval has no width
whatever the number of items: look at `items`.
"""

import zlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

ITEM = ["setup", "seed", "split", "task", "language", "group", "item_id", "score"]
PLACE = ["language", "task", "item_id"]  # what makes an item, whoever answers it
DRAWS = 10_000
LEVEL = 0.95
CHUNK = 4_000_000  # draws of single items held in memory at a time


def checked(items: pd.DataFrame) -> pd.DataFrame:
    """Items that enter scores: items of languages with a group.

    Raises ValueError where none is left, for a score that is no number, and for an item that is there twice.
    """
    items = grouped(items, ITEM)
    twice = items.duplicated(["setup", "seed", "split", *PLACE])
    if twice.any():
        raise ValueError(f"an item is there twice: {items[twice].iloc[0][ITEM].to_dict()}")
    return items


def grouped(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Rows of languages with a group. `columns` tell a row, its score last.

    Raises ValueError where none is left, and for a score that is no number.
    """
    rows = rows.dropna(subset=["group"])
    if rows.empty:
        raise ValueError("no row has a group: nothing to average or draw from (were task and metric stored?)")
    if (missing := rows[columns[-1]].isna()).any():
        raise ValueError(f"NaN scores: {rows[missing].iloc[0][columns].to_dict()}; evaluate that run again")
    return rows


def wide(items: pd.DataFrame) -> pd.DataFrame:
    """A split and group: items in rows in the order of their cells, (setup, seed) in columns, NaN where not asked."""
    return items.pivot(index=PLACE, columns=["setup", "seed"], values="score").sort_index()


def generator(*names: str) -> np.random.Generator:
    """A random generator for each split and group, so that draws do not depend on other rows of a table."""
    return np.random.default_rng(zlib.crc32("/".join(names).encode()))


def students(df: int, draws: int, random: np.random.Generator) -> np.ndarray:
    """Factors (draws, 1) that turn a normal deviation into one of Student's t."""
    return np.sqrt(df / random.chisquare(df, (draws, 1)))


def drawn(n: int, draws: int, random: np.random.Generator) -> np.ndarray:
    """Counts of each of n elements among n - 1 draws with replacement: (draws, n)."""
    return random.multinomial(n - 1, np.full(n, 1 / n), draws)


def of_items(values: np.ndarray, cell: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """Deviations (draws, K) of the mean over cells of values (items, K) when each cell's items are drawn again.

    `cell` (items) counts from 0 and is sorted.
    """
    size = np.bincount(cell)
    first = np.cumsum(size) - size
    slot = np.repeat(np.arange(len(size)), size - 1)  # the cell of each draw: n - 1 draws a cell
    share = 1 / (len(size) * np.maximum(size - 1, 1))[cell]  # of one draw in the mean
    centred = values - np.add.reduceat(values, first)[cell] / size[cell, None]
    chunks, n, step = [], len(values), max(1, CHUNK // max(1, len(slot)))
    for begin in range(0, draws, step):
        rows = min(step, draws - begin)
        choice = first[slot] + (random.random((rows, len(slot))) * size[slot]).astype(int)
        counts = np.bincount((choice + n * np.arange(rows)[:, None]).ravel(), minlength=rows * n).reshape(rows, n)
        chunks.append((counts * share) @ centred)
    return np.concatenate(chunks)


def of_languages(means: np.ndarray, language: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """Deviations (draws, K) of the mean of `means` (cells, K) when the languages of the cells are drawn again."""
    n = language.max() + 1
    if n < 2:
        return np.zeros((draws, means.shape[1]))
    totals = np.zeros((n, means.shape[1]))
    np.add.at(totals, language, means)
    counts = drawn(n, draws, random)
    mean = counts @ totals / (counts @ np.bincount(language))[:, None]
    return mean - means.mean(0)


def of_seeds(by_seed: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """Deviations (draws, K) of the mean over seeds of scores (seeds, K) when the seeds are drawn again."""
    n = len(by_seed)
    if n < 2:
        return np.zeros((draws, by_seed.shape[1]))
    mean = drawn(n, draws, random) @ by_seed / (n - 1)
    return (mean - by_seed.mean(0)) * students(n - 1, draws, random)


def resampled(place: pd.MultiIndex, values: np.ndarray, draws: int, random: np.random.Generator):
    """One group: scores by seed (seeds, K), and deviations (draws, K) due to items and languages.

    `values` (items, seeds, K) are in the order of `place` (language, task, item), which is sorted.
    """
    cells = pd.MultiIndex.from_arrays([place.get_level_values(level) for level in PLACE[:2]])
    cell, distinct = pd.factorize(cells)
    language = pd.factorize(distinct.get_level_values(0))[0]
    size = np.bincount(cell)
    sums = np.add.reduceat(values, np.cumsum(size) - size)
    means = sums / size[:, None, None]  # (cells, seeds, K)
    items = of_items(values.mean(1), cell, draws, random)
    languages = of_languages(means.mean(1), language, draws, random)
    spread = languages.var(0)
    unexplained = np.clip(1 - np.divide(items.var(0), spread, out=np.ones_like(spread), where=spread > 0), 0, 1)
    if language.max():
        languages = languages * np.sqrt(unexplained) * students(language.max(), draws, random)
    if len(cell) > len(size):
        items = items * students(len(cell) - len(size), draws, random)
    return means.mean(0), items + languages


def interval(deviations: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Deviations (K) below and above a value between which it lies at a level of confidence, of draws (draws, K)."""
    below, above = np.quantile(deviations, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return below, above


def bounds(items: pd.DataFrame, draws: int = DRAWS, level: float = LEVEL) -> pd.DataFrame:
    """How far the interval of each setup, split and group reaches below and above its score.

    Returns setup, group, split, below (at most 0), above, items (how many). Raises ValueError as `checked`.
    """
    rows = []
    for (split, group), of_group in checked(items).groupby(["split", "group"], sort=False):
        table = wide(of_group)
        answered = table.notna()
        for setups in _alike(answered):  # setups that answered the same items go together
            part = table.loc[answered[setups[0]].iloc[:, 0], setups]
            values = np.stack([part[setup].to_numpy(float) for setup in setups], axis=-1)  # (items, seeds, setups)
            random = generator(split, group)
            by_seed, deviations = resampled(part.index, values, draws, random)
            below, above = interval(deviations + of_seeds(by_seed, draws, random), level)
            rows += [(setup, group, split, *reach, len(part)) for setup, *reach in
                     zip(setups, below, above, strict=True)]
    return pd.DataFrame(rows, columns=["setup", "group", "split", "below", "above", "items"])


def _alike(answered: pd.DataFrame) -> list[list[str]]:
    """Setups by the items that they answered. Raises ValueError where a setup's seeds answered other ones."""
    alike: dict[bytes, list[str]] = {}
    for setup in dict.fromkeys(answered.columns.get_level_values("setup")):
        by_seed = answered[setup].to_numpy()  # (items, seeds)
        if (by_seed != by_seed[:, :1]).any():
            lacking = answered.index[(by_seed != by_seed[:, :1]).any(1)][0]
            raise ValueError(f"not every seed of {setup!r} answered {lacking}: evaluate them alike")
        alike.setdefault(by_seed[:, 0].tobytes() + bytes([by_seed.shape[1] % 256]), []).append(setup)
    return list(alike.values())


def contrasts(items: pd.DataFrame, weights: list[dict[str, float]], groups: Iterable[str], level: float = LEVEL,
              draws: int = DRAWS) -> pd.DataFrame:
    """Weighted sums of setups' scores, averaged over some groups of one split, on the items that all setups answered.

    {"L100": 1, "English": -1} is a paired difference. Returns a row for each of `weights`: value, low, high, p
    (two-sided, of no effect), cells, items, missing (cells that only some of the setups have), seeds. Raises ValueError
    as `checked`, and where setups are missing or their seeds differ.
    """
    return summed(items, [(weights, list(groups))], level, draws)


def summed(items: pd.DataFrame, sides: list[tuple[list[dict[str, float]], list[str]]], level: float = LEVEL,
           draws: int = DRAWS) -> pd.DataFrame:
    """Sum `contrasts` over sides, each with weights and groups; a gap between groups has two sides."""
    of_sides = [_side(items, weights, groups, draws) for weights, groups in sides]
    by_seed = np.sum([scores for scores, _, _ in of_sides], axis=0)  # (seeds, K)
    random = generator(items.split.iloc[0], "seeds")
    deviations = np.sum([drawn_side for _, drawn_side, _ in of_sides], axis=0) + of_seeds(by_seed, draws, random)
    value = by_seed.mean(0)
    below, above = interval(deviations, level)
    # compared to the last digit that a score resolves: rounding must not make a difference of nothing an effect
    p = (1 + (np.abs(deviations) >= np.abs(value) - 1e-9).sum(0)) / (1 + draws)
    counts = {name: sum(counted[name] for _, _, counted in of_sides) for name in ("cells", "items", "missing")}
    effects = pd.DataFrame({"value": value, "low": value + below, "high": value + above, "p": p})
    return effects.assign(**counts, seeds=len(by_seed))


def _side(items: pd.DataFrame, weights: list[dict[str, float]], groups: list[str], draws: int):
    """Scores by seed (seeds, K), deviations (draws, K) due to items and languages, and how many cells and items."""
    setups = list(dict.fromkeys(setup for weight in weights for setup in weight))
    rows = checked(items[items.setup.isin(setups) & items.group.isin(groups)])
    random = generator(rows.split.iloc[0], *groups)
    matrix = np.array([[weight.get(setup, 0) for weight in weights] for setup in setups])  # (setups, K)
    parts = [_common(rows[rows.group == group], setups, group) for group in groups]
    of_groups = [resampled(common.index, values @ matrix, draws, random) for common, values, _ in parts]
    counts = {"cells": sum(len(common.index.droplevel("item_id").unique()) for common, *_ in parts),
              "items": sum(len(common) for common, *_ in parts), "missing": sum(lacking for *_, lacking in parts)}
    by_seed, deviations = (np.mean(values, axis=0) for values in zip(*of_groups, strict=True))
    return by_seed, deviations, counts


def _common(rows: pd.DataFrame, setups: list[str], group: str) -> tuple[pd.DataFrame, np.ndarray, int]:
    """Items of one group that all setups answered, their scores (items, seeds, setups), how many cells are left out."""
    lacking = [setup for setup in setups if setup not in set(rows.setup)]
    if lacking:
        raise ValueError(f"no items of {lacking} in group {group!r}: nothing to compare")
    table = wide(rows)
    seeds = {setup: tuple(sorted(table[setup].columns)) for setup in setups}
    if len(set(seeds.values())) > 1:
        raise ValueError(f"setups with different seeds cannot be paired: {seeds}")
    common = table.dropna()
    if common.empty:
        raise ValueError(f"{setups} have no item in common in group {group!r}")
    cells = [len(frame.index.droplevel("item_id").unique()) for frame in (table, common)]
    return common, np.stack([common[setup].to_numpy(float) for setup in setups], axis=-1), cells[0] - cells[1]


def differences(items: pd.DataFrame, against: str, groups: Iterable[str], level: float = LEVEL,
                draws: int = DRAWS) -> pd.DataFrame:
    """Paired difference of every setup from one, in each split and group, Holm's correction over the whole table.

    Returns setup, against, group, split, what `contrasts` gives, and p_holm. A setup that lacks a group is left out of
    it. Raises ValueError as `contrasts`, and where `against` has no items.
    """
    if against not in set(items.setup):
        raise ValueError(f"{against!r} has no items; there are {sorted(set(items.setup))}")
    parts = []
    for (split, group), rows in items[items.group.isin(list(groups))].groupby(["split", "group"], sort=False):
        setups = [setup for setup in dict.fromkeys(rows.setup) if setup != against]
        if setups and against in set(rows.setup):
            effects = contrasts(rows, [{setup: 1, against: -1} for setup in setups], [group], level, draws)
            parts.append(effects.assign(setup=setups, against=against, group=group, split=split))
    joined = pd.concat(parts, ignore_index=True)
    columns = ["setup", "against", "group", "split"]
    columns += [column for column in joined if column not in columns]
    return joined[columns].assign(p_holm=holm(joined.p.to_numpy()))


def holm(p: np.ndarray) -> np.ndarray:
    """p-values adjusted for their number (Holm 1979): reject what stays below the level, and all hold together."""
    order = np.argsort(p)
    steps = (len(p) - np.arange(len(p))) * np.asarray(p)[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
