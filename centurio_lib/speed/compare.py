"""Compare speed and memory of training with plain transformers, lever by lever (of answering: answering.py).

Every way of training takes the same optimiser steps over the same samples from the same weights. Ways differ only in
how they split a step into forward passes, each within the same budget of tokens. So all ways must have the same losses;
a later step's loss proves the earlier gradients equal. Otherwise nothing is reported (UnequalError).

Seconds are processor time of this process over interleaved rounds (A B C A B C), which other processes disturb least.
Pictures are decoded and batches padded beforehand, for every way. Memory is that of tensors, by torch's allocator (on a
GPU, `torch.cuda.max_memory_allocated`): exact and repeatable, without the interpreter and its libraries. The system's
count for the process, checked once at `laptop`, rose by up to 9 % more where the C library frees blocks at once
(MALLOC_MMAP_THRESHOLD_=65536), and by at least half as much again otherwise.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from centurio_lib import image_file
from centurio_lib.model import batches, image_features, llava, onednn, train
from centurio_lib.model.batches import Batch
from centurio_lib.model.conversation import Conversation
from centurio_lib.model.image_features import Features
from centurio_lib.params import Stage
from centurio_lib.speed.timing import rounds

SAMPLES = 128  # samples that each way trains on
STEPS = 2  # optimiser steps over these samples
MIB = 2**20


class UnequalError(RuntimeError):
    """Two ways that must give the same losses or answers do not."""


class Way(NamedTuple):
    """One way of training; each entry of `TRAINING` adds the lever of its name to the previous entry."""

    order: str  # rule for samples of one forward pass: "as drawn", "by length", "packed"
    whole_logits: bool  # transformers' loss over every token, else over label tokens only
    cached: bool  # stored features, else pictures are encoded in every step
    fused: bool = False  # AdamW in one pass over the weights
    onednn: bool = False  # linear layers by oneDNN, else by torch's own way


TRAINING = {
    "plain transformers": Way("as drawn", whole_logits=True, cached=False),
    "+ loss on label rows": Way("as drawn", whole_logits=False, cached=False),
    "+ like lengths together": Way("by length", whole_logits=False, cached=False),
    "+ cached features": Way("by length", whole_logits=False, cached=True),
    "+ fused optimiser": Way("by length", whole_logits=False, cached=True, fused=True),
    "+ oneDNN's products": Way("by length", whole_logits=False, cached=True, fused=True, onednn=True),
    "+ packed rows instead": Way("packed", whole_logits=False, cached=True, fused=True, onednn=True),
}


class Pictures:
    """Decoded pictures in the role of `Features`: `pictures[ids]` runs the frozen encoder at each access."""

    def __init__(self, images: pd.DataFrame, image_ids: set[str], model):
        rows = images[images.image_id.isin(image_ids)]
        self.row = {image_id: i for i, image_id in enumerate(rows.image_id)}
        self.values = image_features.pixels_of([image_file.read(r.image, r.image_id) for r in rows.itertuples()])
        self.vision, self.layer = model.model.vision_tower, model.config.vision_feature_layer

    def pixels(self, image_ids: list[str]) -> torch.Tensor | None:
        """Input of the encoder, (images, 3, height, width); None for no image."""
        return self.values[[self.row[i] for i in image_ids]].to(self.vision.dtype) if image_ids else None

    @torch.no_grad()
    def __getitem__(self, image_ids: list[str]) -> torch.Tensor:
        """Features (image tokens, d_vision)."""
        return image_features.states(self.vision, self.pixels(image_ids), self.layer).flatten(0, 1)


class Lesson(NamedTuple):
    """Inputs that every way of training shares."""

    model: torch.nn.Module
    weights: dict[str, torch.Tensor]  # trained parameters before the first step
    pad: int
    steps: list[list[Conversation]]  # samples of each optimiser step
    features: Features
    pictures: Pictures
    stage: Stage
    seed: int


def lesson(model, tokenizer, conversations: list[Conversation], cached: Features, images: pd.DataFrame, stage: Stage,
           seed: int) -> Lesson:
    """`STEPS` optimiser steps over equal numbers of conversations. `images`: the table of their pictures."""
    n, shown = len(conversations) // STEPS, {i for c in conversations for i in c.images}
    weights = {name: p.detach().clone() for name, p in llava.trainable(model).items()}
    return Lesson(model, weights, tokenizer.pad_token_id, [conversations[k * n:(k + 1) * n] for k in range(STEPS)],
                  cached, Pictures(images, shown, llava.plain(model)), stage, seed)


def restart(way: Way, given: Lesson) -> torch.optim.AdamW:
    """Restore the initial weights, prepare the layers for a way, and return a new optimiser."""
    onednn.use(given.model, way.onednn)
    for name, p in llava.trainable(given.model).items():
        p.data.copy_(given.weights[name])
        p.grad = None
    torch.manual_seed(given.seed)
    return train.optimizer_of(given.model, given.stage, way.fused)


def passes(way: Way, given: Lesson) -> list[list[Batch]]:
    """The forward passes of each optimiser step, each over at most micro_batch_size * max_seq_len tokens."""
    return [[batches.collate([[samples[i] for i in row] for row in rows], given.pad)
             for rows in _rows(way, samples, given)] for samples in given.steps]


def _rows(way: Way, samples: list[Conversation], given: Lesson) -> list[list[list[int]]]:
    stage = given.stage
    if way.order != "as drawn":
        return batches.plan(samples, stage.max_seq_len, stage.micro_batch_size, way.order == "packed", given.seed)
    # a fixed batch size has to fit any drawn samples
    size = max(1, stage.micro_batch_size * stage.max_seq_len // max(len(c.ids) for c in samples))
    return [[[i] for i in range(first, min(first + size, len(samples)))] for first in range(0, len(samples), size)]


def optimise(way: Way, given: Lesson, optimizer, micro: list[Batch]) -> float:
    """Make an optimiser step by the study's code or transformers' forward pass. Returns the mean loss."""
    if not way.whole_logits:
        return train.optimise(given.model, optimizer, micro, given.features if way.cached else given.pictures)[0]
    core, total, labels = llava.plain(given.model), 0.0, sum(int((b.labels[:, 1:] != -100).sum()) for b in micro)
    for batch in micro:
        # all tokens of a row's conversation attend to its first token, and no padding does
        loss = core(input_ids=batch.ids, attention_mask=batch.mask[:, 0, :, 0].long(), labels=batch.labels,
                    pixel_values=given.pictures.pixels(batch.images), num_items_in_batch=labels).loss
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], train.CLIP)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def losses(way: Way, given: Lesson) -> list[float]:
    """Mean loss (nats a label token) of each optimiser step, without dropout, which would differ by way."""
    optimizer = restart(way, given)
    given.model.eval()
    return [optimise(way, given, optimizer, micro) for micro in passes(way, given)]


def check_losses(by_way: dict[str, list[float]], dtype: torch.dtype) -> None:
    """Compare losses of all ways. Raises UnequalError where they differ from the first way beyond rounding."""
    (plain, expected), *_ = by_way.items()
    for name, values in by_way.items():
        if not np.allclose(values, expected, rtol=torch.finfo(dtype).eps ** 0.5, atol=0):
            raise UnequalError(f"losses of {name!r} are {values}, those of {plain!r} {expected}")


def padding(way: Way, given: Lesson) -> float:
    """Share of padding among the tokens of all forward passes, %."""
    tokens = sum(len(c.ids) for samples in given.steps for c in samples)
    return 100 * (1 - tokens / sum(batch.ids.numel() for micro in passes(way, given) for batch in micro))


def peak_bytes(work: Callable[[], object]) -> int:
    """Peak bytes of the tensors made by `work`, on the CPU."""
    with torch.autograd.profiler.profile(use_kineto=True, profile_memory=True) as profiler:
        work()
    events = [event for event in profiler.kineto_results.events() if event.name() == "[memory]"]
    held = np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())])
    return int(held.max(initial=0))


def memory(way: Way, given: Lesson) -> tuple[float, float]:
    """MiB between optimiser steps (weights, Adam's moments, stored features), and peak MiB in the last step."""
    optimizer, (*earlier, last) = restart(way, given), passes(way, given)
    given.model.train()
    for micro in earlier:
        optimise(way, given, optimizer, micro)
    tensors = [*given.model.parameters(), *(t for state in optimizer.state.values() for t in state.values())]
    cached = sum(part.values.nbytes for part in given.features.parts)
    held = sum(t.nbytes for t in tensors) + (cached if way.cached else 0)
    return held / MIB, (held + peak_bytes(lambda: optimise(way, given, optimizer, last))) / MIB


def speeds(part: str, seconds: dict[str, list[float]], n: int) -> pd.DataFrame:
    """One row for each way: part, way, n; number per second in the median, slowest and fastest round.

    `of_plain` and `of_previous` are the median as a multiple of that of the first and of the previous way.
    """
    table = pd.DataFrame({"part": part, "way": list(seconds), "n": n,
                          "per_s": [n / np.median(s) for s in seconds.values()],
                          "slowest": [n / max(s) for s in seconds.values()],
                          "fastest": [n / min(s) for s in seconds.values()]})
    return table.assign(of_plain=table.per_s / table.per_s[0], of_previous=table.per_s / table.per_s.shift())


def timed(way: Way, given: Lesson) -> Callable[[], list[float]]:
    """Prepare all optimiser steps of a way, with dropout as in a stage; the returned function runs them."""
    optimizer, steps = restart(way, given), passes(way, given)
    given.model.train()
    return lambda: [optimise(way, given, optimizer, micro) for micro in steps]


def used(way: Way, stage: Stage) -> bool:
    """Say whether the study trains the stage this way."""
    order = "packed" if stage.packed else "by length"
    return way == Way(order, whole_logits=False, cached=True, fused=True, onednn=True)


def training(given: Lesson, repeats: int) -> pd.DataFrame:
    """One row for each way of `TRAINING`: columns of `speeds`, then losses, padding and memory.

    labels_per_s: label tokens per second; loss: of the last step; padding: %; held_mib, peak_mib: see `memory`; used:
    whether the stage trains this way. Raises UnequalError if the losses differ.
    """
    by_way = {name: losses(way, given) for name, way in TRAINING.items()}
    check_losses(by_way, next(iter(given.weights.values())).dtype)
    seconds, _ = rounds({name: lambda way=way: timed(way, given) for name, way in TRAINING.items()}, repeats)
    table = speeds("training", seconds, sum(map(len, given.steps)))
    labels = sum(int(c.label_mask.sum()) for samples in given.steps for c in samples)
    held, peak = zip(*(memory(way, given) for way in TRAINING.values()), strict=True)
    return table.assign(labels_per_s=table.per_s * labels / table.n, loss=[values[-1] for values in by_way.values()],
                        padding=[padding(way, given) for way in TRAINING.values()], held_mib=held, peak_mib=peak,
                        used=[used(way, given.stage) for way in TRAINING.values()])
