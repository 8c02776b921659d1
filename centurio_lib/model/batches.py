"""Batches of conversations: packed into rows, or padded with one conversation a row.

Packed conversations share a row, each with positions from 0. A block-diagonal mask separates them, so that the logits
are those of each conversation alone (tested).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from centurio_lib.data import length_batches
from centurio_lib.model.conversation import Conversation, ConversationError


class Batch(NamedTuple):
    """Inputs of one forward pass. `images` lists image ids in the order of their placeholders over the rows."""

    ids: torch.Tensor  # (rows, tokens)
    labels: torch.Tensor  # (rows, tokens), -100 where not learned
    positions: torch.Tensor  # (rows, tokens), from 0 in each conversation
    mask: torch.Tensor  # (rows, 1, tokens, tokens) of bool: the attention mask
    images: list[str]


def pack(lengths: list[int], max_seq_len: int) -> list[list[int]]:
    """Indices of conversations for each row, packed by first fit decreasing length.

    Raises ConversationError for a conversation longer than a row.
    """
    rows: list[list[int]] = []
    free: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if lengths[i] > max_seq_len:
            raise ConversationError(f"a conversation of {lengths[i]} tokens does not fit a row of {max_seq_len}: raise "
                                    "max_seq_len")
        row = next((r for r in range(len(rows)) if free[r] >= lengths[i]), None)
        if row is None:
            rows, free, row = [*rows, []], [*free, max_seq_len], len(rows)
        rows[row].append(i)
        free[row] -= lengths[i]
    return rows


def collate(rows: list[list[Conversation]], pad: int) -> Batch:
    """A batch of rows of one or more conversations each, padded on the right."""
    length = max(sum(len(c.ids) for c in row) for row in rows)
    ids = np.full((len(rows), length), pad)  # (rows, tokens)
    labels = np.full((len(rows), length), -100)
    positions, owner = np.zeros((len(rows), length), int), np.full((len(rows), length), -1)
    for r, row in enumerate(rows):
        at = 0
        for number, sample in enumerate(row):
            span = slice(at, at + len(sample.ids))
            ids[r, span], positions[r, span], owner[r, span] = sample.ids, np.arange(len(sample.ids)), number
            labels[r, span] = np.where(sample.label_mask, sample.ids, -100)
            at += len(sample.ids)
    return Batch(torch.from_numpy(ids), torch.from_numpy(labels), torch.from_numpy(positions),
                 block_mask(torch.from_numpy(owner)),
                 [image for row in rows for sample in row for image in sample.images])


def block_mask(owner: torch.Tensor) -> torch.Tensor:
    """Causal mask within each conversation. `owner`: (rows, tokens) number of the conversation, -1 for padding.

    Returns (rows, 1, tokens, tokens) of bool; padding sees itself, so that no row of the mask is empty.
    """
    tokens = owner.shape[1]
    same = owner[:, :, None] == owner[:, None, :]  # (rows, tokens, tokens)
    return (same & torch.ones(tokens, tokens, dtype=torch.bool).tril())[:, None]


def plan(conversations: Sequence[Conversation], max_seq_len: int, micro_batch_size: int, packed: bool,
         seed: int) -> list[list[list[int]]]:
    """Order of one epoch: batches of rows of indices into `conversations`, shuffled by seed.

    Packed rows hold up to `max_seq_len`; unpacked batches hold conversations of like length (length grouping), as many
    as fit into micro_batch_size * max_seq_len tokens with padding.
    """
    random = np.random.default_rng(seed)
    lengths = [len(c.ids) for c in conversations]
    if packed:
        shuffled = random.permutation(len(lengths)).tolist()
        # rows are filled within chunks of the shuffled order, so that a row mixes lengths by chance
        chunks = [shuffled[i:i + 64 * micro_batch_size] for i in range(0, len(shuffled), 64 * micro_batch_size)]
        filled = [[chunk[i] for i in row] for chunk in chunks for row in pack([lengths[i] for i in chunk], max_seq_len)]
        order = [filled[i] for i in random.permutation(len(filled))]
        return [order[i:i + micro_batch_size] for i in range(0, len(order), micro_batch_size)]
    batches = grouped(lengths, micro_batch_size * max_seq_len, random)
    return [batches[i] for i in random.permutation(len(batches))]


def steps(conversations: Sequence[Conversation], max_seq_len: int, micro_batch_size: int, packed: bool, size: int,
          seed: int) -> list[list[list[list[int]]]]:
    """Order of one epoch in optimiser steps of `size` conversations of any length, as in the paper.

    Each step is a list of batches as `plan` makes them, of its own conversations.
    """
    shuffled = np.random.default_rng(seed).permutation(len(conversations)).tolist()
    chunks = [shuffled[i:i + size] for i in range(0, len(shuffled), size)]
    planned = [plan([conversations[i] for i in chunk], max_seq_len, micro_batch_size, packed, seed) for chunk in chunks]
    return [[[[chunk[i] for i in row] for row in batch] for batch in step]
            for chunk, step in zip(chunks, planned, strict=True)]


def grouped(lengths: list[int], max_tokens: int, random: np.random.Generator) -> list[list[list[int]]]:
    """Batches of single-conversation rows of like length, each at most `max_tokens` with padding."""
    noise = random.random(len(lengths))
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], noise[i]))
    return [[[i] for i in batch] for batch in length_batches.batches(order, lengths, max_tokens)]
