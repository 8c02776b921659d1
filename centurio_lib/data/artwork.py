"""Pictures from drawings: render each SVG once, then place it on many plain backgrounds."""

import io

import numpy as np
import resvg_py
from PIL import Image

from centurio_lib import image_file

RENDER_PIXELS = 96


def render(svg: str) -> Image.Image:
    """Render an SVG to a transparent RGBA image whose longer side is `RENDER_PIXELS`."""
    png = resvg_py.svg_to_bytes(svg_string=svg, width=RENDER_PIXELS)
    image = image_file.with_alpha(png)
    image.thumbnail((RENDER_PIXELS, RENDER_PIXELS))
    return image


def place(drawing: Image.Image, random: np.random.Generator, pixels: int) -> Image.Image:
    """Place a drawing on a pale square (RGB) at random size (70-100 %), angle (12 degrees at most) and place."""
    side = int(pixels * random.uniform(0.7, 1.0))
    small = drawing.resize((side, max(1, side * drawing.height // drawing.width)), Image.Resampling.BILINEAR)
    small = small.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR)
    background = Image.new("RGB", (pixels, pixels), tuple(int(v) for v in random.integers(170, 256, 3)))
    corner = tuple(int(random.integers(0, pixels - length + 1)) for length in small.size)
    background.paste(small, corner, small)
    return background


def to_bytes(image: Image.Image) -> bytes:
    """Lossless PNG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def random_for(*parts) -> np.random.Generator:
    """A random generator seeded by its name alone, so that any one sample can be redrawn."""
    return np.random.default_rng(np.frombuffer("/".join(map(str, parts)).encode(), dtype=np.uint8).astype(np.uint32))
