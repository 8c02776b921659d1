"""The small vision encoder: SigLIP's architecture, pre-trained on artwork with English names.

Like SigLIP's web images, its images have English text only and many styles. Each image token learns the English name of
the picture among all names, by cosine, so that drawings of one concept in different styles get similar features. The
mean of the tokens learns the English keywords (SigLIP's sigmoid loss, arXiv 2303.15343, against one learned vector for
each text).
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import SiglipVisionConfig, SiglipVisionModel

from centurio_lib.base_models.fit import fit
from centurio_lib.data import artwork
from centurio_lib.model.image_features import pixels_of
from centurio_lib.model.train import learning_rate
from centurio_lib.params.base_models import EncoderSize

COSINE_SCALE = 16.0
WEIGHT_DECAY = 0.05


class Drawings(NamedTuple):
    """Drawings with the class of each one's English name, (drawings,), and keywords, (drawings, keywords) of 0/1."""

    pictures: list[Image.Image]
    names: np.ndarray
    keywords: np.ndarray

    def of(self, rows: Sequence[int]) -> "Drawings":
        """Some of the drawings."""
        return Drawings([self.pictures[row] for row in rows], self.names[rows], self.keywords[rows])


def new(size: EncoderSize, pixels: int, names: int, keywords: int,
        seed: int) -> tuple[SiglipVisionModel, nn.ModuleDict]:
    """A SigLIP vision tower with random weights, without its pooling head, and the two text heads."""
    torch.manual_seed(seed)
    config = SiglipVisionConfig(hidden_size=size.hidden_size, intermediate_size=4 * size.hidden_size,
                                num_hidden_layers=size.layers,
                                num_attention_heads=size.heads, image_size=pixels, patch_size=size.patch_size,
                                vision_use_head=False)
    heads = nn.ModuleDict({"name": nn.Linear(size.hidden_size, names, bias=False),
                           "keywords": nn.Linear(size.hidden_size, keywords)})
    return SiglipVisionModel(config), heads


def name_logits(model: SiglipVisionModel, heads: nn.ModuleDict, tokens: torch.Tensor) -> torch.Tensor:
    """Scaled cosine of each image token with each English name. `tokens`: (images, tokens, hidden) of the last block.

    Returns (images, tokens, names).
    """
    vectors = nn.functional.normalize(heads["name"].weight, dim=-1)  # (names, hidden)
    return COSINE_SCALE * nn.functional.normalize(tokens, dim=-1) @ vectors.T


def train(model, heads, drawn: Drawings, size: EncoderSize, seed: int, folder: Path, key: str, say=print) -> float:
    """Train on randomly placed drawings, resumable. Returns the mean loss of the last 100 steps."""
    def losses(step: int) -> list[torch.Tensor]:
        random = np.random.default_rng((seed, step))
        return [placed_loss(model, heads, drawn, model.config.image_size, size.batch_size, random)]
    named = dict(nn.ModuleDict({"model": model, "heads": heads}).named_parameters())
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(named.values(), lr=size.lr, weight_decay=WEIGHT_DECAY)
    return fit(named, losses, optimizer, lambda step: learning_rate(step, size.steps), size.steps, folder, key,
               "encoder", say)[0]


def placed_loss(model, heads, drawn: Drawings, side: int, batch: int, random: np.random.Generator) -> torch.Tensor:
    """The loss of some drawings, each freshly placed on `side` pixels."""
    rows = random.integers(0, len(drawn.pictures), batch)
    pixels = pixels_of([artwork.place(drawn.pictures[i], random, side) for i in rows])
    return loss_of(model, heads, pixels, torch.from_numpy(drawn.names[rows]), torch.from_numpy(drawn.keywords[rows]))


def loss_of(model, heads, pixels: torch.Tensor, names: torch.Tensor, keywords: torch.Tensor) -> torch.Tensor:
    """Softmax over English names for every image token plus the sigmoid loss over English keywords for their mean."""
    pixels, names, keywords = (part.to(model.device) for part in (pixels, names, keywords))
    tokens = model(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state  # (images, tokens, hidden)
    logits = name_logits(model, heads, tokens).flatten(0, 1)  # (images x tokens, names)
    name = nn.functional.cross_entropy(logits, names.repeat_interleave(tokens.shape[1]))
    # few keywords apply to one image: without a weight their loss would vanish beside the loss of names
    return name + 20 * nn.functional.binary_cross_entropy_with_logits(heads["keywords"](tokens.mean(1)), keywords)


@torch.no_grad()
def unit_scale(model: SiglipVisionModel, pixels: torch.Tensor) -> SiglipVisionModel:
    """Scale the outputs of all blocks so that the last output, which LLaVA reads, has standard deviation 1.

    Every block reads the sum through a layer norm, so the function stays the same. A projector with default weights
    then starts at the scale of word embeddings.
    """
    seen = model(pixel_values=pixels.to(model.device), output_hidden_states=True, interpolate_pos_encoding=True)
    scale = 1 / seen.hidden_states[-1].std()
    embeddings = model.embeddings
    writers = [embeddings.patch_embedding,
               *(part for layer in model.encoder.layers for part in (layer.self_attn.out_proj, layer.mlp.fc2))]
    for module in writers:
        module.weight.mul_(scale)
        module.bias.mul_(scale)
    embeddings.position_embedding.weight.mul_(scale)
    return model


@torch.no_grad()
def resized(model: SiglipVisionModel, side: int) -> SiglipVisionModel:
    """Interpolate an encoder's position embeddings for images of `side` pixels."""
    config = copy.deepcopy(model.config)
    config.image_size = side
    weights = model.state_dict()
    at = next(name for name in weights if name.endswith("position_embedding.weight"))
    grid = model.embeddings.interpolate_pos_encoding(weights[at][None, :1], side, side)[0]  # (patches, hidden)
    larger = SiglipVisionModel(config).to(model.device)
    larger.load_state_dict(weights | {at: grid})
    return larger


@torch.no_grad()
def accuracy(model, heads, drawn: Drawings, side: int, seed: int) -> float:
    """Share of drawings, each freshly placed on `side` pixels, whose English name is ranked first."""
    random = np.random.default_rng(seed)
    right = []
    for first in range(0, len(drawn.pictures), 256):
        placed = [artwork.place(picture, random, side) for picture in drawn.pictures[first:first + 256]]
        tokens = model(pixel_values=pixels_of(placed).to(model.device), interpolate_pos_encoding=True).last_hidden_state
        guesses = name_logits(model, heads, tokens).mean(1).argmax(-1)  # (images,)
        right.append(guesses.cpu().numpy() == drawn.names[first:first + 256])
    return float(np.concatenate(right).mean())
