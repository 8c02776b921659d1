"""Checkpoints of a training loop: weights, Adam's moments, random state and log in one safetensors file.

A checkpoint is written atomically and named after the run's key. So a killed run resumes from its last checkpoint and
never from that of another run.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from centurio_lib import storage
from centurio_lib.model import distributed


class CheckpointError(RuntimeError):
    """A checkpoint belongs to another run, or is damaged."""


def path_of(folder: Path, key: str) -> Path:
    """Path of the checkpoint of the run with this key."""
    return Path(folder) / f"checkpoint-{key[:12]}.safetensors"


def store(path: Path, key: str, step: int, named: dict[str, torch.nn.Parameter], optimizer,
          log: list[list[float]]) -> None:
    """Write a checkpoint at `step`; only the first process of a stage writes.

    `log`: a row of numbers for each entry.
    """
    tensors = distributed.random_states() | {"log": torch.tensor(log, dtype=torch.float64)}
    if not distributed.state().is_main_process:
        return
    for name, p in named.items():
        tensors |= {f"weight/{name}": p.detach()} | {f"{kind}/{name}": value
                                                     for kind, value in optimizer.state[p].items()}
    with storage.atomic(path) as temporary:
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata={"key": key, "step": str(step)})


def restore(path: Path, key: str, named: dict[str, torch.nn.Parameter], optimizer,
            schedule) -> tuple[int, list[list[float]]]:
    """Load a checkpoint into model and optimiser and return its step and log; (0, []) without one.

    Raises CheckpointError for the checkpoint of another run, or an unreadable one.
    """
    if not path.exists():
        return 0, []
    with opened(path) as file:
        metadata = file.metadata()
        if metadata["key"] != key:
            raise CheckpointError(f"{path} is a checkpoint of another setup or of other params: remove it to start "
                                  "again")
        kinds = {k.split("/")[0] for k in file.keys()} - {"random", "random_gpu", "log", "weight"}
        for name, p in named.items():
            p.data.copy_(file.get_tensor(f"weight/{name}"))
            stored = {k: file.get_tensor(f"{k}/{name}") for k in kinds if f"{k}/{name}" in file.keys()}
            optimizer.state[p] = {k: v.to(p.device) for k, v in stored.items()}  # the count of steps too
        distributed.set_random_state({k: file.get_tensor(k) for k in file.keys() if k.startswith("random")})
        log = file.get_tensor("log").tolist()
    schedule.last_epoch = step = int(metadata["step"])
    for group, base, factor in zip(optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = base * factor(step)
    return step, log


def opened(path: Path):
    """Open a checkpoint. Raises CheckpointError for an unreadable file."""
    try:
        return safe_open(path, framework="pt")
    except Exception as error:
        raise CheckpointError(f"{path} is damaged ({error}): remove it, the run then starts again") from error
