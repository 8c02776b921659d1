"""A sheet of paper with ink on it, and a bad photograph of the sheet."""

import io

import numpy as np
from PIL import Image, ImageFilter

from centurio_lib.params import Ocr

CONTRAST = 3.0  # least ratio of luminances of paper and ink (WCAG's for large text)
MIN_JPEG_QUALITY = 55


def page(ink: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A sheet of textured paper with the ink on it: RGB of the same size as `ink`."""
    side = ink.shape[0]
    paper, colour = _colours(random)
    clouds = _clouds(random, side, int(random.integers(3, 40)))
    grain = clouds * random.uniform(0, 14) + random.normal(0, 0.7, (side, 1))
    sheet = paper[None, None, :] + grain[..., None]
    cover = (ink.astype(np.float32) / 255 * random.uniform(0.85, 1.0))[..., None]
    return Image.fromarray(np.clip(sheet * (1 - cover) + colour * cover, 0, 255).astype(np.uint8))


def photograph(sheet: Image.Image, random: np.random.Generator, tilt: float) -> Image.Image:
    """The sheet on a table, seen from a little aside; `tilt`: the largest shift of a corner, as a share of the side."""
    side = sheet.width
    clouds = _clouds(random, side, int(random.integers(2, 12)))
    table = np.clip(random.uniform(20, 235, 3) + clouds[..., None] * 30, 0, 255)
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], float)
    middle, angle = side / 2, random.normal(0, tilt)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = (corners - middle) @ turn * (1 - tilt) + middle + random.uniform(-tilt, tilt, (4, 2)) * side / 2
    coefficients = _perspective(seen, corners)
    bicubic = Image.Resampling.BICUBIC
    over = Image.new("L", sheet.size, 255).transform(sheet.size, Image.Transform.PERSPECTIVE, coefficients, bicubic)
    moved = sheet.transform(sheet.size, Image.Transform.PERSPECTIVE, coefficients, bicubic)
    return Image.composite(moved, Image.fromarray(table.astype(np.uint8)), over)


def damage(image: Image.Image, em: float, random: np.random.Generator, options: Ocr) -> bytes:
    """Shadow, blur, noise and JPEG; blur grows with the letters, so that small ones stay legible."""
    side = image.width
    if random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, options.max_blur) * em))
    pixels = np.asarray(image).astype(np.float32)
    slope = np.linspace(-1, 1, side, dtype=np.float32)
    shade = 1 + random.uniform(0, 0.2) * (random.normal() * slope[None, :] + random.normal() * slope[:, None]) / 2
    noise = random.standard_normal((side, side), dtype=np.float32) * random.uniform(0, options.max_noise)
    image = Image.fromarray(np.clip(pixels * shade[..., None] + noise[..., None], 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(random.integers(MIN_JPEG_QUALITY, 96)))
    return buffer.getvalue()


def _colours(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colours of paper and ink that are far enough apart to read; sometimes light on dark."""
    while True:
        paper = random.uniform(200, 255) + random.uniform(-25, 10, 3)
        ink = random.uniform(0, 110, 3) if random.random() < 0.5 else np.full(3, random.uniform(0, 80))
        if random.random() < 0.15:
            paper, ink = ink, paper
        if _contrast(paper, ink) >= CONTRAST:
            return np.clip(paper, 0, 255), np.clip(ink, 0, 255)


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Ratio of the luminances of two colours, the lighter above (WCAG 2)."""
    low, high = sorted(float((np.clip(c, 0, 255) / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def _clouds(random: np.random.Generator, side: int, cells: int) -> np.ndarray:
    """Smooth noise of so many cells a side, about -1..1: (side, side)."""
    coarse = Image.fromarray(random.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


def _perspective(seen: np.ndarray, corners: np.ndarray) -> list[float]:
    """Coefficients that take a place in the photograph, where `seen` are the sheet's `corners`, to the sheet."""
    rows = [row for (x, y), (u, v) in zip(seen, corners, strict=True)
            for row in ((x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y))]
    return np.linalg.solve(np.array(rows), corners.reshape(8)).tolist()
