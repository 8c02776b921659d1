"""Decoding of pictures from the bytes of their files."""

import io

from PIL import Image


def read(content: bytes, image_id: str = "image") -> Image.Image:
    """Decode bytes to an RGB image. Raises ValueError naming an unreadable image."""
    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except Exception as error:
        raise ValueError(f"{image_id} is not a readable image ({error}): build the data again") from error
