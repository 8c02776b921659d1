"""From stored scores to tidy tables: which cells count, and how cells become the score of a tier.

A cell is one (task, language) score of one setup, seed and split. Cells come as a tidy frame with the columns of
`CELL`, whether this study measured them (`stored`) or the paper printed them (`paper.cells`): both go through
`tier_scores`.
All values are per cent; CIDEr is scaled so that the reference itself scores 100.
"""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from centurio_lib import params
from centurio_lib.findings import score_archive as keeping
from centurio_lib.findings.statistics import ITEM, grouped
from centurio_lib.languages import languages, tier_label
from centurio_lib.study import runs
from centurio_lib.tables import BLIND

CELL = ["setup", "seed", "split", "task", "language", "group", "metric", "value"]
GROUPS = ["en", "T5", "T4", "T3", "T2", "T1"]  # columns of the paper's tables; English is never part of T5
SCRIPTS = ["en", "latin", "other"]  # columns of its tables of text in images: Latin script without English
SPLITS = ["new-style", "new-language", "test", BLIND, "published"]  # in the order of tables; never averaged over
COLUMNS = ["setup", "group", "split", "metric", "value", "low", "high", "n", "missing", "items", "published", "seeds",
           "by_seed"]
DECIMALS = 4  # of stored values: well below what a score resolves, well above what sums differ by between machines

# the one metric of each task that enters "all tasks"
HEADLINE = {"captioning": "cider", "multiple_choice": "accuracy", "flag": "exact_match", "image_pair": "accuracy",
            "odd_one_out": "accuracy", "smpqa_read": "exact_match", "smpqa_ground": "accuracy",
            "page_read": "characters",
            "xm3600": "cider_x100", "maxm": "exact_match", "xgqa": "exact_match", "xvnli": "accuracy",
            "marvl": "accuracy", "m5_vgr": "accuracy", "m5_vlod": "accuracy", "mtvqa": "exact_match",
            "m3exam": "accuracy", "xmmmu": "accuracy",
            "bin_mc": "accuracy", "cvqa": "accuracy"}
TEXT = set(params.TEXT_TASKS)  # text in images: tables of their own, by script
# answered in a language of the model's choice, so that its fidelity decides
GENERATIVE = {"captioning", "flag", "xm3600", "maxm", "mtvqa"}


def inputs(profile: str, setups: list[str], seeds: int, kept: bool = False) -> list[Path]:
    """Stored score tables of some setups, seeds 0 to seeds - 1; `kept`: as they lie beside the figures.

    Raises keys.KeyMismatch where one is missing, or was made by other params or code than the present ones;
    keeping.NotKept.
    """
    if kept:
        return keeping.unpacked(profile, setups, seeds)
    wanted = [(setup, seed) for setup in setups for seed in range(seeds)]
    return [runs.finished("12_evaluate", profile, setup, seed).folder / "scores.parquet" for setup, seed in wanted]


def stored(sources: list[Path]) -> pd.DataFrame:
    """Cells of every task and metric in some stored score tables (`inputs`), in that order.

    Raises ValueError as `kept.together`.
    """
    found = keeping.together(sources, "scores")
    return found.rename(columns={"tier": "group"})[[*CELL, "n", "chance"]]


def items(sources: list[Path]) -> pd.DataFrame:
    """Items of every task behind some stored score tables: the columns of `statistics.ITEM`, and metric.

    An answer whose language was identified is there twice: with its score, and for fidelity with 100 or 0.
    Raises ValueError as `kept.together`.
    """
    found = keeping.together(keeping.of(sources, "predictions"), "predictions")
    found["group"] = found.language.map(tier_label)
    identified = found[found.in_language.notna()]
    return pd.concat([found.assign(metric=found.task.map(HEADLINE)),
                      identified.assign(metric="fidelity", score=100 * identified.in_language)],
                     ignore_index=True)[[*ITEM, "metric"]]


def headline(cells: pd.DataFrame, metrics: dict[str, str] = HEADLINE, without: Collection[str] = ()) -> pd.DataFrame:
    """Cells of each task's headline metric, some tasks left out. Raises ValueError for a task that has none."""
    unknown = sorted(set(cells.task) - set(metrics))
    if unknown:
        raise ValueError(f"no headline metric is set for the tasks {unknown}: add them to HEADLINE")
    return cells[(cells.metric == cells.task.map(metrics)) & ~cells.task.isin(list(without))]


