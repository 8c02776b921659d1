"""Items of a profile's benchmarks, and for each benchmark the number of items or why it was not run.

A row that gives no item is left out and counted. A language or a benchmark whose files are missing, damaged or of
another form is not run, with its reason; the others are.
"""

import re
from pathlib import Path

import pandas as pd

from centurio_lib import tables
from centurio_lib.evaluation import benchmark_files, benchmark_items, tasks
from centurio_lib.evaluation.task import Task
from centurio_lib.params import Evaluation, Profile, benchmarks

NOT_RUN, PARTLY, ASKED, HIDDEN = "not run", "partly", "asked", "asked, answers are hidden"
PICTURES = "pictures"  # folder of the benchmarks' pictures, a file each
EMPTY = pd.DataFrame(columns=tables.SCHEMAS["items"].names)


def build(profile: Profile, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build tables `items` and `coverage` of a profile's benchmarks; pictures go to `folder`/pictures.

    `coverage` states the reason for a benchmark or language that is not run. Raises params.ParamsError for `all` items
    of a task that draws its items.
    """
    benchmarks.check(profile)
    parts = [_one(profile, name, folder / PICTURES) for name in benchmarks.of_profile(profile)]
    return (pd.concat([EMPTY, *(items for items, _ in parts if len(items))], ignore_index=True),
            pd.DataFrame([row for _, row in parts], columns=tables.SCHEMAS["coverage"].names))


def _one(profile: Profile, name: str, pictures: Path) -> tuple[pd.DataFrame, dict]:
    """Items of one benchmark, and its row of the table `coverage`."""
    parts, left_out, missing, benchmark = [], 0, {}, benchmarks.known()[name]
    try:
        source = benchmark_files.source(name, benchmark)
    except benchmark_files.MissingDataError as error:
        return EMPTY, covered(name, [], {"all languages": str(error)})
    for code in benchmark.languages:
        try:
            items, bad = _of_language(profile.evaluation, tasks.TASKS[name], code, source, pictures)
        except (benchmark_files.MissingDataError, benchmark_files.ColumnError) as error:
            missing[code] = str(error)
            continue
        parts.append(items)
        left_out += bad
    return pd.concat([EMPTY, *parts], ignore_index=True), covered(name, parts, missing, left_out)


def _of_language(config: Evaluation, task: Task, code: str, source: benchmark_files.Source,
                 pictures: Path) -> tuple[pd.DataFrame, int]:
    n = config.items[task.name]
    items, bad = benchmark_items.items(task, code, source, None if n == "all" else n, pictures, config.seed)
    if items.empty:
        raise benchmark_files.MissingDataError(
            f"{task.name}: {source.folder} holds no item in {code}: {source.params.fetch}")
    return items, bad


def covered(name: str, parts: list[pd.DataFrame], missing: dict[str, str], left_out: int = 0) -> dict:
    """A row of the table `coverage`.

    `parts`: items of each language; `missing`: reasons of missing languages; `left_out`: rows that gave no item.
    """
    blind = sum(int((items.split == tables.BLIND).sum()) for items in parts)
    status = PARTLY if missing and parts else NOT_RUN if missing else ASKED
    if parts and all(items.reference.eq("").all() for items in parts):
        status = HIDDEN
    if reason := "; ".join(reasons(missing)):
        print(f"{name} ({status}): {reason}", flush=True)
    return {"task": name, "status": status, "languages": len(parts), "items": sum(map(len, parts)) - blind,
            "blind": blind, "left_out": left_out, "reason": reason}


def reasons(missing: dict[str, str]) -> list[str]:
    """One line for each reason, after the languages that share it; languages that lack the same files are alike."""
    alike: dict[str, list[str]] = {}
    for code, reason in missing.items():
        alike.setdefault(re.sub(rf"(?<![a-z]){code}(?![a-z])", "*", reason), []).append(code)
    return [f"{' '.join(codes)}: {missing[codes[0]]}" for codes in alike.values()]
