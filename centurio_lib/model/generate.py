"""Greedy decoding in left-padded batches of prompts of similar length.

The answer to a closed question is one of its options.
"""

import time
from contextlib import nullcontext

import numpy as np
import torch

from centurio_lib.data import length_batches
from centurio_lib.model.conversation import spelling
from centurio_lib.model.forward import computing, embed
from centurio_lib.model.image_features import Features


@torch.no_grad()
def answers(llava, tokenizer, prompts: list[np.ndarray], images: list[list[str]], features: Features,
            max_new_tokens: list[int],
            batch: int, options: list[list[str]] | None = None, spelled: list[bool] | None = None,
            say=None, penalties: list[float] | None = None, max_batch_tokens: int | None = None) -> list[str]:
    """Answer each prompt, in order; an answer does not depend on the other prompts of its batch.

    `prompts`: token arrays with expanded image placeholders; `images`: the image ids of each; `max_new_tokens` and
    `penalties` of each; a penalty divides the score of tokens that the answer holds already (None: 1, no penalty).
    `options`: the allowed answers of each prompt (empty: any). With options, each token is the likeliest that continues
    one of them; `spelled` marks prompts whose options are in the tokenizer's smallest pieces, as in training.
    `batch`: most prompts; `max_batch_tokens`: most tokens, padding and answers included (None: any number).
    """
    texts: list[str] = [""] * len(prompts)
    told, done = time.monotonic(), 0
    options, spelled = options or [[]] * len(prompts), spelled or [False] * len(prompts)
    penalties = penalties or [1.0] * len(prompts)
    kinds = [(n, bool(closed), penalty) for n, closed, penalty in zip(max_new_tokens, options, penalties, strict=True)]
    for places in batches([len(prompt) for prompt in prompts], kinds, batch, max_batch_tokens):
        first = places[0]
        allowed = None
        if options[first]:
            allowed = among(tokenizer, [options[i] for i in places], [spelled[i] for i in places])
        answered = _batch(llava, tokenizer, [prompts[i] for i in places], [images[i] for i in places], features,
                          max_new_tokens[first], allowed, penalties[first])
        for i, text in zip(places, answered, strict=True):
            texts[i] = text
        done += len(places)
        if say and time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"{done}/{len(prompts)} answers")
    return texts


def batches(lengths: list[int], kinds: list[tuple], batch: int, max_tokens: int | None = None) -> list[list[int]]:
    """Indices of the prompts of each batch: of one kind and of similar length, the shortest first.

    `lengths`: tokens of each prompt. `kinds`: most new tokens (the longest would decide for all), whether the question
    is closed, penalty. `max_tokens`: most tokens of a batch, padding and answers included.
    """
    order = sorted(range(len(lengths)), key=lambda i: (kinds[i], lengths[i]))
    whole = [length + kind[0] for length, kind in zip(lengths, kinds, strict=True)]
    return length_batches.batches(order, whole, max_tokens, batch, kinds)


def among(tokenizer, options: list[list[str]], spelled: list[bool]):
    """Function for transformers' `prefix_allowed_tokens_fn`: tokens that continue an option of a row."""
    end = tokenizer.eos_token_id
    coded = []
    for choices, small in zip(options, spelled, strict=True):
        with spelling(tokenizer) if small else nullcontext():
            coded.append([(*tokenizer(text, add_special_tokens=False)["input_ids"], end) for text in choices])

    def allowed(row: int, written: torch.Tensor) -> list[int]:
        given = tuple(written.tolist())
        return sorted({ids[len(given)] for ids in coded[row] if len(ids) > len(given)
                       and ids[:len(given)] == given}) or [end]

    return allowed


def _batch(llava, tokenizer, prompts, images, features, max_new_tokens, allowed, penalty) -> list[str]:
    length = max(len(p) for p in prompts)
    ids = np.full((len(prompts), length), tokenizer.pad_token_id)  # (prompts, tokens), padded on the left
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt):] = prompt
    ids = torch.from_numpy(ids).to(llava.device)
    mask = torch.from_numpy(np.arange(length) >= length - np.array([[len(p)] for p in prompts])).to(llava.device)
    shown = [i for row in images for i in row]
    with computing(llava):
        embedded = embed(llava, ids, features[shown] if shown else None)  # (prompts, tokens, d_lm)
        generated = llava.generate(inputs_embeds=embedded, attention_mask=mask.long(), max_new_tokens=max_new_tokens,
                              do_sample=False,
                              pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
                              prefix_allowed_tokens_fn=allowed, repetition_penalty=penalty)
    return [text.strip() for text in tokenizer.batch_decode(generated, skip_special_tokens=True)]
