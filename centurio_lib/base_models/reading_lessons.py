"""Teach the small vision encoder to read English letters, as SigLIP learned from the web.

Each image token predicts the letters whose middles lie in its patch. Text is thus learned in place, and some thousand
steps suffice. Every step also trains on drawings, so that these are not forgotten. Sheets are larger than drawings:
position embeddings are now those of sheets, and are interpolated for drawings.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from transformers import SiglipVisionModel

from centurio_lib.base_models import lettering, own_encoder
from centurio_lib.base_models.fit import fit
from centurio_lib.model.image_features import pixels_of
from centurio_lib.model.train import learning_rate
from centurio_lib.params.base_models import ReadingLesson

CLASSES = len(lettering.LETTERS) + 1
EMPTY = 0.2  # weight of "no letter" in the loss, since most slots are empty
# weight of the loss of drawings, which are known already: with more weight, its noise hides the letters' gradient
KNOWN = 0.1


class Networks(NamedTuple):
    """Networks of a lesson: an encoder, its heads for drawings (own_encoder.new), and its head for letters."""

    model: SiglipVisionModel
    heads: nn.ModuleDict
    letters: nn.Linear


def letter_head(hidden: int, seed: int) -> nn.Linear:
    """Head that maps an image token to logits of the letter in each slot; random weights."""
    torch.manual_seed(seed)
    return nn.Linear(hidden, lettering.SLOTS * CLASSES)


def letter_logits(model: SiglipVisionModel, head: nn.Linear, pixels: torch.Tensor) -> torch.Tensor:
    """Logits of the letters in each patch of some sheets, (images x tokens x slots, classes)."""
    tokens = model(pixel_values=pixels.to(model.device)).last_hidden_state  # (images, tokens, hidden)
    return head(tokens).reshape(-1, CLASSES)


def teach(networks: Networks, drawn: own_encoder.Drawings, reading: ReadingLesson, side: int, seed: int, folder: Path,
          key: str, say=print) -> tuple[float, float, dict]:
    """Train an encoder, resumable, on sheets of its image size and on drawings of `side` pixels.

    Returns the mean losses of sheets and drawings over the last 100 steps, and the shares of letters read right on
    fresh sheets (key "letter") and, where the sheets include plots, on fresh plots ("letter of a plot").
    """
    model, heads, head = networks
    named = dict(nn.ModuleDict(networks._asdict()).named_parameters())
    size = model.config
    sheets = lettering.sheets(reading.sheets, seed, size.image_size, size.patch_size, reading.min_font_px,
                              reading.plot_share)

    def losses(step: int) -> list[torch.Tensor]:
        random = np.random.default_rng((seed, step))
        shown = [sheets[i] for i in random.integers(0, len(sheets), reading.batch_size)]
        known = own_encoder.placed_loss(model, heads, drawn, side, reading.batch_size, random)
        return [letter_loss(model, head, shown, random, reading), KNOWN * known]

    optimizer = torch.optim.AdamW(named.values(), lr=reading.lr, weight_decay=own_encoder.WEIGHT_DECAY)
    read, known = fit(named, losses, optimizer, lambda step: learning_rate(step, reading.steps), reading.steps,
                      folder, key, "reading", say)
    probes = {"letter": 0.0} | ({"letter of a plot": 1.0} if reading.plot_share else {})
    return read, known / KNOWN, {kind: letters_right(model, head, reading, seed + 1, share)
                                 for kind, share in probes.items()}


def letter_loss(model, head, sheets: list[lettering.Sheet], random: np.random.Generator,
                reading: ReadingLesson) -> torch.Tensor:
    """Cross-entropy (nats a slot, empty slots weighted down) of the letters of freshly printed sheets."""
    pixels = pixels_of([lettering.printed(sheet.ink, random, reading) for sheet in sheets])
    letters = torch.from_numpy(np.stack([sheet.letters for sheet in sheets]))  # (images, tokens, slots)
    weight = torch.ones(CLASSES, device=model.device)
    weight[0] = EMPTY
    wanted = letters.flatten().to(model.device)
    return nn.functional.cross_entropy(letter_logits(model, head, pixels), wanted, weight=weight)


@torch.no_grad()
def letters_right(model, head, reading: ReadingLesson, seed: int, plots: float, n: int = 256) -> float:
    """Share of letters read right, in place, on fresh sheets; a share `plots` of the sheets are plots."""
    random, size, right, told = np.random.default_rng(seed), model.config, 0, 0
    fresh = lettering.sheets(n, seed, size.image_size, size.patch_size, reading.min_font_px, plots)
    for first in range(0, n, 64):
        shown = fresh[first:first + 64]
        letters = torch.from_numpy(np.stack([sheet.letters for sheet in shown])).flatten()
        guesses = letter_logits(model, head,
                                pixels_of([lettering.printed(s.ink, random, reading) for s in shown])).argmax(-1).cpu()
        right, told = right + int((guesses == letters)[letters > 0].sum()), told + int((letters > 0).sum())
    return right / told
