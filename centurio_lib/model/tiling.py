"""Multi-scale tiling: the encoder sees the whole image and enlarged tiles, in the tokens of one view.

Source: Centurio (paper, section 4), after S2 (Shi et al. 2024, arXiv 2403.13043). The features of the tiles are joined
to one map, averaged down to the size of the whole view, and appended to its features. So each token is twice as wide.
With `tiling` = 2 the encoder sees five images for each picture.
"""

import torch


def width(tiling: int) -> int:
    """Width of an image token, as a multiple of the encoder's width."""
    return 1 if tiling == 1 else 2


def passes(tiling: int) -> int:
    """Number of images that the encoder sees for each picture."""
    return 1 if tiling == 1 else 1 + tiling**2


def cut(pixels: torch.Tensor, tiling: int) -> torch.Tensor:
    """Images (images, 3, tiling x side, tiling x side) as tiles, row after row: (images, tiles, 3, side, side)."""
    side = pixels.shape[-1] // tiling
    grid = pixels.unflatten(3, (tiling, side)).unflatten(2, (tiling, side))  # (images, 3, rows, side, columns, side)
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def joined(states: torch.Tensor, tiling: int) -> torch.Tensor:
    """Features of tiles (images, tiles, tokens, d_vision) as one map of as many tokens: (images, tokens, d_vision)."""
    side = int(states.shape[2] ** 0.5)
    grid = states.unflatten(2, (side, side)).unflatten(1, (tiling, tiling))  # (images, rows, columns, side, side, d)
    whole = grid.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)  # (images, d, rows x side, columns x side)
    return torch.nn.functional.avg_pool2d(whole, tiling).flatten(2).transpose(1, 2)
