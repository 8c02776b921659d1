"""A conversation as tokens: chat template, image placeholders and label mask.

Only the assistant's answers (with the token that ends their turn) are trained on; system and user turns, the assistant
header and image tokens are masked. An answer begins where the chat template's generation prompt ends. So the label mask
holds for any LLM with a template, and training and decoding start at the same token.

A small decoder does not know the spelling of its tokens, but has to read. So answers that are read may be written in
the tokenizer's smallest pieces: by BPE dropout (Provilkov et al. 2020, arXiv 1910.13267) of 1.
"""

import re
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import numpy as np

from centurio_lib.data.prompts import IMAGE

NOW = re.compile(r"strftime_now\(\s*(['\"])(.*?)\1\s*\)")  # how a template asks for the day
DAY = datetime(2024, 7, 26)  # that templates are told: the one that Llama's falls back on


def on_one_day(template: str) -> str:
    """A chat template that writes `DAY` where it would write the day of today, so that prompts do not change."""
    return NOW.sub(lambda match: repr(DAY.strftime(match[2])), template)


class ConversationError(ValueError):
    """A sample cannot be trained on; the message names the sample and the reason."""


class Conversation(NamedTuple):
    """One sample as tokens; an image has one placeholder for each of its tokens."""

    sample_id: str
    ids: np.ndarray  # (tokens,)
    label_mask: np.ndarray  # (tokens,) of bool: tokens to learn
    images: list[str]  # image ids in the order of their placeholders


def messages(turns: list[dict], n_images: int, after_images: str = "") -> list[dict]:
    """Turns as chat messages; user turns mark their images, or the first turn starts with all images.

    `after_images` stands between these images and the text (official code: a line break for all LLMs but Gemma and
    Aya).
    """
    chat = [{"role": turn["role"], "content": turn["text"]} for turn in turns]
    if n_images == 0 or any(IMAGE in turn["content"] for turn in chat if turn["role"] == "user"):
        return chat
    first = IMAGE * n_images + after_images + chat[0]["content"]
    return [{"role": "user", "content": first}, *chat[1:]]


def end_of_turn(tokenizer) -> str:
    """The token that ends an answer in the chat template. Raises ConversationError without such a token."""
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
    """Text of a chat by the tokenizer's template; `prompt` adds the assistant's header at the end.

    Raises ConversationError where the template refuses the chat.
    """
    try:
        return tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt)
    except Exception as error:  # a template is a program of others, and may raise anything
        roles = " ".join(message["role"] for message in chat)
        raise ConversationError(f"the chat template of {tokenizer.name_or_path} refuses a chat of {roles} ({error}): "
                                "where it knows no system line, set base.system_prompt: null") from error


def expand(ids: np.ndarray, image_token: int, counts: list[int]) -> np.ndarray:
    """Repetitions of each token: a placeholder is repeated for each token of its image. (tokens,)"""
    repeats = np.ones(len(ids), int)
    repeats[ids == image_token] = counts
    return repeats


def tokenize(tokenizer, samples: list[tuple[str, list[str], list[dict]]], tokens_of: Callable[[list[str]], list[int]],
             spelled: list[bool] | None = None) -> list[Conversation]:
    """Tokenize samples (sample_id, image ids, turns). Raises ConversationError for a sample without labels.

    `tokens_of` gives the number of tokens of some images; `spelled` marks samples whose answers are in the smallest
    pieces.
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


def tokenize_good(tokenizer, samples: list[tuple[str, list[str], list[dict]]], tokens_of: Callable,
                  spelled: list[bool]) -> tuple[list[Conversation], list[str]]:
    """Tokenize samples as `tokenize`; returns the good ones, and the reason of each that cannot be trained on."""
    try:
        return tokenize(tokenizer, samples, tokens_of, spelled), []
    except ConversationError:
        good, reasons = [], []
    for sample, small in zip(samples, spelled, strict=True):
        try:
            good += tokenize(tokenizer, [sample], tokens_of, [small])
        except ConversationError as error:
            reasons.append(str(error))
    return good, reasons


def _coded(tokenizer, samples: list[tuple[str, list[str], list[dict]]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tokens and label mask of each sample, with one placeholder for each image: (tokens,) twice."""
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
    """Text between the images and the first question, stored in the tokenizer's settings."""
    return tokenizer.init_kwargs.get("after_images", "")


