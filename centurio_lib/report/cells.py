"""The page's table of cells: one row for each setup, split, task, metric and language."""

import json

import pandas as pd

from centurio_lib.findings.scores import SPLITS
from centurio_lib.languages import name_of, script_of

DECIMALS = 2
COLUMNS = ["language", "code", "tier", "script", "task", "metric", "split", "setup", "value", "by_seed", "chance",
           "items"]
CELL = ["setup", "split", "task", "metric", "language", "group"]


def rows(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each cell (`scores.stored`), with chance, items, and the score of each seed.

    Raises ValueError for a cell that only some seeds of its setup have.
    """
    cells = cells.sort_values("seed", kind="stable")
    means = cells.groupby(CELL, sort=False, dropna=False).agg(
        value=("value", "mean"), seeds=("value", "size"), by_seed=("value", _listed),
        chance=("chance", "mean"), items=("n", "first")).reset_index()
    uneven = means[means.seeds != means.setup.map(cells.groupby("setup").seed.nunique())]
    if len(uneven):
        raise ValueError(f"not every seed has this cell: {uneven.iloc[0][CELL].to_dict()}")
    means = means.sort_values("split", key=lambda names: names.map(SPLITS.index), kind="stable")
    named = means.assign(name=means.language.map(name_of), script=means.language.map(script_of))
    return named.rename(columns={"language": "code", "name": "language", "group": "tier"})[COLUMNS]


def _listed(values: pd.Series) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def constants(**values) -> str:
    """Write values as constants of JavaScript, since a page opened from file cannot load data."""
    return "".join(f"const {name} = {json.dumps(value, ensure_ascii=False, separators=(',', ':'))};\n"
                   for name, value in values.items())


def columnar(frame: pd.DataFrame) -> dict:
    """Convert a table to {columns: [...], data: [[...], ...]}, with missing numbers as null."""
    return json.loads(frame.to_json(orient="split", index=False, double_precision=DECIMALS))
