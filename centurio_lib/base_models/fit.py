"""The training loop of base models; a resumed run gives the same bits as an uninterrupted one."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from centurio_lib.model import checkpoint

EVERY = 100  # steps between checkpoints, and steps of a mean loss


def fit(named: dict[str, nn.Parameter], losses: Callable[[int], list[torch.Tensor]], optimizer: torch.optim.Optimizer,
        factor: Callable[[int], float], steps: int, folder: Path, key: str, what: str, say=print) -> list[float]:
    """Minimise the sum of `losses(step)`, a list of scalars, over some steps; `factor(step)` times the learning rate.

    Gradients of the parameters whose names do not start with "heads." are clipped together. Returns the mean of each
    loss over the last steps, NaN where there were none. Raises checkpoint.CheckpointError for a checkpoint of another
    training.
    """
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    path, start = checkpoint.path_of(folder, key), time.monotonic()
    done, log = checkpoint.restore(path, key, named, optimizer, schedule)
    clipped = [p for name, p in named.items() if not name.startswith("heads.")]
    for step in range(done + 1, steps + 1):
        parts = losses(step)
        optimizer.zero_grad()
        sum(parts).backward()
        nn.utils.clip_grad_norm_(clipped, 1.0)
        optimizer.step()
        schedule.step()
        log.append([part.item() for part in parts])
        if step % EVERY == 0 or step == steps:
            left = (time.monotonic() - start) / (step - done) * (steps - step)
            said = " + ".join(f"{mean:.3f}" for mean in np.mean(log[-EVERY:], axis=0))
            say(f"{what} step {step}/{steps} loss {said}, {left:.0f} s left")
            checkpoint.store(path, key, step, named, optimizer, log)
    return np.mean(log[-EVERY:], axis=0).tolist() if log else [float("nan")]
