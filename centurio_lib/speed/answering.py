"""Compare the speed of answering with plain transformers, lever by lever.

Every way answers the same items with the same model and must give the same answers, else nothing is reported
(compare.UnequalError). Plain transformers keeps an answer to its options by a function that allows their tokens.
"""

from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from centurio_lib.evaluation.tasks import TASKS
from centurio_lib.model import conversation, generate, onednn, options
from centurio_lib.model.forward import embed
from centurio_lib.model.image_features import Features
from centurio_lib.speed.compare import Pictures, UnequalError, speeds
from centurio_lib.speed.timing import rounds

ITEMS = 32  # one of so many items is answered


class Way(NamedTuple):
    """One way of answering; each entry of `ANSWERING` adds the lever of its name to the previous entry."""

    batched: bool = False  # several prompts at a time
    by_length: bool = False  # prompts of like length together, else in the items' order
    cached: bool = False  # stored features, else pictures are encoded for every batch
    together: bool = False  # all options of a prompt in one forward pass, else step by step
    leaving: bool = False  # rows leave their batch when their answer ends
    onednn: bool = False  # linear layers by oneDNN, else by torch's own way


ANSWERING = {
    "plain transformers, one by one": Way(),
    "+ batches in the items' order": Way(True),
    "+ like lengths together": Way(True, True),
    "+ cached features": Way(True, True, True),
    "+ options in one forward pass": Way(True, True, True, True),
    "+ ended rows leave the batch": Way(True, True, True, True, True),
    "+ oneDNN's products": Way(True, True, True, True, True, True),
}
USED = "+ oneDNN's products"  # the way of the study


class Questions(NamedTuple):
    """Questions to answer, a list entry for each item."""

    prompts: list[np.ndarray]  # (tokens,) each
    images: list[list[str]]
    max_new_tokens: list[int]
    options: list[list[str]]  # allowed answers; empty: any


class Exam(NamedTuple):
    """Inputs that every way of answering shares."""

    model: torch.nn.Module
    tokenizer: object
    asked: Questions
    features: Features
    pictures: Pictures
    batch: int  # most prompts at a time


def exam(model, tokenizer, items: pd.DataFrame, cached: Features, images: pd.DataFrame, batch: int) -> Exam:
    """The questions of some items. `images`: the table of their pictures."""
    prompts = [conversation.prompt(tokenizer, r.prompt, cached.tokens(list(r.images))) for r in items.itertuples()]
    asked = Questions(prompts, [list(i) for i in items.images], [TASKS[task].max_new_tokens for task in items.task],
                      [list(allowed) for allowed in items.options])
    pictures = Pictures(images, {i for image_ids in asked.images for i in image_ids}, model)
    return Exam(model, tokenizer, asked, cached, pictures, batch)


def in_order(asked: Questions, size: int) -> list[list[int]]:
    """Indices of the questions of each batch in their order; a batch is of closed or of open questions."""
    runs = [list(run) for _, run in groupby(range(len(asked.prompts)), key=lambda i: bool(asked.options[i]))]
    return [run[first:first + size] for run in runs for first in range(0, len(run), size)]


def by_length(asked: Questions, size: int) -> list[list[int]]:
    """Indices of the questions of each batch, of like length and of one kind."""
    kinds = [(most, bool(allowed)) for most, allowed in zip(asked.max_new_tokens, asked.options, strict=True)]
    return generate.batches([len(prompt) for prompt in asked.prompts], kinds, size)


@torch.no_grad()
def plain_answers(model, tokenizer, asked: Questions, source: Features | Pictures, penalty: float = 1.0) -> list[str]:
    """Answer a batch of questions by transformers' `generate`, with pictures or with features.

    The largest max_new_tokens of the batch holds for all; each answer is cut to its number afterwards. `penalty` holds
    for tokens of prompt and answer, of padding too.
    """
    ids, mask = generate.padded(asked.prompts, tokenizer.pad_token_id)
    shown, skipped = [i for image_ids in asked.images for i in image_ids], ids.shape[1]
    if isinstance(source, Pictures):
        given = {"pixel_values": source.pixels(shown)}
    else:
        given = {"inputs_embeds": embed(model, ids, source[shown] if shown else None)}
    tokens = model.generate(input_ids=ids, **given, attention_mask=mask, max_new_tokens=max(asked.max_new_tokens),
                            min_new_tokens=1, do_sample=False,
                            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
                            repetition_penalty=penalty,
                            prefix_allowed_tokens_fn=among(tokenizer, asked.options, skipped))
    cut = [row[skipped:skipped + most] for row, most in zip(tokens, asked.max_new_tokens, strict=True)]
    return [text.strip() for text in tokenizer.batch_decode(cut, skip_special_tokens=True)]


def among(tokenizer, allowed: list[list[str]], skipped: int) -> Callable[[int, torch.Tensor], list[int]] | None:
    """Function for transformers' `prefix_allowed_tokens_fn`: tokens that continue an option of a row.

    `skipped`: tokens of a row before its answer. None for open questions.
    """
    if not any(allowed):
        return None
    coded = [options.coded(tokenizer, texts) for texts in allowed]
    return lambda row, ids: (options.continuing(coded[row], tuple(ids[skipped:].tolist()))
                             or [tokenizer.eos_token_id])


def answers(way: Way, given: Exam) -> list[str]:
    """Answer all questions of an exam one way, in their order."""
    asked, parts = given.asked, (given.model, given.tokenizer)
    if way.leaving:
        return generate.answers(*parts, asked.prompts, asked.images, given.features, asked.max_new_tokens, given.batch,
                                asked.options)
    source = given.features if way.cached else given.pictures
    texts = [""] * len(asked.prompts)
    for places in (by_length if way.by_length else in_order)(asked, given.batch if way.batched else 1):
        some = Questions(*([values[i] for i in places] for values in asked))
        if way.together and some.options[0]:
            trees = [options.tree(options.coded(given.tokenizer, allowed)) for allowed in some.options]
            answered = options.answers(*parts, some.prompts, some.images, source, trees)
        else:
            answered = plain_answers(*parts, some, source)
        for i, text in zip(places, answered, strict=True):
            texts[i] = text
    return texts


def timed(way: Way, given: Exam) -> Callable[[], list[str]]:
    """Prepare the model for a way; the returned function answers."""
    onednn.use(given.model, way.onednn)
    return lambda: answers(way, given)


def check(by_way: dict[str, list[str]]) -> None:
    """Compare answers of all ways. Raises UnequalError naming the first answer that differs from the first way."""
    (plain, expected), *_ = by_way.items()
    for name, given in by_way.items():
        for i, (ours, theirs) in enumerate(zip(given, expected, strict=True)):
            if ours != theirs:
                raise UnequalError(f"answer {i} is {ours!r} by {name!r}, but {theirs!r} by {plain!r}")


def evaluation(given: Exam, repeats: int) -> pd.DataFrame:
    """One row for each way to answer the questions: columns of `speeds`, and whether the study uses it (used).

    Raises UnequalError if the answers differ.
    """
    seconds, answered = rounds({name: lambda way=way: timed(way, given) for name, way in ANSWERING.items()}, repeats)
    check(answered)
    return speeds("evaluation", seconds, len(given.asked.prompts)).assign(used=[name == USED for name in ANSWERING])
