"""The table of cells as the page sorts and filters it: a row for each setup, split, task, metric and language."""

import json

import pandas as pd

from centurio_lib.findings.scores import SPLITS
from centurio_lib.languages import name_of, script_of

DECIMALS = 2
SHOWN = ["language", "code", "tier", "script", "task", "metric", "split", "setup", "value", "by_seed", "chance",
         "items"]
CELL = ["setup", "split", "task", "metric", "language", "group"]


def rows(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of each cell (`scores.stored`), beside chance, items, and the score with each seed.

    Raises ValueError for a cell that only some seeds of its setup have.
    """
    cells = cells.sort_values("seed", kind="stable")
    found = cells.groupby(CELL, sort=False, dropna=False).agg(
        value=("value", "mean"), seeds=("value", "size"), by_seed=("value", _listed),
        chance=("chance", "mean"), items=("n", "first")).reset_index()
    wanted = found.setup.map(cells.groupby("setup").seed.nunique())
    if (found.seeds != wanted).any():
        lacking = found[found.seeds != wanted].iloc[0][CELL].to_dict()
        raise ValueError(f"not every seed has this cell: {lacking}")
    found = found.sort_values("split", key=lambda names: names.map(SPLITS.index), kind="stable")
    named = found.assign(name=found.language.map(name_of), script=found.language.map(script_of))
    return named.rename(columns={"language": "code", "name": "language", "group": "tier"})[SHOWN]


def _listed(values: pd.Series) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def script(**tables: pd.DataFrame) -> str:
    """Tables as JavaScript, NAME = {columns: [...], rows: [[...], ...]}: a page opened from file may fetch nothing."""
    lines = []
    for name, frame in tables.items():
        content = json.loads(frame.to_json(orient="split", index=False, double_precision=DECIMALS))
        stated = json.dumps({"columns": content["columns"], "rows": content["data"]}, ensure_ascii=False,
                            separators=(",", ":"))
        lines.append(f"const {name} = {stated};\n")
    return "".join(lines)
