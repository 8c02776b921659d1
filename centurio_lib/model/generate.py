"""Greedy decoding in left-padded batches, prompts of like length together; closed questions answer with one of their
options.
"""

import time
from contextlib import nullcontext

import numpy as np
import torch

from centurio_lib.model.conversation import spelling
from centurio_lib.model.forward import computing, embed
from centurio_lib.model.image_features import Features


@torch.no_grad()
def answers(llava, tokenizer, prompts: list[np.ndarray], images: list[list[str]], features: Features,
            max_new_tokens: list[int],
            batch: int, options: list[list[str]] | None = None, spelled: list[bool] | None = None,
            say=None, penalties: list[float] | None = None, max_batch_tokens: int | None = None) -> list[str]:
    """An answer to each prompt.

    `prompts`: token arrays with expanded image placeholders; `images`: the image ids of each; `max_new_tokens`: of
    each;
    `options`: of each, the answers that may be given (none: any). Among options, each token is the likeliest that goes
    on; `spelled` tells for which prompts they are in the tokenizer's smallest pieces, as they were learned.
    `batch`: prompts at most; `max_batch_tokens`: tokens at most, padding and answers included (None: any number).
    `penalties`: of each, what divides the score of tokens that its answer holds already (1, or None: nothing). Answers
    come in the order of the prompts and do not depend on what shares a batch.
    """
    found: list[str] = [""] * len(prompts)
    said, done = time.monotonic(), 0
    closed, spell = options or [[]] * len(prompts), spelled or [False] * len(prompts)
    repeated = penalties or [1.0] * len(prompts)
    kinds = [(n, bool(own), penalty) for n, own, penalty in zip(max_new_tokens, closed, repeated, strict=True)]
    for mine in batches(prompts, kinds, batch, max_batch_tokens):
        texts = _batch(llava, tokenizer, [prompts[i] for i in mine], [images[i] for i in mine], features,
                       max_new_tokens[mine[0]],
                       among(tokenizer, [closed[i] for i in mine], [spell[i] for i in mine])
                       if closed[mine[0]] else None, repeated[mine[0]])
        for i, text in zip(mine, texts, strict=True):
            found[i] = text
        done += len(mine)
        if say and time.monotonic() - said > 10:
            said = time.monotonic()
            say(f"{done}/{len(prompts)} answers")
    return found


def batches(prompts: list[np.ndarray], kinds: list[tuple], batch: int, tokens: int | None = None) -> list[list[int]]:
    """Indices of the prompts of each batch: of one kind, of like length.

    `kinds`: most new tokens of each (the longest would decide for all), whether its question is closed, its penalty.
    `tokens`: of a batch with padding and answers, at most; a prompt that is longer by itself is asked alone.
    """
    found: list[list[int]] = []
    for i in sorted(range(len(prompts)), key=lambda i: (kinds[i], len(prompts[i]))):
        mine = found[-1] if found else []
        padded = (len(mine) + 1) * (len(prompts[i]) + kinds[i][0])  # it is the longest so far
        if mine and kinds[mine[0]] == kinds[i] and len(mine) < batch and (tokens is None or padded <= tokens):
            mine.append(i)
        else:
            found.append([i])
    return found


def among(tokenizer, options: list[list[str]], spelled: list[bool]):
    """For transformers' `prefix_allowed_tokens_fn`: in each row of a batch, tokens that go on with one of its options.
    """
    end = tokenizer.eos_token_id
    coded = []
    for own, small in zip(options, spelled, strict=True):
        with spelling(tokenizer) if small else nullcontext():
            coded.append([(*tokenizer(text, add_special_tokens=False)["input_ids"], end) for text in own])

    def allowed(row: int, said: torch.Tensor) -> list[int]:
        given = tuple(said.tolist())
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
        made = llava.generate(inputs_embeds=embedded, attention_mask=mask.long(), max_new_tokens=max_new_tokens,
                              do_sample=False,
                              pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
                              prefix_allowed_tokens_fn=allowed, repetition_penalty=penalty)
    return [text.strip() for text in tokenizer.batch_decode(made, skip_special_tokens=True)]
