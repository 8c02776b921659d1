"""Blind copies of items: the same question beside other images, to see what an answer owes to its image."""

from collections.abc import Callable, Sequence

import numpy as np

from centurio_lib.tables import BLIND

Draw = Callable[[Sequence[str], int], list[str]]  # so many of some images; `random.Random.sample` is one


def blind_copy(item: dict, item_id: str, others: Sequence[str], draw: Draw) -> dict | None:
    """A row of the `items` table about as many of some other images; None where there are no others.

    `others`: images that show nothing the question speaks of. `item_id`: the copy's own.
    """
    return item | {"split": BLIND, "item_id": item_id, "images": draw(others, len(item["images"]))} if others else None


def drawing(random: np.random.Generator) -> Draw:
    """Draw by a generator of numpy. An image may come twice."""
    return lambda images, n: [str(image) for image in random.choice(images, n)]
