"""Features of images: computed once by a frozen vision encoder and stored, or computed at each access.

Images of one table have one size and one number of tokens; a run shows images of several tables.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from centurio_lib import image_file, storage
from centurio_lib.data.image_store import ImageStore
from centurio_lib.model.tiling import cut, joined, passes


class Part(Protocol):
    """Images of one size: their ids and, by ids, their features, (images, tokens, d_vision)."""

    image_ids: list[str]
    tokens: int

    def __getitem__(self, image_ids: list[str]) -> torch.Tensor: ...


class Features:
    """Features by image id: `features[ids]` is (image tokens, d_vision), image after image, of various lengths."""

    def __init__(self, parts: Iterable[Part]):
        self.parts = list(parts)
        self.part_of = {image_id: part for part in self.parts for image_id in part.image_ids}

    def tokens(self, image_ids: list[str]) -> list[int]:
        """Number of tokens of each image. Raises KeyError for an unknown image."""
        return [self._part(image_id).tokens for image_id in image_ids]

    def __getitem__(self, image_ids: list[str]) -> torch.Tensor:
        places_of: dict[int, list[int]] = {}  # by part
        for place, image_id in enumerate(image_ids):
            places_of.setdefault(id(self._part(image_id)), []).append(place)
        values: dict[int, torch.Tensor] = {}  # by place
        for places in places_of.values():
            part = self.part_of[image_ids[places[0]]]
            values |= zip(places, part[[image_ids[place] for place in places]], strict=True)  # (tokens, d_vision) each
        return torch.cat([values[place] for place in range(len(image_ids))])

    def _part(self, image_id: str) -> Part:
        if image_id not in self.part_of:
            raise KeyError(f"no features for image {image_id!r}: build the data again")
        return self.part_of[image_id]


class StoredFeatures:
    """Precomputed features. `values`: (images, tokens, d_vision) in the order of `image_ids`."""

    def __init__(self, values: torch.Tensor, image_ids: list[str]):
        self.values, self.image_ids, self.tokens = values, image_ids, values.shape[1]
        self.row = {image_id: i for i, image_id in enumerate(image_ids)}

    def __getitem__(self, image_ids: list[str]) -> torch.Tensor:
        return self.values[[self.row[i] for i in image_ids]]  # (images, tokens, d_vision)


class Live:
    """Features computed at each access.

    A trained encoder has other weights at every step, and gradients. A frozen encoder computes at each access where a
    disk cannot hold the features of all images. Each call takes the encoder from the LLaVA, since peft replaces it by
    a trained copy.
    """

    def __init__(self, llava, pictures: pd.DataFrame | ImageStore, layer: int, side: int, tiling: int = 1):
        self.llava, self.layer, self.side, self.tiling = llava, layer, side, tiling
        on_disk = isinstance(pictures, ImageStore)
        self.image_ids = pictures.image_ids if on_disk else pictures.image_id.tolist()
        self.pictures = pictures if on_disk else pictures.set_index("image_id", drop=False).loc
        self.tokens = (side // llava.config.vision_config.patch_size) ** 2

    def __getitem__(self, image_ids: list[str]) -> torch.Tensor:
        return look(self.llava.model.vision_tower, self.pictures[image_ids], self.layer, self.side, self.tiling)


def pixels_of(images: list) -> torch.Tensor:
    """RGB images of one size as SigLIP's input, (images, 3, height, width) in -1..1."""
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1  # (images, 3, height, width)


def stretched(content: bytes, image_id: str, side: int) -> Image.Image:
    """An image from its bytes, stretched to a square as in the paper. Raises ValueError for a corrupt one."""
    image = image_file.read(content, image_id)
    return image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC)


def states(vision, pixels: torch.Tensor, layer: int) -> torch.Tensor:
    """Hidden states of an encoder after block `layer` (-1: the last): (images, tokens, d_vision).

    Positions are interpolated for images of another size than in training.
    """
    weights = next(vision.parameters())
    return vision(pixels.to(weights.device, weights.dtype), output_hidden_states=True,
                  interpolate_pos_encoding=True).hidden_states[layer]


def look(vision, pictures: pd.DataFrame, layer: int, side: int, tiling: int = 1) -> torch.Tensor:
    """Features of pictures (columns image_id, image): (images, tokens, d_vision), twice as wide with tiles."""
    def at(pixels: int) -> torch.Tensor:
        return pixels_of([stretched(r.image, r.image_id, pixels) for r in pictures.itertuples()])
    whole = states(vision, at(side), layer)
    if tiling == 1:
        return whole
    tiles = cut(at(tiling * side), tiling)  # (images, tiles, 3, side, side)
    seen = states(vision, tiles.flatten(0, 1), layer).unflatten(0, tiles.shape[:2])
    return torch.cat([whole, joined(seen, tiling)], dim=-1)


@torch.no_grad()
def encode(vision, pictures: pd.DataFrame, layer: int, side: int, tiling: int = 1, batch: int = 256) -> torch.Tensor:
    """Features as of `look`, batch by batch, without gradients and in single precision."""
    step = max(1, batch // passes(tiling))
    parts = [pictures.iloc[first:first + step] for first in range(0, len(pictures), step)]
    return torch.cat([look(vision, part, layer, side, tiling).float().cpu() for part in parts])


def cached(folder: Path, vision, pictures: pd.DataFrame, layer: int, side: int, tiling: int = 1) -> StoredFeatures:
    """Stored features of pictures; computed if the folder lacks features of this encoder, layer and size.

    Raises ValueError naming a corrupt image, or a file with other images.
    """
    weights = b"".join(p.detach().float().cpu().numpy().tobytes() for p in vision.parameters())
    name = storage.sha256(weights + f"{layer}/{side}/{tiling}".encode() + b"".join(pictures.image))[:16]
    path = Path(folder) / f"features-{name}.safetensors"
    if not path.exists():
        print(f"encoding {len(pictures)} images once: {path.name}", flush=True)
        with storage.atomic(path) as temporary:
            save_file({"features": encode(vision, pictures, layer, side, tiling).numpy()}, temporary)
    with safe_open(path, framework="pt") as file:
        values = file.get_tensor("features")  # (images, tokens, d_vision)
    if len(values) != len(pictures):
        raise ValueError(f"{path} holds {len(values)} images, the table {len(pictures)}: remove that file")
    return StoredFeatures(values, pictures.image_id.tolist())
