"""One question of the paper from stored results to its tables: what notebooks 20 to 26 have in common.

Each table has one part of the scores: all tasks; the tasks that the language of an answer cannot spoil; fidelity. Tasks
about text in images are in none of them: they have splits and groups of their own (reading.py).
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib.findings import paper_results, scores, statistics
from centurio_lib.tables import read

# question -> part -> the paper's printed table
PUBLISHED = {
    "rq1": {"all_tasks": "RQ1_all_tasks_phi3.5", "unaffected": "RQ1_tasks_unaffected_by_fidelity_phi3.5",
            "fidelity": "RQ1_xm3600_language_fidelity_phi3.5"},
    "rq2": {"all_tasks": "RQ2_instruct_english_share_phi3.5"},
    "rq3": {"all_tasks": "RQ3_pretrain_english_share_phi3.5"},
    "allocation": {"all_tasks": "APPX_language_allocation_phi3.5"},
}
PARTS = ["all_tasks", "unaffected", "fidelity"]


class Tables(NamedTuple):
    """Tidy tables by tier (`scores.COLUMNS`); `fidelity` holds its ceiling besides."""

    all_tasks: pd.DataFrame
    unaffected: pd.DataFrame
    fidelity: pd.DataFrame


def part(frame: pd.DataFrame, name: str, metrics: dict[str, str] = scores.HEADLINE,
         generative: set[str] = scores.GENERATIVE) -> pd.DataFrame:
    """The rows of cells or items (with task and metric) that enter one part. Raises KeyError naming the parts."""
    if name not in PARTS:
        raise KeyError(f"unknown part {name!r} of the scores; there are {PARTS}")
    if name == "fidelity":
        return frame[frame.metric == "fidelity"]
    return scores.headline(frame, metrics, without={*scores.TEXT, *(generative if name == "unaffected" else ())})


def tables(question: str, cells: pd.DataFrame, items: pd.DataFrame) -> Tables:
    """The three tables of a question, with intervals, beside the paper's numbers where it has them."""
    printed = {name: paper_results.tiers(table) for name, table in PUBLISHED.get(question, {}).items()}
    made = [scores.table(part(cells, name), name, printed.get(name), statistics.estimates(part(items, name)))
            for name in PARTS]
    ceiling = scores.table(cells[cells.metric == "fidelity_ceiling"], "fidelity_ceiling")
    return Tables(*made[:2], pd.concat([made[2], ceiling], ignore_index=True))


def by_language(cells: pd.DataFrame, setups: list[str]) -> pd.DataFrame:
    """Fidelity in each language (`scores.by_language`; blind answers apart), its ceiling, and what the paper prints."""
    tested, printed = cells[cells.split != scores.BLIND], paper_results.cells("Phi3.5")
    printed = printed[printed.setup.isin(setups) & (printed.metric == "fidelity")]
    ours = [scores.by_language(tested, metric) for metric in ("fidelity", "fidelity_ceiling")]
    return pd.concat([*ours, *([scores.by_language(printed, "fidelity")] if len(printed) else [])], ignore_index=True)


def differences(items: pd.DataFrame, against: str) -> pd.DataFrame:
    """Paired differences from one setup in every part, split (blind apart) and group; Holm's correction by part."""
    seen = items[items.split != scores.BLIND]
    found = [statistics.differences(part(seen, name), against, scores.GROUPS).assign(metric=name) for name in PARTS]
    setups = [setup for setup in dict.fromkeys(items.setup) if setup != against]
    ordered = pd.concat([scores.ordered(rows, setups) for rows in found], ignore_index=True)
    return ordered.round(dict.fromkeys(("value", "low", "high", "p", "p_holm"), scores.DECIMALS))


def samples(path: Path, right: bool, n: int = 6) -> pd.DataFrame:
    """Captions of one evaluation (its stored scores) that are in the language asked for, or not: one a language.

    Answers about blind images are left out, and those in languages that the identifier does not know.
    """
    found = read(Path(path).with_name("predictions.parquet"), "predictions")
    found = found[(found.in_language == float(right)) & (found.split != scores.BLIND)].drop_duplicates("language")
    chosen = found.iloc[:: max(1, len(found) // n)].head(n)  # from all over the alphabet
    return chosen[["language", "split", "prediction", "reference", "score"]].reset_index(drop=True)
