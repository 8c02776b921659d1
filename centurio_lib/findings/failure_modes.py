"""Known failures, recognised in a run's scores: what each looks like, in which cells, what it usually comes from."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from centurio_lib.findings import scores
from centurio_lib.findings.paper_results import script
from centurio_lib.params import PAGE_READ, SMPQA_READ

SYNTHETIC = [SMPQA_READ, PAGE_READ]  # reading of what the study draws itself
REAL = ["mtvqa"]  # and of photographs
FLOOR = 5.0  # score points above chance: reading at or below it is next to nothing
ASIDE = 20.0  # score points of fidelity below the ceiling
DROP = 5.0  # score points of English below the setup that is tuned in English alone
BASELINE = "English"
COLUMNS = ["setup", "seed", "split", "signature", "cause", "n", "cells"]
CELLS_SHOWN = 12


class Signature(NamedTuple):
    """A failure: what it usually comes from, and the cells of one run that show it (`english`: the baseline's)."""

    cause: str
    found: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def _reading(own: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    """Cells of reading tasks by their headline metric, with script and whether anything is read, chance aside."""
    cells = own[own.task.isin(tasks) & (own.metric == own.task.map(scores.HEADLINE))]
    return cells.assign(script=cells.language.map(script), read=cells.value - cells.chance.fillna(0) > FLOOR)


def unread_scripts(own: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """Reading of scripts other than Latin near zero in a task where Latin or English is read."""
    reading = _reading(own, SYNTHETIC)
    able = reading[reading.read & (reading.script != "other")].task
    return reading[reading.task.isin(able) & (reading.script == "other") & ~reading.read]


def unread_photographs(own: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """Reading of photographs near zero in a language in which synthetic images are read."""
    synthetic, real = _reading(own, SYNTHETIC), _reading(own, REAL)
    return real[real.language.isin(synthetic[synthetic.read].language) & ~real.read]


def wrong_language(own: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """Fidelity far below what the identifier makes of gold captions in the same language."""
    of = ["task", "language"]
    fidelity = own[own.metric == "fidelity"]
    ceiling = own[own.metric == "fidelity_ceiling"][[*of, "value"]].rename(columns={"value": "ceiling"})
    both = fidelity.merge(ceiling, on=of)
    return both[both.value < both.ceiling - ASIDE]


def english_drop(own: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """English tasks far below what tuning in English alone gives, on the same seed and split."""
    known = own[own.metric.isin(set(scores.HEADLINE.values()))]
    both = known[known.language == "en"].merge(english[["task", "metric", "language", "value"]],
                                               on=["task", "metric", "language"], suffixes=("", "_baseline"))
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
    """A row for each run, split and signature that it shows, with the number of cells and the worst of them.

    `cells` are of `scores.stored`. Runs that show none have a row without signature. A signature whose task was not
    evaluated, or whose baseline was not run, cannot show.
    """
    seen = cells[cells.split != scores.BLIND]
    rows = []
    for (setup, seed, split), own in seen.groupby(["setup", "seed", "split"], sort=False):
        english = seen[(seen.setup == BASELINE) & (seen.seed == seed) & (seen.split == split)]
        for name, signature in SIGNATURES.items():
            found = signature.found(own, english)
            if len(found):
                rows.append((setup, seed, split, name, signature.cause, len(found), _worst(found)))
        if not rows or rows[-1][:3] != (setup, seed, split):
            rows.append((setup, seed, split, "none", "", 0, ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def _worst(found: pd.DataFrame) -> str:
    shown = found.sort_values("value", kind="stable").head(CELLS_SHOWN)
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return ", ".join(f"{row.task} {row.language} {row.value:.0f}" for row in shown.itertuples()) + more
