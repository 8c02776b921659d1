"""Paths of all files. `CENTURIO_HOME` moves the study's output (data, results, figures) elsewhere.

Each variable names a folder; `~` is the user's home, and a relative folder lies in this repository, wherever a command
runs. An empty variable is none.
"""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
NOTEBOOKS, PARAMS = REPO / "notebooks", REPO / "params"
FIGURES = REPO / "figures"  # committed figures, one folder for each profile
PACKAGE_LOCK = REPO / "package-lock.json"  # names the fetched archives and the sha512 of each


def stated(variable: str, default: Path) -> Path:
    """Folder that an environment variable names, absolute; the default where it is not set or empty."""
    return (REPO / Path(os.environ.get(variable, "").strip() or default).expanduser()).resolve()


HOME = stated("CENTURIO_HOME", REPO)
# fetched archives are the same for every profile and home, so a second home does not download them again
PACKAGES = stated("CENTURIO_PACKAGES", REPO / "data" / "packages")

# third-party benchmarks as their authors publish them, a folder each (params/benchmarks.yaml)
BENCHMARKS = stated("CENTURIO_BENCHMARKS", REPO / "data" / "benchmarks")

# data sets and models of the hub under their names, downloaded or put there by hand
DATASETS = stated("CENTURIO_DATASETS", REPO / "data" / "datasets")


def data(profile: str, *parts: str) -> Path:
    """Path data/<profile>/...: the built tables of a profile."""
    return HOME.joinpath("data", profile, *parts)


def run(profile: str, stage: str, setup: str, seed: int) -> Path:
    """Path results/<profile>/<stage>/<setup>/seed<seed>: one run."""
    return HOME / "results" / profile / stage / setup / f"seed{seed}"


def model(name: str) -> Path | None:
    """Folder of a model in the study's home, this repository or beside the data sets; None without one.

    An absolute name, or one that begins with ~, is a folder of its own.
    """
    roots, name = (HOME, REPO, DATASETS), str(Path(name).expanduser())
    return next((root / name for root in roots if (root / name / "config.json").exists()), None)


def figures(profile: str) -> Path:
    """Path results/<profile>/figures: figures of a study, their tables and provenance records."""
    return HOME / "results" / profile / "figures"


def committed(profile: str) -> Path:
    """Path figures/<profile> of this repository: figures, tables and scores from `make publish`."""
    return FIGURES / profile
