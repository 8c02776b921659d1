"""Precision of a profile's base models on this machine: what the profile says, or what a trial finds fastest.

Processors with instructions for bfloat16 train twice as fast in it. Others emulate it, at a fraction of the speed.
Scores of the two differ by rounding, so a run states which one it had.
"""

import time
from functools import cache

import torch

from centurio_lib.model import forward, onednn

GAIN = 1.3  # how many times as fast bfloat16 has to be; nearer to 1, two trials of a machine could disagree
TRIALS = 5  # of which the fastest counts


def name(wanted: str) -> str:
    """Precision that a profile's `dtype` stands for on this machine: `float32` or `bfloat16`."""
    if wanted != "fastest":
        return wanted
    return "bfloat16" if torch.cuda.is_available() or bfloat16_gain() >= GAIN else "float32"


def dtype(wanted: str) -> torch.dtype:
    """The same as torch's type."""
    return getattr(torch, name(wanted))


@cache
def bfloat16_gain() -> float:
    """Speed at which this machine trains a layer in bfloat16, as a multiple of that in float32."""
    return _seconds(torch.float32) / _seconds(torch.bfloat16)


def _seconds(of: torch.dtype, width: int = 640, tokens: int = 512) -> float:
    """CPU seconds of a forward and a backward pass of a frozen layer (width, 2 width)."""
    with torch.random.fork_rng():
        layer = onednn.use(torch.nn.Sequential(torch.nn.Linear(width, 2 * width))).to(of).requires_grad_(False)
        states = torch.randn(tokens, width, dtype=of, requires_grad=True)  # (tokens, width)
    return min(_pass(layer, states) for _ in range(TRIALS + 1))


def _pass(layer: torch.nn.Module, states: torch.Tensor) -> float:
    start = time.thread_time()
    with forward.autocast(torch.device("cpu"), states.dtype):
        layer(states).sum().backward()
    return time.thread_time() - start
