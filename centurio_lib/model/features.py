"""Features of the frozen vision encoder, computed once for all runs of a profile and read from disk by each."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from centurio_lib import provenance
from centurio_lib.data import artwork


def pixels_of(images: list) -> torch.Tensor:
    """RGB images of one size as SigLIP's input, (images, 3, height, width) in -1..1."""
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1  # (images, 3, height, width)


@torch.no_grad()
def encode(vision, images: pd.DataFrame, layer: int, batch: int = 256) -> np.ndarray:
    """Features of the images of a table: (images, tokens, hidden). `layer`: -1 the last block, -2 the one before (paper)."""
    found = []
    for first in range(0, len(images), batch):
        part = images.iloc[first:first + batch]
        pixels = pixels_of([artwork.from_bytes(r.image, r.image_id) for r in part.itertuples()])
        states = vision(pixel_values=pixels.to(vision.dtype), output_hidden_states=True).hidden_states
        found.append(states[layer].float().numpy())  # (images, tokens, hidden)
    return np.concatenate(found)


class Features:
    """Features by image id, read from one safetensors file: `features[ids]` is (images, tokens, hidden)."""

    def __init__(self, path: Path, image_ids: list[str]):
        self.row = {image_id: i for i, image_id in enumerate(image_ids)}
        with safe_open(path, framework="pt") as file:
            self.values = file.get_tensor("features")  # (images, tokens, hidden)
        if len(self.values) != len(self.row):
            raise ValueError(f"{path} holds {len(self.values)} images, the images table {len(self.row)}: remove that file")

    @property
    def tokens(self) -> int:
        """Image tokens of one image."""
        return self.values.shape[1]

    def __getitem__(self, image_ids: list[str]) -> torch.Tensor:
        missing = [i for i in image_ids if i not in self.row]
        if missing:
            raise KeyError(f"no features for image {missing[0]!r}: build the data again")
        return self.values[[self.row[i] for i in image_ids]]  # (images, tokens, hidden)


def cached(folder: Path, vision, images: pd.DataFrame, layer: int) -> Features:
    """Features of all images of a profile, computed if the cache lacks those of this encoder, layer and table."""
    weights = b"".join(p.detach().float().numpy().tobytes() for p in vision.parameters())
    name = provenance.sha256(weights + f"{layer}".encode() + b"".join(images.image))[:16]
    path = Path(folder) / f"features-{name}.safetensors"
    if not path.exists():
        print(f"encoding {len(images)} images once: {path.name}", flush=True)
        with provenance.atomic(path) as temporary:
            save_file({"features": encode(vision, images, layer)}, temporary)
    return Features(path, images.image_id.tolist())
