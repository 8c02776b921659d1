"""Two processes that share a training stage, on the CPU through gloo: the same as one, and exact after an interruption.

Run with: pytest tests/test_workers.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from centurio_lib import paths
from centurio_lib.model import distributed
from centurio_lib.study import training

SCRIPT = paths.REPO / "tests" / "shared_stage.py"


def stage(folder: Path, processes: int, dropout: float = 0.0, stop_after: int = 0) -> tuple[dict, list]:
    """Trained weights and log of a stage, {} and [] where it was stopped."""
    folder.mkdir(exist_ok=True, parents=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    search = os.pathsep.join(map(str, [paths.REPO, paths.REPO / "tests"]))
    environment = os.environ | {"PYTHONPATH": search, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*command, str(SCRIPT), str(folder), str(dropout), str(stop_after)], env=environment,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]
    path = folder / "trained.safetensors"
    return (load_file(path), json.loads((folder / "log.json").read_text())) if path.exists() else ({}, [])


def test_two_processes_train_what_one_does(tmp_path):
    """Each step's loss and label count, and the weights in the end, but for the order in which numbers are added."""
    one, log = stage(tmp_path / "one", 1)
    two, again = stage(tmp_path / "two", 2)
    assert [row["labels"] for row in log] == [row["labels"] for row in again] and len(log) == 4
    assert [row["loss"] for row in log] == pytest.approx([row["loss"] for row in again], rel=1e-5)
    assert log[0]["loss"] != pytest.approx(log[-1]["loss"], rel=1e-3)
    assert set(one) == set(two) and all(torch.allclose(one[n], two[n], atol=2e-5) for n in one)


def test_stopped_in_the_middle_of_an_epoch_two_processes_end_bit_for_bit_where_undisturbed_ones_do(tmp_path):
    """With dropout, of which each process draws numbers of its own."""
    undisturbed, log = stage(tmp_path / "undisturbed", 2, dropout=0.5)
    assert stage(tmp_path / "stopped", 2, dropout=0.5, stop_after=3) == ({}, [])
    assert list((tmp_path / "stopped").glob("checkpoint-*"))
    resumed, again = stage(tmp_path / "stopped", 2, dropout=0.5)
    assert log == again and all(torch.equal(undisturbed[n], resumed[n]) for n in undisturbed)
    assert not list((tmp_path / "stopped").glob("checkpoint-*"))


def test_checkpoint_of_another_number_of_processes_is_refused():
    written = {"random/0": torch.get_rng_state(), "random/1": torch.get_rng_state()}
    with pytest.raises(distributed.WorkersError, match="written by 2 processes, not 1: set gpus as it was, or remove"):
        distributed.set_random_state(written)


def test_processes_that_fail_are_an_error_with_their_last_lines():
    failed = r"(?s)2 processes of .*worker 11_instruct smoke nothing 0 ended with.*unknown setup 'nothing'"
    with pytest.raises(distributed.WorkersError, match=failed):
        distributed.launch(2, training.WORKER, "11_instruct", "smoke", "nothing", "0", say=lambda text: None)


def test_one_process_shares_with_nobody():
    assert distributed.alone() and list(distributed.share([1, 2, 3])) == [1, 2, 3] and distributed.added_up(2.5) == 2.5
    assert distributed.device("float32") == torch.device("cpu")
