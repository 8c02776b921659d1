"""Scores that are kept beside the figures, so that these are drawn again where no run of the study is.

figures/<profile>/ holds `scores.parquet` (every cell), `predictions.parquet` (every answer) and `runs.csv` (what each
run was made by). Notebooks with `kept: true` draw from these, whatever code made them: it is named in `runs.csv`.
"""

from pathlib import Path

import pandas as pd

from centurio_lib import params, paths, storage, tables
from centurio_lib.study import stages

TABLES = {"scores": "value", "predictions": "score"}  # tables of a run, and what must be a number in them
MADE_BY = ["key", "code", "packages", "written", "torch", "transformers", "python", "machine"]


class NotKept(ValueError):
    """Scores that are asked for do not lie beside the figures; the message says what does."""


def keep(sources: list[Path], profile: str) -> list[Path]:
    """Keep the runs behind some stored score tables in figures/<profile>/. Raises ValueError as `together`."""
    folder = paths.figures(profile)
    written = [tables.write(folder / f"{name}.parquet", name, together(of(sources, name), name)) for name in TABLES]
    made = pd.DataFrame([_made_by(Path(path)) for path in sources])
    with storage.atomic(folder / "runs.csv") as temporary:
        made.to_csv(temporary, index=False, lineterminator="\n")
    return [*written, folder / "runs.csv"]


def of(sources: list[Path], name: str) -> list[Path]:
    """Files of a table of the runs whose score tables are named."""
    return [Path(path).with_name(f"{name}.parquet") for path in sources]


def together(files: list[Path], name: str) -> pd.DataFrame:
    """Tables of one study, one below the other, after a look at what must not be averaged over.

    Raises ValueError for a table that is empty, holds NaN scores, or is of another profile or base model than the rest.
    """
    frames, value = [tables.read(path, name) for path in files], TABLES[name]
    for path, frame in zip(files, frames, strict=True):
        if frame.empty:
            raise ValueError(f"{path} is empty: remove its folder and evaluate that run again")
        if frame[value].isna().any():
            bad = frame[frame[value].isna()].iloc[0][["setup", "seed", "task", "language"]]
            raise ValueError(f"{path} holds NaN scores, {bad.to_dict()} among them: evaluate that run again")
    found = pd.concat(frames, ignore_index=True)
    for column in ("profile", "backbone"):
        if found[column].nunique() > 1:
            raise ValueError(f"scores of different studies in one table: {column} is {sorted(set(found[column]))}")
    return found


def seeds(profile: str) -> int:
    """How many seeds of every setup are kept. Raises NotKept where none is."""
    return int(_made(profile).groupby("setup").size().min())


def notebooks(profile: str) -> list[str]:
    """Notebooks that draw from kept scores: those of the questions, claims and figures."""
    drawn = set(stages.findings(params.profile(profile))) - {"report"}
    return [stages.of(stage).notebook for stage in stages.findings(params.profile(profile)) if stage in drawn]


def unpacked(profile: str, setups: list[str], n_seeds: int) -> list[Path]:
    """Kept score tables as each run left them, predictions beside them, in results/<profile>/kept/.

    Raises NotKept where a run is not among them.
    """
    there = set(_made(profile)[["setup", "seed"]].itertuples(index=False, name=None))
    wanted = [(setup, seed) for setup in setups for seed in range(n_seeds)]
    if lacking := [f"{setup} seed {seed}" for setup, seed in wanted if (setup, seed) not in there]:
        raise NotKept(f"{paths.figures(profile)} keeps no scores of {', '.join(lacking)}: ask for fewer seeds, or run "
                      "the study (kept: false)")
    for name in TABLES:
        whole = tables.read(paths.figures(profile) / f"{name}.parquet", name)
        for (setup, seed), own in whole.groupby(["setup", "seed"], sort=False):
            tables.write(_folder(profile, setup, seed) / f"{name}.parquet", name, own)
    return [_folder(profile, setup, seed) / "scores.parquet" for setup, seed in wanted]


def _folder(profile: str, setup: str, seed: int) -> Path:
    return paths.run(profile, "kept", setup, seed)


def _made(profile: str) -> pd.DataFrame:
    path = paths.figures(profile) / "runs.csv"
    if not path.exists():
        raise NotKept(f"{path} is missing: no scores are kept of profile {profile}; `make study PROFILE={profile}` "
                      "makes them")
    return pd.read_csv(path)


def _made_by(source: Path) -> dict:
    """A row of runs.csv: the run's setup and seed, and what its record says."""
    record, run = storage.read_json(source.with_name("provenance.json")), tables.read(source, "scores").iloc[0]
    said = record | record["versions"] | {"packages": record["params"]["packages"]}
    return {"setup": run.setup, "seed": run.seed} | {name: said.get(name) for name in MADE_BY}


def draw_all(profile: str, n_seeds: int = 0) -> None:
    """Every notebook of `notebooks`, by papermill, from kept scores; all seeds that are kept, unless told how many."""
    import papermill  # not above: notebooks import this module

    params.profile(profile)
    for notebook in notebooks(profile):
        folder = paths.HOME / "results" / profile / "kept"
        folder.mkdir(parents=True, exist_ok=True)
        papermill.execute_notebook(paths.NOTEBOOKS / f"{notebook}.ipynb", folder / f"{notebook}.ipynb",
                                   {"profile": profile, "kept": True, "seeds": n_seeds or seeds(profile)},
                                   progress_bar=False)
        print(f"{notebook}: drawn from kept scores", flush=True)


if __name__ == "__main__":
    import sys

    draw_all(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
