"""Where things are. `CENTURIO_HOME` moves what the study writes (data, results, figures) to another folder."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
NOTEBOOKS, PARAMS = REPO / "notebooks", REPO / "params"
FIGURES = REPO / "figures"  # committed: a folder a profile
PACKAGE_LOCK = REPO / "package-lock.json"  # names the fetched archives and the sha512 of each
HOME = Path(os.environ.get("CENTURIO_HOME", REPO)).resolve()
# fetched archives are the same for every profile and home, so that a second home does not download them again
PACKAGES = Path(os.environ.get("CENTURIO_PACKAGES", REPO / "data" / "packages")).resolve()

# test sets as their authors publish them, fetched by hand where no hub has them: a folder each (params/benchmarks.yaml)
TEST_SETS = Path(os.environ.get("CENTURIO_TEST_SETS", REPO / "data" / "published")).resolve()

# data sets and models of the hub, likewise: data sets lie under their names, downloaded or put there by hand
DATASETS = Path(os.environ.get("CENTURIO_DATASETS", REPO / "data" / "datasets")).resolve()


def data(profile: str, *parts: str) -> Path:
    """data/<profile>/..., the built tables of a profile."""
    return HOME.joinpath("data", profile, *parts)


def run(profile: str, stage: str, setup: str, seed: int) -> Path:
    """results/<profile>/<stage>/<setup>/seed<seed>: one run."""
    return HOME / "results" / profile / stage / setup / f"seed{seed}"


def model(name: str) -> Path | None:
    """Folder of a model of that name in the study's home, this repository or beside the data sets; None: there is none.
    """
    roots = (HOME, REPO, DATASETS)
    return next((root / name for root in roots if (root / name / "config.json").exists()), None)


def figures(profile: str) -> Path:
    """results/<profile>/figures: every figure that a study draws, the table it is drawn from, and where it came from.
    """
    return HOME / "results" / profile / "figures"


def committed(profile: str) -> Path:
    """figures/<profile> of this repository: the figures, tables and scores that `make publish` put there."""
    return FIGURES / profile
