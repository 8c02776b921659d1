"""Blind copies of items: the same question beside other images, which shows the effect of the image."""

from collections.abc import Callable, Sequence

import numpy as np

from centurio_lib.tables import BLIND

Draw = Callable[[Sequence[str], int], list[str]]  # so many of some images; `random.Random.sample` is one


def blind_copy(item: dict, item_id: str, others: Sequence[str], draw: Draw) -> dict | None:
    """Copy a row of the `items` table with equally many other images; None without other images.

    `others`: images that show nothing of the question. `item_id`: id of the copy.
    """
    return item | {"split": BLIND, "item_id": item_id, "images": draw(others, len(item["images"]))} if others else None


def drawing(random: np.random.Generator) -> Draw:
    """Draw by a generator of numpy. An image may come twice."""
    return lambda images, n: [str(image) for image in random.choice(images, n)]
