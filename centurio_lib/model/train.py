"""One training stage: AdamW, cosine with 3 % warm-up, clipping at 1 (paper, appendix A); resumable.

Weight decay applies to the weights of a tuned encoder only, where the profile sets it.

The Trainer of transformers is not used: its checkpoints are pickles, it averages micro batches with different numbers
of labels, and it does not pack conversations with images.
"""

import math
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from centurio_lib.model import batches, checkpoint, distributed, llava
from centurio_lib.model.conversation import Conversation, ConversationError
from centurio_lib.model.forward import computing, loss_sum, to_device
from centurio_lib.model.image_features import Features
from centurio_lib.params import Stage

WARMUP = 0.03
CLIP = 1.0


def learning_rate(step: int, steps: int) -> float:
    """Factor of the peak rate at optimiser step `step` (from 0): linear warm-up over 3 %, then cosine to 0."""
    warmup = max(1, round(WARMUP * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def optimizer_of(model, stage: Stage, fused: bool = True) -> torch.optim.AdamW:
    """AdamW with separate rates for projector and image encoder; norms and biases do not decay.

    `fused` makes the update in one pass over the weights; torch's own default makes ten.
    """
    groups: dict[str, list] = {"projector": [], "encoder": [], "encoder norms": [], "rest": []}
    for name, p in llava.trainable(model).items():
        groups[group_of(name, p)].append(p)
    rates = {"projector": stage.projector_lr, "encoder": stage.encoder_lr, "encoder norms": stage.encoder_lr}
    decay = {"encoder": stage.encoder_weight_decay}
    asked = [{"params": members, "lr": rates.get(group, stage.lr), "weight_decay": decay.get(group, 0.0)}
             for group, members in groups.items() if members]
    return torch.optim.AdamW(asked, betas=(0.9, 0.999), fused=fused)


def group_of(name: str, p: torch.nn.Parameter) -> str:
    """Group of the optimiser that a parameter belongs to, by its name and shape (norms and biases are vectors)."""
    if "multi_modal_projector" in name:
        return "projector"
    if "vision_tower" in name:
        return "encoder" if p.ndim > 1 else "encoder norms"
    return "rest"


def steps_of(conversations: Sequence[Conversation], stage: Stage, seed: int) -> list[list[list[list[int]]]]:
    """Every optimiser step of a stage: its micro-batches, each a list of rows of indices into `conversations`."""
    seeds = [seed * 1000 + epoch for epoch in range(stage.epochs)]
    if stage.global_batch_size:
        return [step for own in seeds
                for step in batches.steps(conversations, stage.max_seq_len, stage.micro_batch_size, stage.packed,
                                                                stage.global_batch_size, own)]
    order = [batch for own in seeds
             for batch in batches.plan(conversations, stage.max_seq_len, stage.micro_batch_size, stage.packed, own)]
    return [order[i:i + stage.grad_accum_steps] for i in range(0, len(order), stage.grad_accum_steps)]


def optimise(model, optimizer, micro: list[batches.Batch], features: Features) -> tuple[float, int]:
    """Make one optimiser step over this process's micro batches; each label token has the same weight.

    Returns the mean loss and the number of labels, of all processes.
    """
    plain, total = llava.plain(model), 0.0
    labels = int(distributed.added_up(sum(int((b.labels[:, 1:] != -100).sum()) for b in micro)))
    for batch in micro:
        with computing(plain):
            loss, _ = loss_sum(plain, to_device(batch, plain.device), features[batch.images] if batch.images else None)
        (loss / labels).backward()
        total += loss.item()
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    distributed.add_up_gradients(trained)
    torch.nn.utils.clip_grad_norm_(trained, CLIP)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return distributed.added_up(total) / labels, labels


def check_lengths(model, conversations: Sequence[Conversation]) -> None:
    """Check lengths. Raises ConversationError naming a conversation longer than the model's positions."""
    longest, positions = max(conversations, key=lambda c: len(c.ids)), model.config.text_config.max_position_embeddings
    if len(longest.ids) > positions:
        raise ConversationError(f"sample {longest.sample_id} has {len(longest.ids)} tokens, the language model has "
                                f"positions for {positions}: lower base.text_image_size or raise ocr.min_font_px")


def run(model, pad: int, conversations: Sequence[Conversation], features: Features, stage: Stage, seed: int,
        folder: Path, key: str, say=print) -> list[dict]:
    """Train a stage, resuming from its checkpoint where there is one. Returns a log row for each optimiser step.

    Every process of a stage calls this function; the first process prints the progress and writes.
    """
    check_lengths(llava.plain(model), conversations)
    torch.manual_seed(seed + 1_000_003 * distributed.state().process_index)  # seed of each process's dropout
    optimizer, plan = optimizer_of(model, stage), steps_of(conversations, stage, seed)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, len(plan)))
    path = checkpoint.path_of(folder, key)
    done, log = checkpoint.restore(path, key, llava.trainable(model), optimizer, schedule)
    if done:
        say(f"resumed at step {done}/{len(plan)} from {path.name}")
    model.train()
    start, said = time.monotonic(), time.monotonic()
    for step, indices in islice(enumerate(plan, 1), done, None):
        micro = [batches.collate([[conversations[i] for i in row] for row in rows], pad)
                 for rows in distributed.share(indices)]
        loss, labels = optimise(model, optimizer, micro, features)
        schedule.step()
        log.append([loss, labels])
        if step % stage.checkpoint_every == 0 and step < len(plan):
            checkpoint.store(path, key, step, llava.trainable(model), optimizer, log)
        if time.monotonic() - said > 10 or step == len(plan):
            said, left = time.monotonic(), (time.monotonic() - start) / (step - done) * (len(plan) - step)
            say(f"step {step}/{len(plan)} loss {loss:.3f}, {left:.0f} s left")
    distributed.state().wait_for_everyone()
    path.unlink(missing_ok=True)
    return [{"step": i, "loss": loss, "labels": int(labels)} for i, (loss, labels) in enumerate(log, 1)]
