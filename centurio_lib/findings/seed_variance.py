"""Variance between runs of one setup that differ by their seed alone, pooled over the setups of a recipe.

A recipe is what training and test items share (`params.recipe`). Its setups differ in their mixes, and their scores
vary alike between seeds, so that 19 setups of three seeds give 38 degrees of freedom where one setup gives 2.
The table `seed_variance` holds the deviation of each run from the mean of its setup, for each unit: a (task, metric)
in a group of languages. From deviations the variance of any contrast follows, with its covariance between units.
`make publish` commits the table beside the figures, and studies of the same recipe with fewer runs use it.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special

from centurio_lib import paths, tables
from centurio_lib.findings.item_scores import UNIT, Answers, answers, summed

RUN = ["setup", "seed"]
REJECTED = 0.01  # Bartlett's p below which setups are not pooled as alike
FILE = "seed_variance.parquet"
ZERO = 1e-9  # score points: a deviation below is none
LEAST = 1e-5  # of the median: stands for a variance of 0 in a logarithm (as limma's squeezeVar)


class Pool(NamedTuple):
    """Deviations of runs in one split.

    `deviations` (runs, units), `setups` and `seeds` (runs); `units`: place of each (task, metric, group). `noise`
    (units) of each setup: variance between seeds of one item's score, less what all items of a cell share.
    """

    deviations: np.ndarray
    setups: np.ndarray
    seeds: np.ndarray
    units: dict[tuple[str, str, str], int]
    noise: dict[str, np.ndarray]

    @property
    def df(self) -> int:
        """Degrees of freedom: runs less setups."""
        return len(self.setups) - len(set(self.setups))


class Part(NamedTuple):
    """A part of a variance and its degrees of freedom."""

    variance: float
    df: float


def of(found: Answers) -> Pool:
    """Deviations of the runs of one split, of setups with several seeds."""
    runs = [np.flatnonzero(found.setups == setup) for setup in dict.fromkeys(found.setups)]
    runs = [of_setup for of_setup in runs if len(of_setup) > 1]
    columns = np.concatenate(runs) if runs else np.array([], int)
    scores = _unit_scores(found, found.values[:, columns])
    setups = found.setups[columns]
    deviations, names = np.empty_like(scores), [found.setups[of_setup[0]] for of_setup in runs]
    for name in names:
        deviations[setups == name] = scores[setups == name] - scores[setups == name].mean(0)
    noise = np.array([_noise(found, found.values[:, of_setup]) for of_setup in runs]).reshape(-1, len(found.units))
    return Pool(np.nan_to_num(deviations), setups, found.seeds[columns],
                {unit: place for place, unit in enumerate(found.units)}, dict(zip(names, noise, strict=True)))


def _unit_scores(found: Answers, values: np.ndarray) -> np.ndarray:
    """Score of each run in each unit (runs, units): the mean over its cells; NaN where it was not asked."""
    cells = _means(found.cell, values)
    unit = np.zeros(len(cells), int)
    unit[found.cell] = found.unit
    return _means(unit, cells).T


def _means(code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means of the rows that share a code, without NaN; NaN where there is nothing else."""
    number = summed(code, ~np.isnan(values))
    return np.divide(summed(code, np.nan_to_num(values)), number, out=np.full_like(number, np.nan), where=number > 0)


def _noise(found: Answers, values: np.ndarray) -> np.ndarray:
    """Variance between seeds of one item's score (units), for values (items, seeds) of a setup; 0 without two items."""
    asked = ~np.isnan(values[:, 0])
    code, unit = np.unique(found.cell[asked], return_inverse=True)[1], found.unit[asked]
    apart = values[asked] - values[asked].mean(1, keepdims=True)
    size = np.bincount(code)
    apart = apart - (summed(code, apart) / size[:, None])[code]
    squares = np.bincount(unit, (apart ** 2).sum(1), minlength=len(found.units))
    df = np.bincount(unit, 1 - 1 / size[code], minlength=len(found.units)) * (values.shape[1] - 1)
    return np.divide(squares, df, out=np.zeros_like(squares), where=df > 0)


