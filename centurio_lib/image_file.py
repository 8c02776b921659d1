"""Decoding of pictures from the bytes of their files: the one reader, which shows what a viewer shows."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

# kinds of files that data sets hold; others are refused, EPS above all, which another program would run
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "PPM")
DEPTHS = (1.0, 255.0, 65535.0)  # white of numbers in modes that state none: shares, 8 bits, 16 bits


def read(content: bytes, image_id: str = "image") -> Image.Image:
    """Decode bytes to an RGB image: upright, transparent parts white, deep greys scaled.

    Raises ValueError naming an unreadable image.
    """
    with _readable(image_id):
        return flat(_opened(content))


def with_alpha(content: bytes, image_id: str = "image") -> Image.Image:
    """Decode bytes of a drawing to an RGBA image. Raises ValueError naming an unreadable image."""
    with _readable(image_id):
        return upright(_opened(content)).convert("RGBA")


def kind(content: bytes, image_id: str = "image") -> str:
    """Format of the bytes of a picture: "png", "jpeg". Raises ValueError naming an unreadable image."""
    with _readable(image_id):
        return str(_opened(content).format).lower()


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=FORMATS)


def flat(image: Image.Image) -> Image.Image:
    """A picture of any mode as RGB on white, upright."""
    image = upright(image)
    if image.mode.startswith("I") or image.mode == "F":
        return grey(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    opaque = Image.new("RGBA", image.size, "white")
    opaque.alpha_composite(image.convert("RGBA"))
    return opaque.convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF tag says; one with a broken tag as it is stored."""
    image.load()  # a damaged picture is told from a damaged tag
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # whatever a broken tag makes: viewers ignore it too
        return image


def grey(image: Image.Image) -> Image.Image:
    """A picture of 16 or 32 bits a pixel in 8 bits; its transparent value is white."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    depths = DEPTHS if image.mode == "F" else DEPTHS[2:]
    white = next((depth for depth in depths if values.max() <= depth), values.max())
    scaled = np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8)
    if isinstance(hidden := image.info.get("transparency"), int):
        scaled[values == hidden] = 255
    return Image.fromarray(scaled)


@contextmanager
def _readable(image_id: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ValueError(f"{image_id} is not a readable image ({error}): build the data again") from error
