"""A conversation as tokens: chat template, image placeholders, and which tokens are learned.

Only the assistant's answers (with the token that ends their turn) are trained on; system and user turns, the assistant
header and image tokens are masked. Where an answer begins is where the chat template, asked for a generation prompt,
ends: so the mask holds for any LLM with a template, and what is learned is what the LLM is later asked to go on with.

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
    """One sample as tokens. An image has as many placeholders as it has tokens."""

    sample_id: str
    ids: np.ndarray  # (tokens,)
    label_mask: np.ndarray  # (tokens,) of bool: the tokens to learn
    images: list[str]  # image ids in the order of their placeholders


def messages(turns: list[dict], n_images: int, after_images: str = "") -> list[dict]:
    """Turns as chat messages: placeholders where user turns hold them, else all at the start of the first user turn.

    `after_images` stands between the latter and the text (official code: a line break for all LLMs but Gemma and Aya).
    """
    chat = [{"role": turn["role"], "content": turn["text"]} for turn in turns]
    if n_images == 0 or any(IMAGE in turn["content"] for turn in chat if turn["role"] == "user"):
        return chat
    first = IMAGE * n_images + after_images + chat[0]["content"]
    return [{"role": "user", "content": first}, *chat[1:]]


def end_of_turn(tokenizer) -> str:
    """The token with which a tokenizer's chat template ends an answer. Raises ConversationError where there is none."""
    if not tokenizer.chat_template:
        raise ConversationError(f"{tokenizer.name_or_path} has no chat template: name an instruction-tuned language "
                                "model, or add chat_template.jinja to its folder")
    chat = messages([{"role": "user", "text": "Q"}, {"role": "assistant", "text": "A"}], 0)
    before, whole = rendered(tokenizer, chat[:1], prompt=True), rendered(tokenizer, chat)
    rest = tokenizer(whole[len(before) + 1:], add_special_tokens=False)["input_ids"]
    if not whole.startswith(before + "A") or not rest or rest[0] not in tokenizer.added_tokens_decoder:
        raise ConversationError(f"the chat template of {tokenizer.name_or_path} does not put an answer and a special "
                                "token after its generation prompt: what is learned cannot be told from it")
    return tokenizer.convert_ids_to_tokens(rest[0])


def rendered(tokenizer, chat: list[dict], prompt: bool = False) -> str:
    """A chat as the tokenizer's template writes it, with the assistant's header after it where asked for."""
    return tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt)


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
    for (name, images, _), (ids, label_mask) in zip(samples, coded, strict=True):
        sample = checked(Conversation(name, ids, label_mask, list(images)), image_token)
        repeats = expand(ids, image_token, tokens_of(sample.images))
        found.append(sample._replace(ids=np.repeat(ids, repeats).astype(np.int32),
                                     label_mask=np.repeat(label_mask, repeats)))
    return found


