"""Scores of items as a tidy frame with the columns of `ITEM`, checked, and as arrays that estimates are made from."""

from typing import NamedTuple

import numpy as np
import pandas as pd

ITEM = ["setup", "seed", "split", "task", "metric", "language", "group", "item_id", "thing", "score"]
UNIT = ["task", "metric", "group"]  # in it, languages are cells
INTERVAL = ["low", "high", "population_low", "population_high"]  # of the languages tested, and of others like them
PLACE = ["group", "task", "metric", "language", "item_id"]  # what makes an item, whoever answers it


class Answers(NamedTuple):
    """Scores of one split: `values` (items, runs), NaN where not asked; one array of codes from 0 for each column.

    `setups` and `seeds` (runs) name the runs; `groups` and `units` say what their codes mean.
    """

    values: np.ndarray
    setups: np.ndarray
    seeds: np.ndarray
    group: np.ndarray
    unit: np.ndarray
    cell: np.ndarray
    language: np.ndarray
    thing: np.ndarray
    groups: list[str]
    units: list[tuple[str, str, str]]


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
        raise ValueError("no row has a group: nothing to average (were task and metric stored?)")
    if (missing := rows[columns[-1]].isna()).any():
        raise ValueError(f"NaN scores: {rows[missing].iloc[0][columns].to_dict()}; evaluate that run again")
    return rows


def answers(items: pd.DataFrame) -> Answers:
    """Items of one split as arrays. Raises ValueError as `checked`, and for items of several splits."""
    items = checked(items)
    if items.split.nunique() > 1:
        raise ValueError(f"items of several splits are never averaged: {sorted(set(items.split))}")
    wide = items.pivot(index=[*PLACE, "thing"], columns=["setup", "seed"], values="score")
    names = {name: wide.index.get_level_values(name) for name in wide.index.names}
    units = pd.MultiIndex.from_arrays([names[name] for name in UNIT])
    cells = pd.MultiIndex.from_arrays([names[name] for name in PLACE[:-1]])
    codes = {name: pd.factorize(of) for name, of in
             {"group": names["group"], "unit": units, "cell": cells, "language": names["language"],
              "thing": names["thing"]}.items()}
    return Answers(wide.to_numpy(float), wide.columns.get_level_values("setup").to_numpy(),
                   wide.columns.get_level_values("seed").to_numpy(),
                   **{name: code for name, (code, _) in codes.items()}, groups=list(codes["group"][1]),
                   units=list(codes["unit"][1]))


def summed(code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of the rows of values (rows, columns) that share a code from 0: (codes, columns)."""
    sums = np.zeros((code.max() + 1, values.shape[1]))
    np.add.at(sums, code, values)
    return sums
