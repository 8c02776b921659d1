"""Items of a profile's benchmarks, and for each benchmark the number of items or why it was not run."""

from pathlib import Path

import pandas as pd

from centurio_lib import tables
from centurio_lib.evaluation import benchmark_files, benchmark_items, tasks
from centurio_lib.evaluation.task import Task
from centurio_lib.params import Evaluation, Profile, benchmarks

NOT_RUN, PARTLY, ASKED = "not run", "partly", "asked"
PICTURES = "pictures"  # folder of the benchmarks' pictures, a file each
EMPTY = pd.DataFrame(columns=tables.SCHEMAS["items"].names)


def build(profile: Profile, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build tables `items` and `coverage` of a profile's benchmarks; pictures go to `folder`/pictures.

    `coverage` states the reason for a benchmark or language without files, which is not run. Raises
    benchmark_files.ColumnError for files of another form, params.ParamsError for `all` items of a task that draws its
    items.
    """
    benchmarks.check(profile)
    parts = [_one(profile, name, folder / PICTURES) for name in benchmarks.of_profile(profile)]
    return (pd.concat([EMPTY, *(items for items, _ in parts if len(items))], ignore_index=True),
            pd.DataFrame([row for _, row in parts], columns=tables.SCHEMAS["coverage"].names))


def _one(profile: Profile, name: str, pictures: Path) -> tuple[pd.DataFrame, dict]:
    """Items of one benchmark, and its row of the table `coverage`."""
    parts, missing, benchmark = [], {}, benchmarks.known()[name]
    try:
        source = benchmark_files.source(name, benchmark)
    except benchmark_files.MissingDataError as error:
        return EMPTY, covered(name, [], {"all languages": str(error)})
    for code in benchmark.languages:
        try:
            parts.append(_of_language(profile.evaluation, tasks.TASKS[name], code, source, pictures))
        except benchmark_files.MissingDataError as error:
            missing[code] = str(error)
    return pd.concat([EMPTY, *parts], ignore_index=True), covered(name, parts, missing)


def _of_language(config: Evaluation, task: Task, code: str, source: benchmark_files.Source,
                 pictures: Path) -> pd.DataFrame:
    n = config.items[task.name]
    items = benchmark_items.items(task, code, source, None if n == "all" else n, pictures, config.seed)
    if items.empty:
        raise benchmark_files.MissingDataError(
            f"{task.name}: {source.folder} holds no item in {code}: {source.params.fetch}")
    return items


def covered(name: str, parts: list[pd.DataFrame], missing: dict[str, str]) -> dict:
    """A row of the table `coverage`. `parts`: items of each language; `missing`: reasons of missing languages."""
    blind = sum(int((items.split == tables.BLIND).sum()) for items in parts)
    # the first language's reason stands for all languages, since these lack the same files
    reason = f"{' '.join(missing)}: {next(iter(missing.values()))}" if missing else ""
    status = ASKED if not missing else PARTLY if parts else NOT_RUN
    if missing:
        print(f"{name} ({status}): {reason}", flush=True)
    return {"task": name, "status": status, "languages": len(parts), "items": sum(map(len, parts)) - blind,
            "blind": blind, "reason": reason}
