"""Greedy decoding in batches of prompts of similar length.

A row leaves its batch when its answer ends. The answer to a closed question is one of its options (options.py).
"""

import time

import numpy as np
import torch
from transformers import DynamicCache

from centurio_lib.data import length_batches
from centurio_lib.model import options as closed_questions
from centurio_lib.model.forward import computing, embed
from centurio_lib.model.image_features import Features
from centurio_lib.model.options import penalised


@torch.no_grad()
def answers(llava, tokenizer, prompts: list[np.ndarray], images: list[list[str]], features: Features,
            max_new_tokens: list[int],
            batch: int, options: list[list[str]] | None = None, spelled: list[bool] | None = None,
            say=None, penalties: list[float] | None = None, max_batch_tokens: int | None = None) -> list[str]:
    """Answer each prompt, in order; an answer does not depend on the other prompts of its batch.

    `prompts`: token arrays with expanded image placeholders; `images`: the image ids of each; `max_new_tokens` and
    `penalties` of each; a penalty divides the score of tokens that prompt or answer hold already (None: 1, no penalty).
    `options`: the allowed answers of each prompt (empty: any), which may be longer than `max_new_tokens`. With options,
    each token is the likeliest that continues one of them; `spelled` marks prompts whose options are in the tokenizer's
    smallest pieces, as in training.
    `batch`: most prompts; `max_batch_tokens`: most tokens, padding and answers included (None: any number).
    """
    texts: list[str] = [""] * len(prompts)
    told, done = time.monotonic(), 0
    options, spelled = options or [[]] * len(prompts), spelled or [False] * len(prompts)
    penalties = penalties or [1.0] * len(prompts)
    trees = [closed_questions.tree(closed_questions.coded(tokenizer, among, small)) if among else None
             for among, small in zip(options, spelled, strict=True)]
    room = [len(tree.paths) if tree else most for tree, most in zip(trees, max_new_tokens, strict=True)]
    kinds = [(0 if tree else most, bool(tree), penalty)
             for tree, most, penalty in zip(trees, max_new_tokens, penalties, strict=True)]
    for places in batches([len(prompt) for prompt in prompts], kinds, batch, max_batch_tokens, room):
        first = places[0]
        asked = [prompts[i] for i in places], [images[i] for i in places]
        if trees[first]:
            answered = closed_questions.answers(llava, tokenizer, *asked, features, [trees[i] for i in places],
                                                penalties[first])
        else:
            answered = _open(llava, tokenizer, *asked, features, max_new_tokens[first], penalties[first])
        for i, text in zip(places, answered, strict=True):
            texts[i] = text
        done += len(places)
        if say and time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"{done}/{len(prompts)} answers")
    return texts


def batches(lengths: list[int], kinds: list[tuple], batch: int, max_tokens: int | None = None,
            room: list[int] | None = None) -> list[list[int]]:
    """Indices of the prompts of each batch: of one kind and of similar length, the shortest first.

    `lengths`: tokens of each prompt. `kinds`: most new tokens (the longest would decide for all), whether the question
    is closed, penalty. `max_tokens`: most tokens of a batch, padding and answers included. `room`: tokens after each
    prompt (None: the most new tokens of its kind).
    """
    room = [kind[0] for kind in kinds] if room is None else room
    order = sorted(range(len(lengths)), key=lambda i: (kinds[i], lengths[i]))
    whole = [length + after for length, after in zip(lengths, room, strict=True)]
    return length_batches.batches(order, whole, max_tokens, batch, kinds)


def padded(prompts: list[np.ndarray], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts padded on the left, (prompts, tokens), and a mask of 1 where a token is the prompt's."""
    length = max(len(p) for p in prompts)
    ids = np.full((len(prompts), length), pad)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt):] = prompt
    mask = np.arange(length) >= length - np.array([[len(p)] for p in prompts])
    return torch.from_numpy(ids), torch.from_numpy(mask).long()


def _open(llava, tokenizer, prompts, images, features, max_new_tokens, penalty) -> list[str]:
    ids, mask = (part.to(llava.device) for part in padded(prompts, tokenizer.pad_token_id))
    shown = [i for row in images for i in row]
    with computing(llava):
        embedded = embed(llava, ids, features[shown] if shown else None)  # (prompts, tokens, d_lm)
        written = greedy(llava, embedded, mask, max_new_tokens, tokenizer.eos_token_id, penalty,
                         filled(prompts, llava.device))
    return [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)]


def filled(prompts: list[np.ndarray], device) -> torch.Tensor:
    """Tokens of each prompt, (prompts, tokens); its first one stands in the place of padding, which nobody wrote.

    A penalty holds for these, as where transformers' `generate` is given `input_ids`, and so in the paper's code.
    """
    length = max(len(p) for p in prompts)
    return torch.stack([torch.from_numpy(np.pad(p, (length - len(p), 0), "edge")) for p in prompts]).to(device)


def greedy(llava, embedded: torch.Tensor, mask: torch.Tensor, max_new_tokens: int, end: int,
           penalty: float = 1.0, written: torch.Tensor | None = None) -> list[list[int]]:
    """Tokens of the likeliest continuation of each row, up to its end token (left out), at least one.

    `embedded`: (rows, tokens, d_lm), `mask`: (rows, tokens) of 0 and 1; `written`: tokens that the penalty holds for
    besides those of the answer (rows, any number). Rows that have ended leave the batch.
    """
    cache, answered = DynamicCache(config=llava.config.text_config), [[] for _ in embedded]
    live = torch.arange(len(embedded), device=mask.device)
    written = mask.new_empty((len(embedded), 0)) if written is None else written
    positions = (mask.cumsum(1) - 1).clamp(min=0)  # (rows, tokens)
    for step in range(max_new_tokens):
        states = llava.model.language_model(inputs_embeds=embedded, attention_mask=mask, position_ids=positions,
                                            past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
        scores = penalised(written, llava.lm_head(states).float(), penalty)  # (rows, vocabulary)
        if step == 0:  # the paper's min_new_tokens: 1
            scores[:, end] = -torch.inf
        tokens = scores.argmax(-1)  # (rows,)
        going = tokens != end
        for row, token in zip(live[going].tolist(), tokens[going].tolist(), strict=True):
            answered[row].append(token)
        if step + 1 == max_new_tokens or not going.any():
            break
        if not going.all():
            cache.batch_select_indices(going)
            live, mask, positions, written, tokens = (
                part[going] for part in (live, mask, positions, written, tokens))
        written, mask = (torch.cat([part, new], 1) for part, new in
                         ((written, tokens[:, None]), (mask, torch.ones_like(tokens)[:, None])))
        positions, embedded = positions[:, -1:] + 1, llava.get_input_embeddings()(tokens)[:, None]
    return answered
