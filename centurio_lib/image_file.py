"""Pictures from the bytes of their files: the one place that decodes them."""

import io

from PIL import Image


def read(content: bytes, image_id: str = "image") -> Image.Image:
    """The RGB image that some bytes hold. Raises ValueError naming an image that cannot be read."""
    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except Exception as error:
        raise ValueError(f"{image_id} is not a readable image ({error}): build the data again") from error
