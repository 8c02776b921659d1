"""A conversation as tokens: chat template, image placeholders, and which tokens are learned.

Only the assistant's answers (with their end token) are trained on; system and user turns, the assistant header and image
tokens are masked. The mask comes from the chat template's own generation blocks, so it holds for any LLM whose template
has them.

A small decoder does not know how its tokens are spelled, which is what reading asks of it. So answers that are read may
be given in the tokenizer's smallest pieces: by BPE dropout (Provilkov et al. 2020, arXiv 1910.13267) of 1.
"""

from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from centurio_lib.data.prompts import IMAGE


class ConversationError(ValueError):
    """A sample cannot be trained on; the message names it and says why."""


class Conversation(NamedTuple):
    """One sample as tokens. `learned` marks the label tokens; an image has as many placeholders as it has tokens."""

    sample_id: str
    ids: np.ndarray  # (tokens,)
    learned: np.ndarray  # (tokens,) of bool
    images: list[str]  # image ids in the order of their placeholders


def messages(turns: list[dict], n_images: int) -> list[dict]:
    """Turns as chat messages, one placeholder for each image at the start of the first user turn (paper, section 3)."""
    chat = [{"role": turn["role"], "content": turn["text"]} for turn in turns]
    return [{"role": "user", "content": IMAGE * n_images + chat[0]["content"]}, *chat[1:]]


def expand(ids: np.ndarray, image_token: int, counts: list[int]) -> np.ndarray:
    """How often each token stands in the sequence: an image placeholder as often as its image has tokens. (tokens,)"""
    repeats = np.ones(len(ids), int)
    repeats[ids == image_token] = counts
    return repeats


def tokenize(tokenizer, samples: list[tuple[str, list[str], list[dict]]], tokens_of: Callable[[list[str]], list[int]],
             spelled: list[bool] | None = None) -> list[Conversation]:
    """Conversations of samples (sample_id, image ids, turns). Raises ConversationError for one that has no label.

    `tokens_of` gives the number of tokens of some images; `spelled` tells whose answers are in the smallest pieces.
    """
    spell = spelled or [False] * len(samples)
    coded = _coded(tokenizer, samples)
    if any(spell):
        with spelling(tokenizer):
            pieces = _coded(tokenizer, [sample for sample, small in zip(samples, spell, strict=True) if small])
        coded = _replaced(coded, spell, pieces)
    image_token, found = tokenizer.convert_tokens_to_ids(IMAGE), []
    for (name, images, _), (ids, learned) in zip(samples, coded, strict=True):
        sample = checked(Conversation(name, ids, learned, list(images)), image_token)
        repeats = expand(ids, image_token, tokens_of(sample.images))
        found.append(sample._replace(ids=np.repeat(ids, repeats), learned=np.repeat(learned, repeats)))
    return found


def _coded(tokenizer, samples: list[tuple[str, list[str], list[dict]]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tokens and label mask of each sample, images as one placeholder each: (tokens,) twice."""
    chats = [messages(turns, len(images)) for _, images, turns in samples]
    coded = tokenizer.apply_chat_template(chats, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    return [(np.asarray(ids), np.asarray(marks, dtype=bool))
            for ids, marks in zip(coded["input_ids"], coded["assistant_masks"], strict=True)]


def _replaced(coded: list, spell: list[bool], pieces: list) -> list:
    """The samples as they are, but with the answers of those that are spelled taken from `pieces`."""
    smaller = iter(pieces)
    return [_merged(*own, *next(smaller)) if small else own for own, small in zip(coded, spell, strict=True)]


def _merged(ids: np.ndarray, learned: np.ndarray, small_ids: np.ndarray, small_learned: np.ndarray):
    """Questions of one coding of a conversation and answers of the other, turn by turn."""
    whole, small = (np.split(part, np.flatnonzero(np.diff(marks)) + 1)
                    for part, marks in ((ids, learned), (small_ids, small_learned)))
    answers = [bool(learned[0]) ^ bool(i % 2) for i in range(len(whole))]  # whether each stretch is an answer
    turns = [b if answer else a for a, b, answer in zip(whole, small, answers, strict=True)]
    return np.concatenate(turns), np.repeat(answers, [len(turn) for turn in turns])


@contextmanager
def spelling(tokenizer):
    """Within the block, the tokenizer cuts text into its smallest pieces. Raises ConversationError where it cannot."""
    model = tokenizer.backend_tokenizer.model
    if not hasattr(model, "dropout"):
        raise ConversationError(f"{type(model).__name__} tokenizers have no dropout to spell with: set spelled: false")
    before, model.dropout = model.dropout, 1.0
    try:
        yield
    finally:
        model.dropout = before


def checked(sample: Conversation, image_token: int) -> Conversation:
    """The conversation itself. Raises ConversationError if nothing is learned, or placeholders and images disagree."""
    placeholders = int((sample.ids == image_token).sum())
    if not sample.learned.any():
        raise ConversationError(f"sample {sample.sample_id} has no token to learn: it has no assistant turn")
    if placeholders != len(sample.images):
        raise ConversationError(f"sample {sample.sample_id} has {placeholders} image placeholders, but "
                                f"{len(sample.images)} images: its text must not hold {IMAGE}")
    return sample


def prompt(tokenizer, text: str, counts: list[int]) -> np.ndarray:
    """Tokens of a question with the assistant's header after it: (tokens,). `counts`: tokens of each of its images.

    A question of a test set may mark itself where each image stands. Raises ConversationError for other marks than images.
    """
    marks = text.count(IMAGE)
    if marks not in (0, len(counts)):
        raise ConversationError(f"a question marks {marks} images, but has {len(counts)}: {text[:80]!r}")
    chat = messages([{"role": "user", "text": text}], 0 if marks else len(counts))
    ids = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, add_generation_prompt=True)["input_ids"]
    return np.repeat(ids, expand(np.asarray(ids), tokenizer.convert_tokens_to_ids(IMAGE), counts))
