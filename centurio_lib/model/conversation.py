"""A conversation as tokens: chat template, image placeholders, and which tokens are learned.

Only the assistant's answers (with their end token) are trained on; system and user turns, the assistant header and image
tokens are masked. The mask comes from the chat template's own generation blocks, so it holds for any LLM whose template
has them.
"""

from typing import NamedTuple

import numpy as np

IMAGE = "<image>"


class ConversationError(ValueError):
    """A sample cannot be trained on; the message names it and says why."""


class Conversation(NamedTuple):
    """One sample as tokens. `learned` marks the label tokens; each image stands for `tokens_per_image` placeholder tokens."""

    sample_id: str
    ids: np.ndarray  # (tokens,)
    learned: np.ndarray  # (tokens,) of bool
    images: list[str]  # image ids in the order of their placeholders


def messages(turns: list[dict], n_images: int) -> list[dict]:
    """Turns as chat messages, one placeholder for each image at the start of the first user turn (paper, section 3)."""
    chat = [{"role": turn["role"], "content": turn["text"]} for turn in turns]
    return [{"role": "user", "content": IMAGE * n_images + chat[0]["content"]}, *chat[1:]]


def expand(ids: list[int], marks: list[int], image_token: int, tokens_per_image: int) -> tuple[np.ndarray, np.ndarray]:
    """Repeat each image placeholder `tokens_per_image` times; two arrays (tokens,)."""
    repeats = np.where(np.asarray(ids) == image_token, tokens_per_image, 1)
    return np.repeat(np.asarray(ids), repeats), np.repeat(np.asarray(marks, dtype=bool), repeats)


def tokenize(tokenizer, samples: list[tuple[str, list[str], list[dict]]], tokens_per_image: int) -> list[Conversation]:
    """Conversations of samples (sample_id, image ids, turns). Raises ConversationError for one that has no label."""
    chats = [messages(turns, len(images)) for _, images, turns in samples]
    coded = tokenizer.apply_chat_template(chats, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    image_token = tokenizer.convert_tokens_to_ids(IMAGE)
    found = []
    for (name, images, _), ids, marks in zip(samples, coded["input_ids"], coded["assistant_masks"], strict=True):
        ids, learned = expand(ids, marks, image_token, tokens_per_image)
        found.append(checked(Conversation(name, ids, learned, list(images)), image_token, tokens_per_image))
    return found


def checked(sample: Conversation, image_token: int, tokens_per_image: int) -> Conversation:
    """The conversation itself. Raises ConversationError if nothing is learned, or placeholders and images disagree."""
    placeholders = int((sample.ids == image_token).sum())
    if not sample.learned.any():
        raise ConversationError(f"sample {sample.sample_id} has no token to learn: it has no assistant turn")
    if placeholders != len(sample.images) * tokens_per_image:
        raise ConversationError(f"sample {sample.sample_id} has {placeholders} image tokens, but {len(sample.images)} images "
                                f"of {tokens_per_image} tokens each: its text must not hold {IMAGE}")
    return sample


def prompt(tokenizer, text: str, n_images: int, tokens_per_image: int) -> np.ndarray:
    """Tokens of a question with the assistant's header after it: (tokens,)."""
    chat = messages([{"role": "user", "text": text}], n_images)
    ids = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, add_generation_prompt=True)["input_ids"]
    return expand(ids, [0] * len(ids), tokenizer.convert_tokens_to_ids(IMAGE), tokens_per_image)[0]