def table(items: pd.DataFrame, recipe: str) -> pd.DataFrame:
    """The `seed_variance` table of some items (`item_scores.ITEM`): a row for each split, unit and run.

    `recipe` is of `params.recipe`. Setups with one seed are left out.
    """
    rows = []
    for split, of_split in items.dropna(subset=["group"]).groupby("split", sort=False):
        found = of(answers(of_split))
        rows += [(recipe, split, *unit, setup, seed, found.deviations[run, place], found.noise[setup][place])
                 for unit, place in found.units.items()
                 for run, (setup, seed) in enumerate(zip(found.setups, found.seeds, strict=True))]
    return pd.DataFrame(rows, columns=tables.SCHEMAS["seed_variance"].names)


def known(recipe: str, folders: list[Path] | None = None) -> pd.DataFrame:
    """The committed table of a recipe, without rows where no folder of figures/ has it."""
    folders = sorted(paths.FIGURES.glob("*")) if folders is None else folders
    for path in (folder / FILE for folder in folders):
        if path.exists() and len(rows := tables.read(path, "seed_variance", recipe=recipe)):
            return rows
    return pd.DataFrame(columns=tables.SCHEMAS["seed_variance"].names)


def write(rows: pd.DataFrame, folder: Path) -> Path | None:
    """Store a table in a folder of figures; None, and nothing written, for one without rows."""
    return tables.write(folder / FILE, "seed_variance", rows) if len(rows) else None


def best(own: pd.DataFrame, committed: pd.DataFrame) -> pd.DataFrame:
    """The table of more degrees of freedom; the two may share runs and are never joined.

    Raises ValueError for tables of two recipes.
    """
    recipes = {*own.recipe, *committed.recipe}
    if len(recipes) > 1:
        raise ValueError(f"seed variance of another recipe ({' and '.join(sorted(recipes))}): it says nothing here")
    return committed if _runs(committed) > _runs(own) else own


def _runs(rows: pd.DataFrame) -> int:
    runs = rows[RUN].drop_duplicates()
    return len(runs) - runs.setup.nunique()


def pool(rows: pd.DataFrame, split: str) -> Pool | None:
    """The deviations of one split of a table; None without any."""
    rows = rows[rows.split == split]
    if rows.empty:
        return None
    wide = rows.pivot(index=RUN, columns=UNIT, values="deviation").fillna(0.0)
    noise = rows.groupby(["setup", *UNIT]).noise.first().unstack(UNIT).reindex(columns=wide.columns).fillna(0.0)
    return Pool(wide.to_numpy(float), *(wide.index.get_level_values(name).to_numpy() for name in RUN),
                {unit: place for place, unit in enumerate(wide.columns)},
                dict(zip(noise.index, noise.to_numpy(float), strict=True)))


def noise_of(found: Pool | None, setup: str) -> np.ndarray | None:
    """Variance between seeds of one item's score (units); the mean of all setups where this one is not there."""
    if found is None or not found.noise:
        return None
    return found.noise[setup] if setup in found.noise else np.mean(list(found.noise.values()), axis=0)


def part(found: Pool, weights: dict[str, np.ndarray], runs: dict[str, tuple[int, ...]]) -> Part:
    """Variance that seeds give to a sum of setups' scores.

    `weights` (units) of each setup's scores, in the order of `Pool.units`; `runs`: the seeds that each is the mean of.
    Pooled over the setups whose runs differ at all; where Bartlett's test rejects that they vary alike, moderated.
    """
    rows = np.array([weights[setup] / np.sqrt(len(runs[setup])) for setup in weights])  # (setups, units)
    projected = found.deviations @ rows.T  # (runs, setups)
    moving = np.isin(found.setups, found.setups[(np.abs(projected) > ZERO).any(1)])
    setups, seeds, projected = found.setups[moving], found.seeds[moving], projected[moving]
    if not len(setups):
        return Part(0.0, np.inf)
    df = len(setups) - len(set(setups))
    if len(set(runs.values())) == 1 and np.abs(sum(weights.values())).max() < ZERO and _crossed(setups, seeds):
        projected, df = _paired(projected, seeds, len(set(setups))), df - len(set(seeds)) + 1
    if min(bartlett(setups, column) for column in projected.T) < REJECTED:
        return together([moderated(setups, projected[:, place], setup) for place, setup in enumerate(weights)])
    gram = projected.T @ projected / (len(setups) - len(set(setups)))
    return Part(float(np.trace(gram)), df * float(np.trace(gram)) ** 2 / float((gram ** 2).sum()))


