"""Items of the published test sets that a profile asks, and of each what was asked or why it was not run."""

from pathlib import Path

import pandas as pd

from centurio_lib import tables
from centurio_lib.evaluation import benchmark_files, benchmark_items, synthetic_items
from centurio_lib.evaluation.tasks import TEST_SETS
from centurio_lib.params import Profile, benchmarks

NOT_RUN, PARTLY, ASKED = "not run", "partly", "asked"
PICTURES = "pictures"  # folder of the test sets' pictures, a file each


def build(profile: Profile, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `items` and `coverage` of all test sets that a profile asks; their pictures go to `folder`/pictures.

    A test set, or one language of it, that is not at hand is not run, with the reason. Raises published.ColumnError
    where one is at hand but not as expected, params.ParamsError for `all` items of a task that draws its own.
    """
    benchmarks.check(profile)
    parts = [_one(profile, name, folder / PICTURES) for name in benchmarks.of_profile(profile)]
    items = [own for own, _ in parts if len(own)]
    return (pd.concat(items, ignore_index=True) if items else pd.DataFrame(columns=synthetic_items.COLUMNS),
            pd.DataFrame([row for _, row in parts], columns=tables.SCHEMAS["coverage"].names))


def _one(profile: Profile, name: str, pictures: Path) -> tuple[pd.DataFrame, dict]:
    stated, parts, missing = benchmarks.known()[name], [], {}
    try:
        source = benchmark_files.source(name, stated)
    except benchmark_files.MissingDataError as error:
        return pd.DataFrame(columns=synthetic_items.COLUMNS), covered(name, [], {"all languages": str(error)})
    n = profile.evaluation.items[name]
    for code in stated.languages:
        try:
            own = benchmark_items.items(
                name,
                code,
                source,
                TEST_SETS[name].questions,
                None if n == "all" else n,
                pictures,
                profile.evaluation.seed,
            )
            if own.empty:
                raise benchmark_files.MissingDataError(
                    f"{name}: {source.folder} holds no item in {code}: {stated.fetch}"
                )
            parts.append(own)
        except benchmark_files.MissingDataError as error:
            missing[code] = str(error)
    return pd.concat([pd.DataFrame(columns=synthetic_items.COLUMNS), *parts], ignore_index=True), covered(
        name, parts, missing
    )


def covered(name: str, parts: list[pd.DataFrame], missing: dict[str, str]) -> dict:
    """A row of the table `coverage`. `parts`: items of each language; `missing`: of each that is not run the reason."""
    blind = sum(int((own.split == tables.BLIND).sum()) for own in parts)
    # the first language's reason stands for all: they lack the same files
    reason = f"{' '.join(missing)}: {next(iter(missing.values()))}" if missing else ""
    status = ASKED if not missing else PARTLY if parts else NOT_RUN
    if missing:
        print(f"{name} ({status}): {reason}", flush=True)
    return {"task": name, "status": status, "languages": len(parts), "items": sum(map(len, parts)) - blind,
            "blind": blind, "reason": reason}
