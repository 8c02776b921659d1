"""Tables of one question of the paper, shared by notebooks 20 to 27.

Each table has one part of the scores: all tasks; tasks whose score does not depend on the language of an answer;
fidelity. Tasks about text in images have other splits and groups, and separate tables (text_in_images.py).
"""

from typing import NamedTuple

import pandas as pd

from centurio_lib.findings import paper_results, scores, statistics
from centurio_lib.findings.item_scores import INTERVAL

# question -> part -> the paper's printed table
PUBLISHED = {
    "rq1": {"all_tasks": "RQ1_all_tasks_phi3.5", "unaffected": "RQ1_tasks_unaffected_by_fidelity_phi3.5",
            "fidelity": "RQ1_xm3600_language_fidelity_phi3.5"},
    "rq2": {"all_tasks": "RQ2_instruct_english_share_phi3.5"},
    "rq3": {"all_tasks": "RQ3_pretrain_english_share_phi3.5"},
    "allocation": {"all_tasks": "APPX_language_allocation_phi3.5"},
}
VARIANCES = ["seeds_variance", "things_variance", "languages_variance", "noise_variance"]
PARTS = ["all_tasks", "unaffected", "fidelity"]


class Tables(NamedTuple):
    """Tidy tables by tier (`scores.COLUMNS`); `fidelity` also holds the ceiling."""

    all_tasks: pd.DataFrame
    unaffected: pd.DataFrame
    fidelity: pd.DataFrame


def part(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of cells or items (with metric and `scores.TASK`) that enter one part. Raises KeyError naming the parts.
    """
    if name not in PARTS:
        raise KeyError(f"unknown part {name!r} of the scores; there are {PARTS}")
    if name == "fidelity":
        return frame[frame.metric == "fidelity"]
    of_all = frame[frame.headline & (frame.task_group != scores.TEXT)]
    return of_all[~of_all.generative] if name == "unaffected" else of_all


def tables(question: str, cells: pd.DataFrame, items: pd.DataFrame, variance: pd.DataFrame | None = None) -> Tables:
    """The three tables of a question, with intervals, beside the paper's numbers where it has them.

    `variance`: of `seed_variance.table`; None takes what the items' own seeds say.
    """
    printed = {name: paper_results.tiers(table) for name, table in PUBLISHED.get(question, {}).items()}
    of_parts = [scores.table(part(cells, name), name, printed.get(name), statistics.bounds(part(items, name), variance))
                for name in PARTS]
    ceiling = scores.table(cells[cells.metric == "fidelity_ceiling"], "fidelity_ceiling")
    return Tables(*of_parts[:2], pd.concat([of_parts[2], ceiling], ignore_index=True))


def by_language(cells: pd.DataFrame, setups: list[str]) -> pd.DataFrame:
    """Fidelity in each language (`scores.by_language`; blind answers apart), its ceiling, and what the paper prints."""
    seen, printed = cells[cells.split != scores.BLIND], paper_results.cells("Phi3.5")
    printed = printed[printed.setup.isin(setups) & (printed.metric == "fidelity")]
    ours = [scores.by_language(seen, metric) for metric in ("fidelity", "fidelity_ceiling")]
    return pd.concat([*ours, *([scores.by_language(printed, "fidelity")] if len(printed) else [])], ignore_index=True)


def differences(items: pd.DataFrame, against: str, variance: pd.DataFrame | None = None) -> pd.DataFrame:
    """Paired differences from one setup in every part, split (blind apart) and group; Holm's correction by part."""
    return compared({name: part(items, name) for name in PARTS}, against, scores.GROUPS, variance)


def compared(parts: dict[str, pd.DataFrame], against: str, groups: list[str],
             variance: pd.DataFrame | None = None) -> pd.DataFrame:
    """Paired differences from one setup in each of some parts of the items, blind answers left out."""
    rows = []
    for name, items in parts.items():
        seen = items[items.split != scores.BLIND]
        setups = [setup for setup in dict.fromkeys(seen.setup) if setup != against]
        effects = statistics.differences(seen, against, groups, variance).assign(metric=name)
        rows.append(scores.ordered(effects, setups))
    return pd.concat(rows, ignore_index=True).round(
        dict.fromkeys(("value", *INTERVAL, "p", "p_holm", "df", *VARIANCES), scores.DECIMALS))


def samples(answers: pd.DataFrame, right: bool, n: int = 6) -> pd.DataFrame:
    """Captions of one evaluation (`predictions`), one a language, in the requested language or not.

    Answers about blind images are left out, and those in languages that the identifier does not know.
    """
    rows = answers[(answers.in_language == float(right)) & (answers.split != scores.BLIND)].drop_duplicates("language")
    rows = rows.iloc[:: max(1, len(rows) // n)].head(n)  # from all over the alphabet
    return rows[["language", "split", "prediction", "reference", "score"]].reset_index(drop=True)
