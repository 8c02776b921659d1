"""GPUs: the card of this machine with its free memory, and the speed of known cards (params/gpus.yaml).

nvidia-smi is asked rather than torch, which takes seconds to load and some hundred megabytes of the card.
"""

import os
import subprocess
from typing import NamedTuple

from centurio_lib import paths
from centurio_lib.params.validation import Strict, load, validated

PATH = paths.PARAMS / "gpus.yaml"
QUERY = ["--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
VISIBLE = "CUDA_VISIBLE_DEVICES"
TIMEOUT_S = 20


class Card(Strict):
    """Speed and memory of a kind of card; see params/gpus.yaml."""

    gib: float
    tflops: float
    share: float
    gb_s: float

    @property
    def flops(self) -> float:
        """Operations a second that training reaches."""
        return self.tflops * 1e12 * self.share


class Gpu(NamedTuple):
    """The card of a machine, memory in GiB."""

    name: str
    total: float
    free: float


def known() -> dict[str, Card]:
    """Cards of params/gpus.yaml by a part of their name. Raises ParamsError for a bad value."""
    return {name: validated(Card, values, f"{PATH}: {name}") for name, values in load(PATH).items()}


def like(name: str) -> tuple[str, Card] | None:
    """The known card whose name is part of a name, the longest such; None for another card."""
    words = name.lower().split()
    fitting = [part for part in known() if _within(part.lower().split(), words)]
    return max(((part, known()[part]) for part in fitting), key=lambda found: len(found[0]), default=None)


def _within(part: list[str], words: list[str]) -> bool:
    """Say whether words begin with the words of a part at some place: "A100" is in "NVIDIA A100-SXM4-80GB"."""
    return any(all(word == wanted or word.startswith(f"{wanted}-")
                   for word, wanted in zip(words[start:], part, strict=False))
               for start in range(len(words) - len(part) + 1))


def at_hand() -> Gpu | None:
    """The first card that programs see on this machine; None without one, or without nvidia-smi."""
    visible = os.environ.get(VISIBLE)
    if visible is not None and visible.split(",")[0].strip() in ("", "-1"):
        return None
    chosen = ["-i", visible.split(",")[0].strip()] if visible else []
    try:
        done = subprocess.run(["nvidia-smi", *chosen, *QUERY], capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = done.stdout.strip().splitlines()[:1] if done.returncode == 0 else []
    cells = [cell.strip() for cell in first[0].rsplit(",", 2)] if first else []
    if len(cells) != 3 or not all(cell.isdigit() for cell in cells[1:]):
        return None
    return Gpu(cells[0], int(cells[1]) / 1024, int(cells[2]) / 1024)
