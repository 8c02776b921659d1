"""kill -9 at any moment, then the same command: the results of an undisturbed study, bit for bit.

One study is ended again and again at chosen moments (its process kills itself around a certain call); of another, the
snakemake is killed while a run trains. Both are compared with the study that `smoke_study` runs.
Run with: pytest tests/test_kill.py (some minutes alone, since the undisturbed study comes first)
"""

import json
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
from smoke_study import SNAKEMAKE, copy_of_repository, environment, run_in, smoke_study, target

from centurio_lib import storage

pytestmark = pytest.mark.timeout(3000)

# The command: the notebooks that lead to one setup's scores, each run in this process unless its result is there. Each
# line that it reads is one life, forked off once the libraries are loaded: only what is on disk passes to the next.
COMMAND = """
import importlib, json, os, signal, sys
from pathlib import Path
import matplotlib.pyplot, pandas
from centurio_lib import paths, provenance, runs
from centurio_lib.model import base, stages

def arm(function, call, when):
    owner, name = function.rsplit(".", 1)
    owner, calls = importlib.import_module(owner), []
    own = getattr(owner, name)
    def deadly(*args, **kwargs):
        calls.append(1)
        if len(calls) == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = own(*args, **kwargs)
        if len(calls) == call and when == "half":
            path = next(Path(value) for value in args if isinstance(value, str | Path))
            os.truncate(path, path.stat().st_size // 2)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, deadly)

def study():
    for notebook in ("02_captions", "04_instructions", "07_base_models", "11_instruct", "12_evaluate"):
        try:
            runs.finished(notebook, "smoke", "L100" if notebook > "10" else None)
            print("kept", notebook, file=sys.stderr)
        except provenance.KeyMismatch:
            names = {"display": lambda *shown: None}
            for cell in json.loads((paths.NOTEBOOKS / f"{notebook}.ipynb").read_text())["cells"]:
                if cell["cell_type"] == "code":
                    exec("".join(cell["source"]), names)

for line in sys.stdin:
    moment = json.loads(line)
    if not (child := os.fork()):
        sys.stdout = sys.stderr
        if moment:
            arm(*moment)
        study()
        sys.stderr.flush()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
MOMENTS = [  # (function, which call, before it, after it or half-way through the file that it writes), in their order
    ("pyarrow.parquet.write_table", 2, "half"),  # a table
    ("centurio_lib.tables.write", 3, "after"),  # all tables there, but not the record of the run
    ("centurio_lib.model.image_features.save_file", 1, "half"),  # features
    ("centurio_lib.model.checkpoint.save_file", 1, "half"),  # a checkpoint
    ("centurio_lib.model.train.optimise", 3, "before"),  # training, a step after the checkpoint
    ("peft.peft_model.safe_save_file", 1, "half"),  # an adapter's weights; its config comes after them
    ("centurio_lib.model.llava.save", 1, "after"),  # the adapter written, not the record of the run
    ("centurio_lib.model.generate._batch", 3, "before"),  # answering
    ("centurio_lib.tables.write", 1, "after"),  # predictions written, scores not
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """Home of a finished smoke study."""
    study = smoke_study(tmp_path_factory)
    assert study.code == 0, study.printed[-3000:]
    return study.home


def readable(path: Path) -> bool:
    """Whether a file of a kind that we write is whole. A table may be so without rows: smoke asks no test sets."""
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
def lives(tmp_path):
    """The home of a new study, and a function that lives one life of it: until a moment, or to its end."""
    home = copy_of_repository(tmp_path / "repo")
    with (tmp_path / "printed").open("w+") as printed:
        command = subprocess.Popen([sys.executable, "-c", COMMAND], cwd=home, env=environment(home), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=printed)

        def live(*moment) -> tuple[int, str]:
            start = printed.seek(0, os.SEEK_END)
            command.stdin.write(json.dumps(moment) + "\n")
            command.stdin.flush()
            ended = command.stdout.readline()
            printed.seek(start)
            said = printed.read()
            assert ended, said[-3000:]
            return int(ended), said

        yield home, live
        command.kill()
        command.wait()


def test_a_study_killed_again_and_again_ends_with_the_same_results(undisturbed, lives):
    home, live = lives
    for moment in MOMENTS:
        code, said = live(*moment)
        assert code == -signal.SIGKILL, f"never came to {moment}: {said[-3000:]}"
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
