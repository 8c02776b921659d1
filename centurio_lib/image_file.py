"""Decoding of pictures from the bytes of their files."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image


def read(content: bytes, image_id: str = "image") -> Image.Image:
    """Decode bytes to an RGB image. Raises ValueError naming an unreadable image."""
    with _readable(image_id):
        return Image.open(io.BytesIO(content)).convert("RGB")


def kind(content: bytes, image_id: str = "image") -> str:
    """Format of the bytes of a picture: "png", "jpeg". Raises ValueError naming an unreadable image."""
    with _readable(image_id):
        return str(Image.open(io.BytesIO(content)).format).lower()


@contextmanager
def _readable(image_id: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ValueError(f"{image_id} is not a readable image ({error}): build the data again") from error
