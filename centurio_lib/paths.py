"""Paths of all files. `CENTURIO_HOME` moves the study's output (data, results, figures) elsewhere."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
NOTEBOOKS, PARAMS = REPO / "notebooks", REPO / "params"
FIGURES = REPO / "figures"  # committed figures, one folder for each profile
PACKAGE_LOCK = REPO / "package-lock.json"  # names the fetched archives and the sha512 of each
HOME = Path(os.environ.get("CENTURIO_HOME", REPO)).resolve()
# fetched archives are the same for every profile and home, so a second home does not download them again
PACKAGES = Path(os.environ.get("CENTURIO_PACKAGES", REPO / "data" / "packages")).resolve()

# third-party benchmarks as their authors publish them, a folder each (params/benchmarks.yaml)
BENCHMARKS = Path(os.environ.get("CENTURIO_BENCHMARKS", REPO / "data" / "benchmarks")).resolve()

# data sets and models of the hub under their names, downloaded or put there by hand
DATASETS = Path(os.environ.get("CENTURIO_DATASETS", REPO / "data" / "datasets")).resolve()


def data(profile: str, *parts: str) -> Path:
    """Path data/<profile>/...: the built tables of a profile."""
    return HOME.joinpath("data", profile, *parts)


def run(profile: str, stage: str, setup: str, seed: int) -> Path:
    """Path results/<profile>/<stage>/<setup>/seed<seed>: one run."""
    return HOME / "results" / profile / stage / setup / f"seed{seed}"


def model(name: str) -> Path | None:
    """Folder of a model in the study's home, this repository or beside the data sets; None without one."""
    roots = (HOME, REPO, DATASETS)
    return next((root / name for root in roots if (root / name / "config.json").exists()), None)


def figures(profile: str) -> Path:
    """Path results/<profile>/figures: figures of a study, their tables and provenance records."""
    return HOME / "results" / profile / "figures"


def committed(profile: str) -> Path:
    """Path figures/<profile> of this repository: figures, tables and scores from `make publish`."""
    return FIGURES / profile
