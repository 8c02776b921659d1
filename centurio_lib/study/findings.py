"""Inputs and folders of the notebooks of findings: scores of runs, or scores committed in figures/.

    run = runs.start("20_rq1_number_of_languages", profile, seeds=seeds)
    evaluated = findings.load(run, committed)
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib import params, paths, storage
from centurio_lib.findings import records, score_archive, scores, seed_variance
from centurio_lib.findings.records import Record
from centurio_lib.study import keys, runs, stages
from centurio_lib.study.runs import Run

PAPER = "published"  # folder of the figures drawn from the paper's numbers, beside the folders of profiles


class Evaluated(NamedTuple):
    """Scores and answers of the setups that a notebook compares, and the files that hold these."""

    setups: list[str]
    seeds: int
    cells: pd.DataFrame  # of `scores.stored`
    items: pd.DataFrame  # of `scores.items`
    answers: pd.DataFrame  # of `scores.answers`
    files: list[Path]
    variance: pd.DataFrame  # between seeds, of `seed_variance.best`


def load(run: Run, committed: bool = False, setups: list[str] | None = None) -> Evaluated:
    """Read scores and answers of some setups (None: all setups of the run). Raises as `inputs`."""
    setups, seeds = setups or run.key["params"]["setups"], run.key["params"]["seeds"]
    files = inputs(run, committed, setups)
    answers = scores.answers(files, setups, seeds)
    items = scores.items(answers)
    return Evaluated(setups, seeds, scores.stored(files, setups, seeds), items, answers, files,
                     _variance(run, items, files, committed))


def _variance(run: Run, items: pd.DataFrame, files: list[Path], committed: bool) -> pd.DataFrame:
    """Seed variance of all setups of an archive, or of the runs at hand where the committed one knows less."""
    recipe = params.recipe(run.profile)
    if committed:
        recipe = score_archive.recipe(paths.committed(run.profile.name))
        everything = scores.items(scores.answers(files))
        items = everything[everything.seed < run.key["params"]["seeds"]]
    own = seed_variance.table(scores.by_table(items), recipe)
    return seed_variance.best(own, seed_variance.known(recipe))


def inputs(run: Run, committed: bool = False, setups: list[str] | None = None) -> list[Path]:
    """Files of the score tables that a run compares, one for each setup and seed.

    `committed`: the one table of figures/ instead. Raises keys.KeyMismatch where a table is missing or was made by
    other params or code; score_archive.NotArchived where no committed table exists.
    """
    profile, seeds = run.profile.name, run.key["params"]["seeds"]
    setups = setups or run.key["params"]["setups"]
    if committed:
        return [score_archive.file(paths.committed(profile), setups, seeds)]
    notebook = stages.of("evaluate").notebook
    evaluations = [runs.finished(notebook, profile, setup, seed) for setup in setups for seed in range(seeds)]
    return [evaluation.folder / "scores.parquet" for evaluation in evaluations]


def folder_of(name: str, committed: bool = False) -> Path:
    """Folder of the figures of a profile or of `PAPER`, in the study or (`committed`) in figures/."""
    return (paths.committed if committed else paths.figures)(name)


def record(run: Run, files: list[Path], committed: bool = False) -> Record:
    """Provenance of a run's figures and tables. Figures of committed scores are written beside the scores."""
    return Record(folder_of(run.profile.name, committed), run.notebook, run.key["params"],
                  storage.digest(run.key), records.digests(files))


def paper_record(run: Run, files: list[Path], committed: bool = False) -> Record:
    """Provenance of the figures of the paper's numbers; it is the same for every profile."""
    key = storage.digest(keys.run_key(run.notebook, {}))
    return Record(folder_of(PAPER, committed), run.notebook, {}, key, records.digests(files))


def plots(run: Run, committed: bool = False) -> Path | None:
    """Folder of the plots of stage `smpqa`; None for committed scores without plots on disk.

    Raises keys.KeyMismatch where a study's plots are missing or stale.
    """
    try:
        return runs.finished(stages.of("smpqa").notebook, run.profile.name).folder
    except keys.KeyMismatch:
        if committed:
            return None
        raise