def _coded(tokenizer, samples: list[tuple[str, list[str], list[dict]]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tokens and label mask of each sample, images as one placeholder each: (tokens,) twice."""
    if not samples:
        return []
    special, between = special_tokens(tokenizer), after_images(tokenizer)
    chats = [messages(plain(name, turns, special), len(images), between) for name, images, turns in samples]
    texts = [rendered(tokenizer, chat) for chat in chats]
    coded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    return [_marked(np.array(ids, int), np.array(offsets, int).reshape(-1, 2), _answers(tokenizer, name, chat, text))
            for (name, _, _), chat, text, ids, offsets in
            zip(samples, chats, texts, coded["input_ids"], coded["offset_mapping"], strict=True)]


def after_images(tokenizer) -> str:
    """What stands between images and the first question, kept among the tokenizer's own settings."""
    return tokenizer.init_kwargs.get("after_images", "")


def plain(name: str, turns: list[dict], special: set[str]) -> list[dict]:
    """The turns themselves. Raises ConversationError for text that would be read as a special token of the LLM."""
    starts = {token[0] for token in special}
    for turn in turns:
        suspected = special if starts & set(turn["text"]) else ()
        found = [t for t in suspected if t in turn["text"] and not (t == IMAGE and turn["role"] == "user")]
        if found:
            raise ConversationError(f"sample {name}: the text of a turn must not hold {found[0]}, which is a special "
                                    "token")
    return turns


def special_tokens(tokenizer) -> set[str]:
    """Tokens that text must not spell out."""
    return {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}


def _answers(tokenizer, name: str, chat: list[dict], text: str) -> list[tuple[int, int]]:
    """Where the answers of a chat stand in its text, from the end of the header to that of the turn: (first, after
    last).
    """
    found, end = [], tokenizer.eos_token
    for turn in [i for i, message in enumerate(chat) if message["role"] == "assistant"]:
        before = rendered(tokenizer, chat[:turn], prompt=True)
        if not text.startswith(before):
            raise ConversationError(f"sample {name}: the chat template writes turn {turn} otherwise than it asks for "
                                    "it")
        found.append((len(before), text.index(end, len(before)) + len(end)))
    return found


def _marked(ids: np.ndarray, offsets: np.ndarray, answers: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens up to the last that is learned, and which are. `offsets`: (tokens, 2), where each stands in the text."""
    label_mask = np.zeros(len(ids), bool)
    for first, after in answers:
        label_mask |= (offsets[:, 0] >= first) & (offsets[:, 0] < after)
    # templates may write more at the end
    size = int(np.flatnonzero(label_mask)[-1]) + 1 if label_mask.any() else len(ids)
    return ids[:size], label_mask[:size]


def _replaced(coded: list, spell: list[bool], pieces: list) -> list:
    """The samples as they are, but with the answers of those that are spelled taken from `pieces`."""
    smaller = iter(pieces)
    return [_merged(*own, *next(smaller)) if small else own for own, small in zip(coded, spell, strict=True)]


def _merged(ids: np.ndarray, label_mask: np.ndarray, small_ids: np.ndarray, small_mask: np.ndarray):
    """Questions of one coding of a conversation and answers of the other, turn by turn."""
    whole, small = (np.split(part, np.flatnonzero(np.diff(marks)) + 1)
                    for part, marks in ((ids, label_mask), (small_ids, small_mask)))
    answers = [bool(label_mask[0]) ^ bool(i % 2) for i in range(len(whole))]  # whether each stretch is an answer
    turns = [b if answer else a for a, b, answer in zip(whole, small, answers, strict=True)]
    return np.concatenate(turns), np.repeat(answers, [len(turn) for turn in turns])


@contextmanager
def spelling(tokenizer):
    """Within the block, the tokenizer cuts text into its smallest pieces. Raises ConversationError where it cannot."""
    model = tokenizer.backend_tokenizer.model
    if not hasattr(model, "dropout"):
        raise ConversationError(f"{type(model).__name__} tokenizers have no dropout to spell with: "
                                "set spell_answers: false")
    before, model.dropout = model.dropout, 1.0
    try:
        yield
    finally:
        model.dropout = before


def checked(sample: Conversation, image_token: int) -> Conversation:
    """The conversation itself. Raises ConversationError if nothing is learned, or placeholders and images disagree."""
    placeholders = int((sample.ids == image_token).sum())
    if not sample.label_mask.any():
        raise ConversationError(f"sample {sample.sample_id} has no token to learn: it has no assistant turn")
    if placeholders != len(sample.images):
        raise ConversationError(f"sample {sample.sample_id} has {placeholders} image placeholders, but "
                                f"{len(sample.images)} images: its text holds {IMAGE} once for each, or not at all")
    return sample


def fitting(conversations: list[Conversation], image_token: int, max_text_tokens: int,
            max_seq_len: int) -> list[Conversation]:
    """Conversations that are not too long: in text, an image counted as one token, and with all of an image's tokens.

    None is cut, for half an image shows nothing of the other half.
    """
    return [c for c in conversations if len(c.ids) <= max_seq_len
            and int((c.ids != image_token).sum()) + len(c.images) <= max_text_tokens]


def prompt(tokenizer, text: str, counts: list[int]) -> np.ndarray:
    """Tokens of a question with the assistant's header after it: (tokens,). `counts`: tokens of each of its images.

    A question of a test set may mark itself where each image stands. Raises ConversationError for other marks than
    images.
    """
    marks = text.count(IMAGE)
    if marks not in (0, len(counts)):
        raise ConversationError(f"a question marks {marks} images, but has {len(counts)}: {text[:80]!r}")
    chat = messages([{"role": "user", "text": text}], len(counts), after_images(tokenizer))
    ids = tokenizer(rendered(tokenizer, chat, prompt=True), add_special_tokens=False)["input_ids"]
    return np.repeat(ids, expand(np.asarray(ids), tokenizer.convert_tokens_to_ids(IMAGE), counts))
