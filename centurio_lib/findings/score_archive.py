"""Archive of a study's scores and answers in one folder, from which tables and figures are drawn.

`scores.parquet` holds every cell, `predictions.parquet` every answer, `items.parquet` every item, `runs.csv` the
provenance of each run and the recipe that they share. `make publish` commits them beside the figures.
"""

from pathlib import Path

import pandas as pd

from centurio_lib import params, storage, tables
from centurio_lib.findings import scores, table_formats

MADE_BY = ["key", "code", "packages", "written", "torch", "transformers", "python", "machine"]


class NotArchived(ValueError):
    """A folder lacks scores that are needed; the message says which, and what to do."""


def write(files: list[Path], folder: Path) -> list[Path]:
    """Join the runs behind some stored score tables in a folder. Raises ValueError as `scores.together`."""
    joined = {"scores": scores.together(files, "scores"), "predictions": scores.answers(files), "items": items(files)}
    written = [tables.write(folder / f"{name}.parquet", name, frame) for name, frame in joined.items()]
    shared = params.recipe(params.profile(joined["scores"].profile.iloc[0]))
    of_runs = pd.DataFrame([_made_by(Path(path)) for path in files]).assign(recipe=shared)
    return [*written, storage.write_text(folder / "runs.csv", table_formats.csv(of_runs))]


def items(files: list[Path]) -> pd.DataFrame:
    """The test items beside some score tables, each once; none where they are not there."""
    beside = [Path(path).with_name("items.parquet") for path in files]
    frames = [tables.read(path, "items") for path in beside if path.exists()]
    joined = pd.concat([pd.DataFrame(columns=tables.SCHEMAS["items"].names), *frames], ignore_index=True)
    return joined.drop_duplicates("item_id", ignore_index=True)


def runs(folder: Path) -> pd.DataFrame:
    """Provenance of each run of an archive: setup, seed, `MADE_BY`. Raises NotArchived without runs."""
    path = folder / "runs.csv"
    if not path.exists():
        raise NotArchived(f"{path} is missing: no scores are committed there; `make study` and `make publish` put them "
                          "there")
    return pd.read_csv(path)


def recipe(folder: Path) -> str:
    """Recipe of the runs of an archive (`params.recipe`), which its profile may have left since.

    Raises NotArchived as `runs`, ValueError for runs of several recipes.
    """
    recipes = sorted(set(runs(folder).recipe))
    if len(recipes) > 1:
        raise ValueError(f"{folder} holds runs of several recipes, {', '.join(recipes)}: they make no one study")
    return recipes[0]


def n_seeds(folder: Path) -> int:
    """Number of seeds that every setup has. Raises NotArchived as `runs`."""
    return int(runs(folder).groupby("setup").size().min())


def file(folder: Path, setups: list[str], seeds: int) -> Path:
    """Path of an archive's score table, checked for some setups with seeds 0 to `seeds` - 1.

    Raises NotArchived naming the missing runs.
    """
    there = set(runs(folder)[["setup", "seed"]].itertuples(index=False, name=None))
    lacking = [f"{setup} seed {seed}" for setup in setups for seed in range(seeds) if (setup, seed) not in there]
    if lacking:
        raise NotArchived(f"{folder} holds no scores of {', '.join(lacking)}: ask for fewer seeds, or run the study")
    return folder / "scores.parquet"


def _made_by(path: Path) -> dict:
    """A row of runs.csv: setup and seed of the run, and fields of its record."""
    record, run = storage.read_json(path.with_name("provenance.json")), tables.read(path, "scores").iloc[0]
    stated = record | record["versions"] | {"packages": storage.digest(record["packages"])}
    return {"setup": run.setup, "seed": run.seed} | {name: stated.get(name) for name in MADE_BY}
