"""Known failures, recognised in a run's scores: the signature, the cells and the usual cause."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from centurio_lib.findings import scores
from centurio_lib.findings.paper_results import script

SYNTHETIC = ["smpqa_read", "page_read"]  # reading of images that the study draws
REAL = ["mtvqa"]  # reading of photographs
FLOOR = 5.0  # score points above chance: reading at or below it is next to nothing
ASIDE = 20.0  # score points of fidelity below the ceiling
DROP = 5.0  # score points of English below the setup that is tuned in English alone
BASELINE = "English"
COLUMNS = ["setup", "seed", "split", "signature", "cause", "n", "cells"]
CELLS_SHOWN = 12


class Signature(NamedTuple):
    """A failure: its usual cause, and a function for the cells of a run that show it (`english`: baseline)."""

    cause: str
    shown_by: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def _reading(cells: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    """Cells of reading tasks by their headline metric, with script and whether anything is read, chance aside."""
    rows = cells[cells.task.isin(tasks) & cells.headline]
    return rows.assign(script=rows.language.map(script), read=rows.value - rows.chance.fillna(0) > FLOOR)


def unread_scripts(cells: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """Reading of scripts other than Latin near zero in a task where Latin or English is read."""
    reading = _reading(cells, SYNTHETIC)
    able = reading[reading.read & (reading.script != "other")].task
    return reading[reading.task.isin(able) & (reading.script == "other") & ~reading.read]


def unread_photographs(cells: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """Reading of photographs near zero in a language in which synthetic images are read."""
    synthetic, real = _reading(cells, SYNTHETIC), _reading(cells, REAL)
    return real[real.language.isin(synthetic[synthetic.read].language) & ~real.read]


def wrong_language(cells: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """Cells whose fidelity is far below the fidelity of gold captions in the same language."""
    of = ["task", "language"]
    fidelity = cells[cells.metric == "fidelity"]
    ceiling = cells[cells.metric == "fidelity_ceiling"][[*of, "value"]].rename(columns={"value": "ceiling"})
    both = fidelity.merge(ceiling, on=of)
    return both[both.value < both.ceiling - ASIDE]


def english_drop(cells: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """English tasks far below the setup that is tuned in English alone, on the same seed and split."""
    cell = ["task", "metric", "language"]
    in_english = cells[cells.headline & (cells.language == "en")]
    both = in_english.merge(english[[*cell, "value"]], on=cell, suffixes=("", "_baseline"))
    if both.empty or both.value_baseline.mean() - both.value.mean() < DROP:
        return both.iloc[:0]
    return both[both.value < both.value_baseline]


SIGNATURES = {
    "near-zero reading of other scripts": Signature("an image encoder without multilingual OCR data", unread_scripts),
    "reading that fails outside synthetic images": Signature("too little text in photographs in the data",
                                                             unread_photographs),
    "answers in the wrong language": Signature("too little tuning in the language", wrong_language),
    "English drop": Signature("usually more than 75 % of the mix in other languages, or too low a LoRA rank",
                              english_drop),
}


def of_runs(cells: pd.DataFrame) -> pd.DataFrame:
    """One row for each run, split and shown signature, with the number of cells and the worst cell.

    `cells` come from `scores.stored`. Runs without a signature have one row. A signature whose task was not
    evaluated, or whose baseline was not run, cannot show.
    """
    seen = cells[cells.split != scores.BLIND]
    rows = []
    for (setup, seed, split), of_run in seen.groupby(["setup", "seed", "split"], sort=False):
        english = seen[(seen.setup == BASELINE) & (seen.seed == seed) & (seen.split == split)]
        for name, signature in SIGNATURES.items():
            failed = signature.shown_by(of_run, english)
            if len(failed):
                rows.append((setup, seed, split, name, signature.cause, len(failed), _worst(failed)))
        if not rows or rows[-1][:3] != (setup, seed, split):
            rows.append((setup, seed, split, "none", "", 0, ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def _worst(failed: pd.DataFrame) -> str:
    shown = failed.sort_values("value", kind="stable").head(CELLS_SHOWN)
    more = f" and {len(failed) - len(shown)} more" if len(failed) > len(shown) else ""
    return ", ".join(f"{row.task} {row.language} {row.value:.0f}" for row in shown.itertuples()) + more
