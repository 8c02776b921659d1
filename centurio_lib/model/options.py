"""Answers among options: all options of a prompt follow it in one forward pass.

The answer is that of greedy decoding where each token is the likeliest that continues an option. Such decoding decides
only where options part. So the pass holds the prompt and the beginnings of options that some options share; each of
these tokens sees the prompt and the tokens before it in its option.
"""

from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from transformers import RepetitionPenaltyLogitsProcessor

from centurio_lib.model.batches import Batch
from centurio_lib.model.conversation import spelling
from centurio_lib.model.forward import computing, hidden_states, to_device
from centurio_lib.model.image_features import Features

Path = tuple[int, ...]  # the first tokens of an option


class Tree(NamedTuple):
    """Beginnings of a prompt's options that its forward pass holds. The prompt itself is the empty path."""

    options: list[Path]  # whole, each with the token that ends an answer
    paths: list[Path]  # a token each, after those of its beginning
    forks: list[Path]  # where several tokens continue an option


def coded(tokenizer, options: list[str], spelled: bool = False) -> list[Path]:
    """Tokens of each option and the token that ends an answer. `spelled`: in the tokenizer's smallest pieces."""
    with spelling(tokenizer) if spelled else nullcontext():
        return [(*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id) for text in options]


def continuing(options: list[Path], path: Path) -> list[int]:
    """Tokens that continue an option after a path, in order."""
    return sorted({ids[len(path)] for ids in options if len(ids) > len(path) and ids[:len(path)] == path})


def tree(options: list[Path]) -> Tree:
    """The tree of some options."""
    beginnings = {ids[:n] for ids in options for n in range(len(ids))}
    forks = sorted((path for path in beginnings if len(continuing(options, path)) > 1), key=len)
    paths = sorted({fork[:n] for fork in forks for n in range(1, len(fork) + 1)}, key=lambda path: (len(path), path))
    return Tree(options, paths, forks)


def collate(prompts: list[np.ndarray], images: list[list[str]], trees: list[Tree], pad: int) -> Batch:
    """A batch of prompts, each with the paths of its tree after it. Its labels are empty."""
    length = max(len(prompt) + len(grown.paths) for prompt, grown in zip(prompts, trees, strict=True))
    ids, positions = np.full((len(prompts), length), pad), np.zeros((len(prompts), length), int)
    mask = np.broadcast_to(np.tri(length, dtype=bool), (len(prompts), length, length)).copy()
    for row, (prompt, grown) in enumerate(zip(prompts, trees, strict=True)):
        n = len(prompt)
        ids[row, :n], positions[row, :n] = prompt, np.arange(n)
        for place, path in enumerate(grown.paths, n):
            ids[row, place], positions[row, place] = path[-1], n + len(path) - 1
            mask[row, place, n:] = [place == other or path[:len(before)] == before
                                    for other, before in enumerate(grown.paths, n)] + [False] * (length - n
                                                                                         - len(grown.paths))
    return Batch(torch.from_numpy(ids), torch.empty(0), torch.from_numpy(positions), torch.from_numpy(mask)[:, None],
                 [image for row in images for image in row])


@torch.no_grad()
def answers(llava, tokenizer, prompts: list[np.ndarray], images: list[list[str]], features: Features,
            trees: list[Tree], penalty: float = 1.0) -> list[str]:
    """Answer each prompt of a batch by one of its options.

    `penalty` divides the score of tokens in the prompt and in the answer.
    """
    batch = to_device(collate(prompts, images, trees, tokenizer.pad_token_id), llava.device)
    places = [(row, len(prompt) - 1 if not path else len(prompt) + grown.paths.index(path), path)
              for row, (prompt, grown) in enumerate(zip(prompts, trees, strict=True)) for path in grown.forks]
    with computing(llava):
        states = hidden_states(llava, batch, features[batch.images] if batch.images else None)
        rows, columns = ([place[axis] for place in places] for axis in (0, 1))
        logits = llava.lm_head(states[rows, columns]).float().cpu()  # (forks, vocabulary)
    scores: list[dict[Path, torch.Tensor]] = [{} for _ in trees]
    for (row, _, path), values in zip(places, logits, strict=True):
        written = torch.tensor([[*prompts[row].tolist(), *path]])
        scores[row][path] = penalised(written, values[None], penalty)[0]
    chosen = [walk(grown.options, of_forks) for grown, of_forks in zip(trees, scores, strict=True)]
    return [text.strip() for text in tokenizer.batch_decode(chosen, skip_special_tokens=True)]


def penalised(written: torch.Tensor, scores: torch.Tensor, penalty: float) -> torch.Tensor:
    """Scores (rows, vocabulary) of the next token, those of written tokens (rows, tokens) divided by a penalty."""
    return scores if penalty == 1 else RepetitionPenaltyLogitsProcessor(penalty)(written, scores)


def walk(options: list[Path], scores: dict[Path, torch.Tensor]) -> Path:
    """The option that greedy decoding ends with. `scores`: of the next token at each fork, (vocabulary,)."""
    path: Path = ()
    while allowed := continuing(options, path):
        best = allowed[int(scores[path][allowed].argmax())] if len(allowed) > 1 else allowed[0]
        path = (*path, best)
    return path