def checked(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that a mean may be taken over: those with a tier.

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
    of = ["setup", "group", "split"]
    cells = checked(cells).sort_values("seed", kind="stable")
    per_seed = cells.groupby([*of, "seed"], sort=False).value.agg(["mean", "size"]).reset_index()
    return per_seed.groupby(of, sort=False).agg(
        value=("mean", "mean"), n=("size", "first"), seeds=("mean", "size"),
        by_seed=("mean", lambda means: " ".join(f"{mean:.{DECIMALS}f}" for mean in means))).reset_index()


def table(cells: pd.DataFrame, metric: str, published: pd.DataFrame | None = None,
          sure: pd.DataFrame | None = None) -> pd.DataFrame:
    """Tidy table of one metric by tier, with the columns of `COLUMNS`, beside the paper's numbers.

    `published` holds setup, group, published (`paper.tiers`); its numbers stand beside every split but the blind one.
    A group that the paper has and this study lacks is there with n = 0. `sure` (`statistics.estimates`) fills low, high
    and items, which stay empty without it. `missing` counts cells that another setup of the same split and group has.
    """
    found = tier_scores(cells)
    counted = checked(cells).groupby(["split", "group"]).apply(_distinct_cells, include_groups=False).rename("all")
    found = found.merge(counted, on=["split", "group"]).assign(missing=lambda rows: rows["all"] - rows.n)
    if sure is not None:
        found = found.merge(sure.drop(columns="value"), how="left", on=["setup", "group", "split"], validate="1:1")
    if published is not None:
        splits = pd.DataFrame({"split": [s for s in SPLITS if s in set(found.split) and s != BLIND]})
        beside = published[published.setup.isin(found.setup)].merge(splits, how="cross")
        found = found.merge(beside, how="outer", on=["setup", "group", "split"])
    found = found.reindex(columns=COLUMNS).assign(metric=metric)
    found = found.fillna({"n": 0, "missing": 0, "items": 0, "seeds": 0, "by_seed": ""})
    found = found.astype({"n": int, "missing": int, "items": int, "seeds": int, "low": float, "high": float})
    found = found.round({"value": DECIMALS, "low": DECIMALS, "high": DECIMALS})
    return ordered(found, list(dict.fromkeys(cells.setup)))


def _distinct_cells(rows: pd.DataFrame) -> int:
    return len(rows[["task", "language"]].drop_duplicates())


def ordered(frame: pd.DataFrame, setups: list[str]) -> pd.DataFrame:
    """Rows in the order of the splits, then of the setups given, then of the groups."""
    places = {name: place for names in (SPLITS, setups, [*GROUPS, *SCRIPTS[1:]]) for place, name in enumerate(names)}
    rows = frame.sort_values(["split", "setup", "group"], key=lambda column: column.map(places), kind="stable")
    return rows.reset_index(drop=True)


def beside(tidy: pd.DataFrame) -> pd.DataFrame:
    """A tidy table as one reads it: a row for each split, metric and setup, groups as columns, ours and the paper's."""
    index = ["split", "metric", "setup"]
    wide = tidy.pivot(index=index, columns="group", values=["value", "published"])
    rows = pd.MultiIndex.from_frame(tidy[index].drop_duplicates())
    columns = [(source, group) for source in ("value", "published") for group in GROUPS if (source, group) in wide]
    return wide.reindex(index=rows, columns=columns).rename(columns={"value": "ours", "published": "paper"}).round(1)


def by_language(cells: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean over seeds of one metric in each language that has a tier, tiers in the order of GROUPS.

    Returns setup, group, language, split, metric, value, seeds. Raises ValueError as `checked`.
    """
    of = ["setup", "group", "language", "split", "metric"]
    cells = checked(cells[cells.metric == metric])
    means = cells.groupby(of, sort=False).value.agg(["mean", "size"]).reset_index()
    means = means.rename(columns={"mean": "value", "size": "seeds"}).round({"value": DECIMALS})
    places = {code: place for place, code in enumerate(languages())}
    means = means.sort_values("language", key=lambda codes: codes.map(places).fillna(len(places)), kind="stable")
    return ordered(means, list(dict.fromkeys(cells.setup)))
