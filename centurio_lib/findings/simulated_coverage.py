"""Share of intervals that hold the truth, on simulated data: figures/simulated_coverage.csv.

    python -m centurio_lib.findings.simulated_coverage

A world has setups that are trained with some seeds and asked about things in languages. The languages stay as they are;
things, items and seeds are drawn anew for each study. The truth is the mean estimate of all studies of a world.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from centurio_lib import paths, storage
from centurio_lib.findings import seed_variance, statistics, table_formats
from centurio_lib.findings.item_scores import Answers

FILE = "simulated_coverage.csv"
STUDIES, SETUPS, SEEDS = 1000, 8, (1, 3, 5)
HELD = (93.0, 97.5)  # per cent that 95 % intervals should hold
CONTRASTS = {"difference": {("0", "g0"): 1.0, ("1", "g0"): -1.0}, "score": {("0", "g0"): 1.0},
             "difference of differences": {("0", "g0"): 1.0, ("1", "g0"): -1.0, ("0", "g1"): -1.0, ("1", "g1"): 1.0},
             "mean of setups": {("0", "g0"): 0.5, ("1", "g0"): 0.5, ("2", "g0"): -1.0}}


class World(NamedTuple):
    """A shape of data; numbers are standard deviations in score points.

    `items` of each task in a language. `shared`: of a thing over all setups; `thing`: of a thing in one setup; `item`:
    of an item in one setup; `seed`: of a run; `common`: of a seed in all setups; `drift`: of a run in a language;
    `noise`: of one answer. `levels`: scores that answers are rounded to. `unlike`: degrees of freedom of the
    chi-squared that divides a setup's variance between runs, 0 where all vary alike.
    """

    name: str
    languages: int = 16
    groups: int = 1
    items: tuple[int, ...] = (6,)
    things: int = 76
    contrast: str = "difference"
    mean: float = 50.0
    shared: float = 15.0
    thing: float = 8.0
    item: float = 15.0
    seed: float = 2.0
    common: float = 1.5
    drift: float = 3.0
    noise: float = 30.0
    levels: tuple[float, ...] = ()
    uneven: bool = False
    unlike: float = 0.0


WORLDS = [
    World("captions of many languages"),
    World("one language", languages=1, items=(24,)),
    World("two languages", languages=2),
    World("three tasks of unequal size", items=(6, 6, 4)),
    World("strong things", thing=30.0, item=5.0, noise=10.0),
    World("few things", things=20, thing=15.0, items=(4,)),
    World("ties: three levels", levels=(0.0, 50.0, 100.0)),
    World("items at 0 or 100", levels=(0.0, 100.0), noise=35.0),
    World("items at 0 or 100, nearly all right", levels=(0.0, 100.0), mean=90.0),
    World("items at 0 or 100, nearly all wrong", levels=(0.0, 100.0), mean=12.0),
    World("unequal seeds", uneven=True),
    World("strong seeds", seed=8.0, common=6.0, drift=8.0),
    World("seeds that add nothing", seed=0.0, common=0.0, drift=0.0, noise=0.0),
    World("setups vary unlike each other", seed=4.0, unlike=5.0),
    World("a score", contrast="score"),
    World("gap between groups", groups=2, contrast="difference of differences"),
    World("means of setups", contrast="mean of setups", languages=6),
    World("two items a language", items=(2,)),
]


class Plan(NamedTuple):
    """Shared by studies of a world: codes of items, and effects of setups in languages (setups, items)."""

    group: np.ndarray
    unit: np.ndarray
    cell: np.ndarray
    language: np.ndarray
    fixed: np.ndarray
    units: list[tuple[str, str, str]]


def plan(world: World, random: np.random.Generator) -> Plan:
    """Lay out a world's items and draw what its languages do to its setups."""
    rows = pd.DataFrame([(g, t, g * world.languages + language) for g in range(world.groups)
                         for language in range(world.languages) for t, n in enumerate(world.items) for _ in range(n)],
                        columns=["group", "task", "language"])
    cell = rows.groupby(["language", "task"], sort=False).ngroup().to_numpy()
    unit = rows.groupby(["group", "task"], sort=False).ngroup().to_numpy()
    languages = random.normal(0, 8, rows.language.nunique()) + random.normal(0, 6, (SETUPS, rows.language.nunique()))
    units = [(f"t{t}", "m", f"g{g}") for g, t in rows[["group", "task"]].drop_duplicates().itertuples(index=False)]
    return Plan(rows.group.to_numpy(), unit, cell, rows.language.to_numpy(),
                world.mean + languages[:, rows.language], units)


