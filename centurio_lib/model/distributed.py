"""Processes that share the steps of one training stage through accelerate, one GPU each.

Each process runs some of a step's forward passes. Gradients are added up, so that a step equals that of one process
(tested). A single process (`gpus: 1` in the profile) has no extra cost.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence

import torch
from accelerate import PartialState
from accelerate.utils import gather, reduce


class WorkersError(RuntimeError):
    """Processes of a stage could not be started, or one of them failed."""


def state() -> PartialState:
    """Index of this process, number of processes and device; without a GPU the processes use gloo."""
    return PartialState(cpu=not torch.cuda.is_available())


def alone() -> bool:
    """Say whether this process is the only one of its stage."""
    return state().num_processes == 1


def device(dtype: str) -> torch.device:
    """Device of a profile's models: the process's GPU for half precision, if it has one, else the CPU."""
    return state().device if dtype == "bfloat16" and torch.cuda.is_available() else torch.device("cpu")


def share(parts: Sequence) -> Sequence:
    """This process's share of a step's forward passes."""
    return parts[state().process_index::state().num_processes]


def added_up(value: float) -> float:
    """The sum of all processes' values."""
    return value if alone() else reduce(torch.tensor(value, dtype=torch.float64, device=state().device), "sum").item()


def add_up_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the sum of all processes' gradients.

    A process without a forward pass in a step counts as zeros.
    """
    if not alone():
        for p in parameters:
            p.grad = reduce(torch.zeros_like(p) if p.grad is None else p.grad, "sum")


def random_states() -> dict[str, torch.Tensor]:
    """Random states of every process, on the CPU and its GPU, from which dropout resumes."""
    own = {"random": torch.get_rng_state()} | ({"random_gpu": torch.cuda.get_rng_state()}
                                               if torch.cuda.is_available() else {})
    if alone():
        return own
    gathered = {name: gather(value.to(state().device)[None]).cpu() for name, value in own.items()}
    return {f"{name}/{rank}": value for name, values in gathered.items() for rank, value in enumerate(values)}


def set_random_state(states: dict[str, torch.Tensor]) -> None:
    """Restore this process's random state. Raises WorkersError where the number of processes changed."""
    suffix = "" if alone() else f"/{state().process_index}"
    written = sum(name.split("/")[0] == "random" for name in states)
    if f"random{suffix}" not in states or written != state().num_processes:
        raise WorkersError(f"the checkpoint was written by {written} processes, not {state().num_processes}: set gpus "
                           "as it was, or remove the checkpoint to start again")
    torch.set_rng_state(states[f"random{suffix}"].clone())
    if torch.cuda.is_available() and f"random_gpu{suffix}" in states:
        torch.cuda.set_rng_state(states[f"random_gpu{suffix}"].clone())


def launch(processes: int, module: str, *arguments: str, say=print) -> None:
    """Run a module in several processes of one group and print their output.

    Raises WorkersError with the last lines of output.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
               "-m", module, *arguments]
    last: deque[str] = deque(maxlen=80)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as launcher:
        try:
            for line in launcher.stdout:
                last.append(line)
                say(line.rstrip())
        except BaseException:  # also where the notebook is interrupted
            launcher.terminate()
            raise
    if launcher.returncode:
        raise WorkersError(f"{processes} processes of {module} {' '.join(arguments)} ended with "
                           f"{launcher.returncode}:\n{''.join(last)}")
