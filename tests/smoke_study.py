"""The smoke study, run once for all tests that look at its results: every notebook, in a copy of the repository.

Its notebooks run in a warm interpreter (centurio_lib/study/warm.py), as by default; all tests of a process share one.
`smoke_study(tmp_path_factory)` takes minutes at the first call of a test session and nothing afterwards. Several
workers of pytest-xdist share one study: the first one runs it, the others wait.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from centurio_lib import params, paths
from centurio_lib.study.warm import Warm

FRESH = ["kernels=fresh"]  # option of SNAKEMAKE by which each notebook has a kernel of Jupyter's
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--profile", "params/snakemake/default", "--config", "profile=smoke"]
PRETRAINED = "PT50"
RUNS = [(setup, 0) for setup in params.studied(params.profile("smoke"))]
# notebooks that no rule of the study runs
EXTERNAL = "data/external"  # a tiny model of another family that a test makes there
BY_HAND = {"00_explore": ["-p", "profile", "smoke", "-p", "setup", "T5"], "03_translate": [],
           "50_speed": ["-p", "repeats", "1"],
           "13_external_models": ["-p", "model", EXTERNAL, "-p", "dtype", "float32", "-p", "every", "40"],
           "08_benchmarks": [], "14_export": ["-p", "setup", "T5"]}


class Study(NamedTuple):
    """A finished smoke study."""

    home: Path  # the copy of the repository that it ran in, and wrote into
    printed: str
    code: int  # that snakemake ended with

    def results(self, *parts: str) -> Path:
        """results/smoke/..."""
        return self.home.joinpath("results", "smoke", *parts)


def copy_of_repository(home: Path) -> Path:
    """Copy the files of the repository that a study needs, without built or run files."""
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("centurio_lib", "notebooks", "params"):
        shutil.copytree(paths.REPO / name, home / name, ignore=unwanted)
    for name in ("Snakefile", "package-lock.json", "package.json"):
        shutil.copy2(paths.REPO / name, home / name)  # keeps times: an old lock makes no data stale
    return home


def environment(home: Path) -> dict[str, str]:
    """Environment of a process that works in a copy: its code, its results, the archives of the repository."""
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(home), "CENTURIO_HOME": str(home), "CENTURIO_PACKAGES": str(paths.PACKAGES),
                         "PATH": search, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def run_in(home: Path, *command: str, warm: Warm | None = None) -> subprocess.CompletedProcess:
    """A command in a copy, its output kept together in `stdout`.

    `warm`: where its notebooks run; None for fresh kernels.
    """
    search = environment(home) | (warm.environment() if warm else {})
    command = warm.command(*command) if warm else command
    return subprocess.run(command, cwd=home, env=search, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def target(setup: str, stage: str = "evaluate") -> str:
    """The file that snakemake makes when a run of a setup is complete."""
    return f"results/smoke/{stage}/{setup}/seed0/provenance.json"


def shared(tmp_path_factory) -> Path:
    """A folder that all processes of a test session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def warm(tmp_path_factory) -> Warm:
    """The warm interpreter of this process, started at the first call."""
    return _warm(tmp_path_factory.getbasetemp() / "warm")


@cache
def _warm(folder: Path) -> Warm:
    started = Warm(folder)
    atexit.register(started.close)
    return started


def smoke_study(tmp_path_factory) -> Study:
    """The study of profile smoke. Look at `code` before using it."""
    folder = shared(tmp_path_factory) / "smoke-study"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "ended.json").exists():
            home = copy_of_repository(folder / "repo")
            done = run_in(home, *SNAKEMAKE, "--", "study", warm=warm(tmp_path_factory))
            (folder / "ended.json").write_text(json.dumps([done.stdout, done.returncode]))
    return Study(folder / "repo", *json.loads((folder / "ended.json").read_text()))