def study(world: World, of: Plan, seeds: int, random: np.random.Generator) -> Answers:
    """Answers of all setups, each trained with some seeds; with `uneven`, every second one has one seed more."""
    n, languages = len(of.cell), of.language.max() + 1
    thing = np.concatenate([random.permutation(np.resize(random.permutation(world.things), size))
                            for size in np.bincount(of.cell)])
    truth = of.fixed + random.normal(0, world.shared, world.things)[thing] + random.normal(0, world.item, (SETUPS, n)) \
        + random.normal(0, world.thing, (SETUPS, world.things))[:, thing]
    common, values, setups, numbers = random.normal(0, world.common, seeds + 1), [], [], []
    for setup in range(SETUPS):
        loud = np.sqrt(world.unlike / random.chisquare(world.unlike)) if world.unlike else 1.0
        for seed in range(seeds + (world.uneven and setup % 2)):
            drift = random.normal(0, world.drift, languages)[of.language]
            values.append(truth[setup] + common[seed] + loud * (random.normal(0, world.seed) + drift)
                          + random.normal(0, world.noise, n))
            setups.append(str(setup))
            numbers.append(seed)
    scores = np.array(values).T
    if world.levels:
        levels = np.array(world.levels)
        scores = levels[np.abs(scores[:, :, None] - levels).argmin(2)]
    return Answers(scores, np.array(setups), np.array(numbers), of.group, of.unit, of.cell, of.language, thing,
                   [f"g{g}" for g in range(world.groups)], of.units)


def held(world: World, seeds: int, studies: int = STUDIES) -> dict:
    """Share of studies whose 95 % interval holds the truth, and the mean half-width.

    With one seed, the seed variance is of three other runs of each setup on the same items.
    """
    random = np.random.default_rng([seeds, *world.name.encode()])
    of, weights = plan(world, random), CONTRASTS[world.contrast]
    found = []
    for _ in range(studies):
        asked = study(world, of, 4 if seeds == 1 else seeds, random)
        pool = seed_variance.of(asked)
        if seeds == 1:
            pool, asked = seed_variance.of(_runs(asked, asked.seeds > 0)), _runs(asked, asked.seeds == 0)
        one = statistics.estimate(asked, weights, pool)
        found.append((one["value"], one["low"], one["high"]))
    value, low, high = np.array(found).T
    inside = (low <= value.mean()) & (value.mean() <= high)
    return {"world": world.name, "estimate": world.contrast, "seeds": seeds, "studies": studies,
            "held": round(100 * float(inside.mean()), 1), "half_width": round(float((high - low).mean() / 2), 2)}


def _runs(asked: Answers, chosen: np.ndarray) -> Answers:
    return asked._replace(values=asked.values[:, chosen], setups=asked.setups[chosen], seeds=asked.seeds[chosen])


def table(studies: int = STUDIES) -> pd.DataFrame:
    """A row of `held` for each world and number of seeds."""
    return pd.DataFrame([held(world, seeds, studies) for world in WORLDS for seeds in SEEDS])


if __name__ == "__main__":
    written = storage.write_text(paths.FIGURES / FILE, table_formats.csv(table()))
    print(pd.read_csv(written).pivot(index="world", columns="seeds", values="held").to_string())
