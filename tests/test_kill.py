"""kill -9 at any moment, then the same command: the results of an undisturbed study, bit for bit.

One study is ended again and again at chosen moments (one_life.py: its process kills itself around a certain call); of
another, the snakemake is killed while a run trains. Both are compared with the study that `smoke_study` runs.
Run with: pytest tests/test_kill.py (some minutes alone, since the undisturbed study comes first)
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open
from smoke_study import SNAKEMAKE, copy_of_repository, environment, run_in, smoke_study, target, warm

from centurio_lib import storage
from centurio_lib.study.warm import KILLED

pytestmark = pytest.mark.timeout(3000)

ONE_LIFE = Path(__file__).with_name("one_life.py")
MOMENTS = [  # (function, which call, before it, after it or half-way through the file that it writes), in their order
    ("pyarrow.parquet.write_table", 2, "half"),  # a table
    ("centurio_lib.tables.write", 3, "after"),  # all tables there, but not the record of the run
    ("centurio_lib.model.image_features.save_file", 1, "half"),  # features
    ("centurio_lib.model.checkpoint.save_file", 1, "half"),  # a checkpoint
    ("centurio_lib.model.train.optimise", 3, "before"),  # training, a step after the checkpoint
    ("peft.peft_model.safe_save_file", 1, "half"),  # an adapter's weights; its config comes after them
    ("centurio_lib.model.llava.save", 1, "after"),  # the adapter written, not the record of the run
    ("centurio_lib.model.generate.greedy", 2, "before"),  # answering
    ("centurio_lib.tables.write", 1, "after"),  # predictions written, scores not
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """Home of a finished smoke study."""
    study = smoke_study(tmp_path_factory)
    assert study.code == 0, study.printed[-3000:]
    return study.home


def readable(path: Path) -> bool:
    """Whether a file of a kind that we write is whole. A table may be so without rows: smoke asks no benchmarks."""
    if path.suffix == ".parquet":
        return pq.read_table(path).num_rows == pq.read_metadata(path).num_rows
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            return all(file.get_tensor(name) is not None for name in file.keys())
    return path.suffix != ".json" or bool(storage.read_json(path))


def assert_nothing_half_written_looks_complete(home: Path) -> None:
    """Every file with its final name is whole, and a run with a record has all its files.

    An adapter is several files that peft writes itself: it counts only once its run has a record.
    """
    for path in [p for part in ("data", "results") for p in (home / part).rglob("*.*") if p.is_file()]:
        is_early = path.parent.name == "adapter" and not (path.parent.parent / "provenance.json").exists()
        assert path.name.endswith(".tmp") or is_early or readable(path), path
    for record in home.rglob("provenance.json"):
        wanted = {"instruct": ["adapter/adapter_model.safetensors", "adapter/adapter_config.json", "log.csv"],
                  "evaluate": ["predictions.parquet", "scores.parquet"], "captions": ["manifest.json"]}
        stage = record.relative_to(home).parts[2]
        assert all((record.parent / name).exists() for name in wanted.get(stage, [])), record


def assert_same_results(home: Path, other: Path, setup: str) -> None:
    """Bit for bit: tables, base models, adapter and log."""
    same = ["data/smoke/captions/images.parquet", "data/smoke/captions/captions.parquet",
            "data/smoke/instructions/instructions.parquet", "data/smoke/base_models/vision/model.safetensors",
            "data/smoke/base_models/language_model/model.safetensors",
            f"results/smoke/instruct/{setup}/seed0/adapter/adapter_model.safetensors",
            f"results/smoke/instruct/{setup}/seed0/log.csv"]
    for name in same:
        assert (home / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture
def lives(tmp_path, tmp_path_factory):
    """The home of a new study, and a function that lives one life of it: until a moment, or to its end."""
    home, interpreter = copy_of_repository(tmp_path / "repo"), warm(tmp_path_factory)

    def live(*moment) -> tuple[int, str]:
        done = run_in(home, sys.executable, str(ONE_LIFE), *map(str, moment), warm=interpreter)
        return done.returncode, done.stdout

    return home, live


def test_a_study_killed_again_and_again_ends_with_the_same_results(undisturbed, lives):
    home, live = lives
    for moment in MOMENTS:
        code, said = live(*moment)
        assert code == KILLED, f"never came to {moment}: {said[-3000:]}"
        assert_nothing_half_written_looks_complete(home)
    code, said = live()
    assert code == 0 and "kept 11_instruct" in said and "kept 12_evaluate" not in said, said[-3000:]
    assert_nothing_half_written_looks_complete(home)
    assert_same_results(undisturbed, home, "L100")
    for name, keys in (("predictions", ["item_id"]), ("scores", ["task", "split", "language", "metric"])):
        one, two = (pd.read_parquet(h / f"results/smoke/evaluate/L100/seed0/{name}.parquet").sort_values(keys)
                    for h in (undisturbed, home))
        pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True), check_exact=True)


def wait_for(condition, seconds: float = 300) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.005)


@pytest.mark.slow
def test_killed_snakemake_goes_on_where_it_ended(undisturbed, tmp_path):
    """Its whole process group dies while a run trains; the kernel, which is in no group, ends when it notices."""
    home = copy_of_repository(tmp_path / "repo")
    shutil.copytree(undisturbed / "data", home / "data")  # keeps times: the data is not built again
    command, run = [*SNAKEMAKE, "--", target("T5", "instruct")], (home / target("T5", "instruct")).parent
    with (tmp_path / "printed").open("w") as printed:
        first = subprocess.Popen(command, cwd=home, env=environment(home), stdout=printed, stderr=printed,
                                 start_new_session=True)
        wait_for(lambda: list(run.glob("checkpoint-*")) or (run / "adapter").exists() or first.poll() is not None)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert first.returncode == -signal.SIGKILL, (tmp_path / "printed").read_text()[-3000:]
    again = run_in(home, *command)
    assert again.returncode == 0, again.stdout[-3000:]
    assert "11_instruct" in again.stdout and "02_captions" not in again.stdout
    assert_nothing_half_written_looks_complete(home)
    assert_same_results(undisturbed, home, "T5")
