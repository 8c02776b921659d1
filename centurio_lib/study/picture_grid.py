"""A grid of pictures with titles, as notebooks show samples."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from centurio_lib import image_file


def grid(pictures: Sequence[bytes], titles: Sequence[str], columns: int = 5, inches: float = 3.0,
         size: float = 8) -> Figure:
    """Draw encoded pictures in rows of `columns`, each `inches` wide, with titles of `size` points."""
    rows = max(1, -(-len(pictures) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(inches * columns, 1.07 * inches * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, title in zip(axes.flat, pictures, titles, strict=False):
        axis.imshow(image_file.read(picture))
        axis.set_title(title, fontsize=size)
    plt.close(figure)
    return figure