def plain(name: str, turns: list[dict], special: set[str]) -> list[dict]:
    """Check and return turns. Raises ConversationError for text that contains a special token of the LLM."""
    starts = {token[0] for token in special}
    for turn in turns:
        suspected = special if starts & set(turn["text"]) else ()
        found = [t for t in suspected if t in turn["text"] and not (t == IMAGE and turn["role"] == "user")]
        if found:
            raise ConversationError(f"sample {name}: the text of a turn must not hold {found[0]}, which is a special "
                                    "token")
    return turns


def special_tokens(tokenizer) -> set[str]:
    """Special tokens, which text must not contain."""
    return {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}


def _answers(tokenizer, name: str, chat: list[dict], text: str) -> list[tuple[int, int]]:
    """Places of answers in the text of a chat, from header to end of turn: (first, after last)."""
    found, end = [], tokenizer.eos_token
    for turn in [i for i, message in enumerate(chat) if message["role"] == "assistant"]:
        before = rendered(tokenizer, chat[:turn], prompt=True)
        if not text.startswith(before):
            raise ConversationError(f"sample {name}: the chat template writes turn {turn} otherwise than it asks for "
                                    "it")
        found.append((len(before), text.index(end, len(before)) + len(end)))
    return found


def _marked(ids: np.ndarray, offsets: np.ndarray, answers: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens up to the last label, and the label mask. `offsets`: (tokens, 2), places of the tokens in the text."""
    label_mask = np.zeros(len(ids), bool)
    for first, after in answers:
        label_mask |= (offsets[:, 0] >= first) & (offsets[:, 0] < after)
    # templates may write more at the end
    size = int(np.flatnonzero(label_mask)[-1]) + 1 if label_mask.any() else len(ids)
    return ids[:size], label_mask[:size]


def _replaced(coded: list, spell: list[bool], pieces: list) -> list:
    """Replace the answers of spelled samples by those of `pieces`."""
    smaller = iter(pieces)
    return [_merged(*own, *next(smaller)) if small else own for own, small in zip(coded, spell, strict=True)]


def _merged(ids: np.ndarray, label_mask: np.ndarray, small_ids: np.ndarray, small_mask: np.ndarray):
    """Join questions of one tokenization and answers of another, turn by turn."""
    whole, small = (np.split(part, np.flatnonzero(np.diff(marks)) + 1)
                    for part, marks in ((ids, label_mask), (small_ids, small_mask)))
    answers = [bool(label_mask[0]) ^ bool(i % 2) for i in range(len(whole))]  # whether each stretch is an answer
    turns = [b if answer else a for a, b, answer in zip(whole, small, answers, strict=True)]
    return np.concatenate(turns), np.repeat(answers, [len(turn) for turn in turns])


@contextmanager
def spelling(tokenizer):
    """Make the tokenizer use its smallest pieces within the block. Raises ConversationError where it cannot."""
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
    """Check and return a conversation. Raises ConversationError without labels or with wrong placeholders."""
    placeholders = int((sample.ids == image_token).sum())
    if not sample.label_mask.any():
        raise ConversationError(f"sample {sample.sample_id} has no token to learn: it has no assistant turn")
    if placeholders != len(sample.images):
        raise ConversationError(f"sample {sample.sample_id} has {placeholders} image placeholders, but "
                                f"{len(sample.images)} images: its text holds {IMAGE} once for each, or not at all")
    return sample


def fitting(conversations: list[Conversation], image_token: int, max_text_tokens: int,
            max_seq_len: int) -> list[Conversation]:
    """Conversations within both limits: of text tokens (an image counts as one), and of all tokens.

    Conversations are left out, not cut, since half an image shows nothing of the other half.
    """
    return [c for c in conversations if len(c.ids) <= max_seq_len
            and int((c.ids != image_token).sum()) + len(c.images) <= max_text_tokens]


def prompt(tokenizer, text: str, counts: list[int]) -> np.ndarray:
    """Tokens of a question and the assistant's header: (tokens,). `counts`: tokens of each image.

    A question of a test set may mark the place of each image. Raises ConversationError where marks and images differ.
    """
    marks = text.count(IMAGE)
    if marks not in (0, len(counts)):
        raise ConversationError(f"a question marks {marks} images, but has {len(counts)}: {text[:80]!r}")
    chat = messages([{"role": "user", "text": text}], len(counts), after_images(tokenizer))
    ids = tokenizer(rendered(tokenizer, chat, prompt=True), add_special_tokens=False)["input_ids"]
    return np.repeat(ids, expand(np.asarray(ids), tokenizer.convert_tokens_to_ids(IMAGE), counts))