def _crossed(setups: np.ndarray, seeds: np.ndarray) -> bool:
    """Say whether there are several setups, all with the same seeds."""
    return len(set(setups)) > 1 and len(setups) == len(set(setups)) * len(set(seeds))


def _paired(projected: np.ndarray, seeds: np.ndarray, n: int) -> np.ndarray:
    """Deviations (runs, sums) less what a seed does to all `n` setups alike, which a difference at one seed is free of.

    Scaled, so that their squares stay those of one run.
    """
    common = np.stack([projected[seeds == seed].mean(0) for seed in seeds])
    return (projected - common) * np.sqrt(n / (n - 1))


def together(parts: list[Part]) -> Part:
    """Sum of independent variances, with Satterthwaite's degrees of freedom."""
    total = sum(one.variance for one in parts)
    spread = sum(one.variance ** 2 / one.df for one in parts if one.variance > 0)
    return Part(total, total ** 2 / spread if spread > 0 else np.inf)


def variances(setups: np.ndarray, deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names of some setups, the variance of the runs of each, and its degrees of freedom."""
    names, code = np.unique(setups, return_inverse=True)
    df = np.bincount(code) - 1
    return names, np.bincount(code, deviations ** 2) / df, df


def bartlett(setups: np.ndarray, deviations: np.ndarray) -> float:
    """p of Bartlett's test that the runs of all setups vary alike; 1 where fewer than two setups vary at all."""
    _, variance, df = variances(setups, deviations)
    variance, df = variance[variance > 0], df[variance > 0]
    if len(df) < 2:
        return 1.0
    total = df.sum()
    statistic = total * np.log((variance * df).sum() / total) - (df * np.log(variance)).sum()
    correction = 1 + ((1 / df).sum() - 1 / total) / (3 * (len(df) - 1))
    return float(special.chdtrc(len(df) - 1, statistic / correction))


def moderated(setups: np.ndarray, deviations: np.ndarray, setup: str) -> Part:
    """Variance of a setup's runs drawn towards that of all: empirical Bayes as in limma (Smyth 2004)."""
    names, variance, df = variances(setups, deviations)
    prior, prior_df = prior_of(variance, df)
    if np.isinf(prior_df):
        return Part(prior, float(df.sum()))
    own, own_df = (variance[names == setup].sum(), df[names == setup].sum())  # nothing where it has no runs there
    return Part(float((prior_df * prior + own_df * own) / (prior_df + own_df)), float(min(prior_df + own_df, df.sum())))


def prior_of(variance: np.ndarray, df: np.ndarray) -> tuple[float, float]:
    """Prior variance and its degrees of freedom, from the moments of the logarithms of some variances."""
    floor = max(LEAST * float(np.median(variance)), 1e-12)
    logs = np.log(np.maximum(variance, floor)) - special.digamma(df / 2) + np.log(df / 2)
    spread = logs.var(ddof=1) - special.polygamma(1, df / 2).mean() if len(logs) > 1 else 0.0
    if spread <= 0:
        return float((variance * df).sum() / df.sum()), np.inf  # no more apart than chance: all are one
    half = optimize.brentq(lambda x: special.polygamma(1, x) - spread, 1e-6, 1e8)
    return float(np.exp(logs.mean() + special.digamma(half) - np.log(half))), 2 * half
