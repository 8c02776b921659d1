"""Tidy tables from stored scores: the cells that count, and the score of a tier.

A cell is one (task, language) score of one setup, seed and split. Cells come as a tidy frame with the columns of
`CELL`, whether this study measured them (`stored`) or the paper printed them (`paper_results.cells`): both go through
`tier_scores`. All values are per cent; CIDEr is scaled so that the reference itself scores 100.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from centurio_lib.findings.item_scores import INTERVAL, ITEM, grouped
from centurio_lib.languages import languages, script_of, tier_label
from centurio_lib.tables import BLIND, read

TASK = ["headline", "generative", "task_group"]  # what the tables say of a task and its metric
CELL = ["setup", "seed", "split", "task", "language", "group", "metric", "value"]
GROUPS = ["en", "T5", "T4", "T3", "T2", "T1"]  # columns of the paper's tables; English is never part of T5
SCRIPTS = ["en", "latin", "other"]  # columns of its tables of text in images: Latin script without English
SPLITS = ["new-style", "new-language", "test", BLIND, "published"]  # in the order of tables; never averaged over
COLUMNS = ["setup", "group", "split", "metric", "value", *INTERVAL, "n", "missing", "items", "published", "seeds",
           "by_seed", "why"]
DECIMALS = 4  # of stored values: well below what a score resolves, well above what sums differ by between machines
TEXT = "text_in_images"  # group of tasks that have tables of their own, by script
NUMBER = {"scores": "value", "predictions": "score"}  # tables of an evaluation, and what must be a number in them


def together(files: list[Path], name: str, setups: Sequence[str] = (), seeds: int = 0) -> pd.DataFrame:
    """Join tables of one study, and check that they may be averaged.

    `setups`: setups to read, in this order, with seeds 0 to `seeds` - 1; all setups of the files if empty.
    Raises ValueError for a table that is empty, holds NaN scores, or is of another profile or base model than the rest.
    """
    chosen = {"setup": list(setups), "seed": list(range(seeds))} if setups else {}
    frames = [read(path, name, **chosen) for path in files]
    for path, frame in zip(files, frames, strict=True):
        if frame.empty:
            raise ValueError(f"{path} is empty: remove its folder and evaluate that run again")
        if frame[NUMBER[name]].isna().any():
            bad = frame[frame[NUMBER[name]].isna()].iloc[0][["setup", "seed", "task", "language"]]
            raise ValueError(f"{path} holds NaN scores, {bad.to_dict()} among them: evaluate that run again")
    joined = pd.concat(frames, ignore_index=True)
    for column in ("profile", "backbone"):
        if joined[column].nunique() > 1:
            raise ValueError(f"scores of different studies in one table: {column} is {sorted(set(joined[column]))}")
    places = {setup: place for place, setup in enumerate(setups or dict.fromkeys(joined.setup))}
    order = pd.DataFrame({"setup": joined.setup.map(places), "seed": joined.seed})
    return joined.loc[order.sort_values(["setup", "seed"], kind="stable").index].reset_index(drop=True)


def stored(files: list[Path], setups: Sequence[str] = (), seeds: int = 0) -> pd.DataFrame:
    """Cells of every task and metric in some stored score tables. Raises ValueError as `together`."""
    joined = together(files, "scores", setups, seeds)
    return joined.rename(columns={"tier": "group"})[[*CELL, *TASK, "n", "chance"]]


def answers(files: list[Path], setups: Sequence[str] = (), seeds: int = 0) -> pd.DataFrame:
    """The `predictions` tables beside some stored score tables. Raises ValueError as `together`."""
    return together([Path(path).with_name("predictions.parquet") for path in files], "predictions", setups, seeds)


def items(predictions: pd.DataFrame) -> pd.DataFrame:
    """Items of every task from the answers to them: the columns of `statistics.ITEM` and of `TASK`.

    An answer whose language was identified is there twice: with its score, and for fidelity with 100 or 0.
    """
    rows = predictions.assign(group=predictions.language.map(tier_label), headline=True)
    identified = rows[rows.in_language.notna()]
    fidelity = identified.assign(metric="fidelity", headline=False, score=100 * identified.in_language)
    return pd.concat([rows, fidelity], ignore_index=True)[[*ITEM, *TASK]]


def script(code: str) -> str:
    """Column of tables of text in images: "en", "latin" or "other" (Berber's test is in Latin letters)."""
    latin = script_of(code) == "Latin"
    return "en" if code == "en" else "latin" if latin else "other"


def by_table(items: pd.DataFrame) -> pd.DataFrame:
    """Items with the groups of the tables that hold their tasks: tiers, and of text in images scripts."""
    return items.assign(group=items.group.where(items.task_group != TEXT, items.language.map(script)))


def checked(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells that enter means: cells of languages with a tier.

    Raises ValueError where none is left, for a value that is no number, for a group that the tables lack, for a cell
    that is there twice (two metrics of a task, say), and for a cell that only some seeds have: their means would not
    be comparable.
    """
    cells = grouped(cells, CELL)
    if not set(cells.group) <= {*GROUPS, *SCRIPTS}:
        unknown = sorted(set(cells.group) - {*GROUPS, *SCRIPTS})
        raise ValueError(f"unknown groups {unknown}: there are {GROUPS} and {SCRIPTS}")
    cell = ["setup", "split", "task", "language"]
    twice = cells[cells.duplicated([*cell, "seed"])]
    if len(twice):
        raise ValueError(f"a cell is there twice; choose one metric of each task first: {twice.iloc[0].to_dict()}")
    seeds_of_setup = cells.groupby(["setup", "split"]).seed.transform("nunique")
    uneven = cells[cells.groupby(cell).seed.transform("nunique") != seeds_of_setup]
    if len(uneven):
        raise ValueError(f"not every seed has this cell; evaluate them alike: {uneven.iloc[0][cell].to_dict()}")
    return cells


def tier_scores(cells: pd.DataFrame) -> pd.DataFrame:
    """Score of each tier: for each seed the plain mean over its (task, language) cells, then the mean over seeds.

    Returns setup, group, split, value, n (cells), seeds (how many), by_seed (their scores, separated by spaces). A
    language counts once for each task that tests it. Raises ValueError as `checked`.
    """
    tier = ["setup", "group", "split"]
    cells = checked(cells).sort_values("seed", kind="stable")
    per_seed = cells.groupby([*tier, "seed"], sort=False).value.agg(["mean", "size"]).reset_index()
    return per_seed.groupby(tier, sort=False).agg(
        value=("mean", "mean"), n=("size", "first"), seeds=("mean", "size"),
        by_seed=("mean", lambda means: " ".join(f"{mean:.{DECIMALS}f}" for mean in means))).reset_index()


def table(cells: pd.DataFrame, metric: str, published: pd.DataFrame | None = None,
          bounds: pd.DataFrame | None = None) -> pd.DataFrame:
    """Tidy table of one metric by tier, with the columns of `COLUMNS`, beside the paper's numbers.

    `published` holds setup, group, published (`paper_results.tiers`); its numbers stand beside every split but the
    blind one. A group that the paper has and this study lacks is there with n = 0. `bounds` (`statistics.bounds`) give
    intervals, items and why, which stay empty without them. `missing` counts cells that another setup of the same split
    and group has.
    """
    rows = tier_scores(cells)
    counted = checked(cells).groupby(["split", "group"]).apply(_distinct_cells, include_groups=False).rename("all")
    rows = rows.merge(counted, on=["split", "group"]).assign(missing=lambda tiers: tiers["all"] - tiers.n)
    if bounds is not None:
        rows = rows.merge(bounds, how="left", on=["setup", "group", "split"], validate="1:1")
    if published is not None:
        splits = pd.DataFrame({"split": [s for s in SPLITS if s in set(rows.split) and s != BLIND]})
        printed = published[published.setup.isin(rows.setup)].merge(splits, how="cross")
        rows = rows.merge(printed, how="outer", on=["setup", "group", "split"])
    rows = rows.reindex(columns=COLUMNS).assign(metric=metric)
    rows = rows.fillna({"n": 0, "missing": 0, "items": 0, "seeds": 0, "by_seed": "", "why": ""})
    rows = rows.astype({"n": int, "missing": int, "items": int, "seeds": int} | dict.fromkeys(INTERVAL, float))
    rows = rows.round(dict.fromkeys(["value", *INTERVAL], DECIMALS))
    return ordered(rows, list(dict.fromkeys(cells.setup)))


def _distinct_cells(rows: pd.DataFrame) -> int:
    return len(rows[["task", "language"]].drop_duplicates())


def ordered(frame: pd.DataFrame, setups: list[str]) -> pd.DataFrame:
    """Rows in the order of the splits, then of the setups given, then of the groups."""
    orders = {"split": SPLITS, "setup": setups, "group": [*GROUPS, *SCRIPTS[1:]]}
    places = {column: {name: place for place, name in enumerate(names)} for column, names in orders.items()}
    rows = frame.sort_values(list(orders), key=lambda column: column.map(places[column.name]), kind="stable")
    return rows.reset_index(drop=True)


def by_language(cells: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean over seeds of one metric in each language that has a tier, tiers in the order of GROUPS.

    Returns setup, group, language, split, metric, value, seeds. Raises ValueError as `checked`.
    """
    language = ["setup", "group", "language", "split", "metric"]
    cells = checked(cells[cells.metric == metric])
    means = cells.groupby(language, sort=False).value.agg(["mean", "size"]).reset_index()
    means = means.rename(columns={"mean": "value", "size": "seeds"}).round({"value": DECIMALS})
    places = {code: place for place, code in enumerate(languages())}
    means = means.sort_values("language", key=lambda codes: codes.map(places).fillna(len(places)), kind="stable")
    return ordered(means, list(dict.fromkeys(cells.setup)))
