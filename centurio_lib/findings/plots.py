"""Two kinds of plots: points with intervals, joined by lines, and heat maps."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from seaborn.utils import relative_luminance

from centurio_lib.findings.looks import MISSING, PLAIN, Look

READABLE = 0.18  # luminance from which black is easier to read on a colour than white

def points(axis: Axes, rows: pd.DataFrame, x: str, hue: str, order: list[str], looks: dict[str, Look], dodge: float,
           column: str = "value", marker: str | None = None, **line) -> None:
    """Draw scores of `column` over the places of `order`, one line for each `hue`, `dodge` apart in all.

    Rows with `low` and `high` get a thin upright line between them. `marker` takes the place of the looks' own.
    """
    # seaborn aggregates: the median and the whole range of (low, value, high) are the score and its interval
    bounds = [column, *(["low", "high"] if column == "value" and "low" in rows else [])]
    long = pd.concat([rows[[x, hue]].assign(score=rows[bound].astype(float)) for bound in bounds], ignore_index=True)
    shown = {"linewidth": 1.2, "markersize": 3.5, "markeredgewidth": 0.5} | line
    sns.pointplot(long.dropna(), x=x, y="score", hue=hue, order=order, hue_order=list(looks),
                  dodge=dodge if len(looks) > 1 else False,
                  palette={name: look.colour for name, look in looks.items()},
                  markers=[look.marker if marker is None else marker for look in looks.values()], estimator="median",
                  errorbar=("pi", 100), err_kws={"linewidth": 0.7, "alpha": 0.55}, legend=False, ax=axis, **shown)
    axis.set(xlabel="", ylabel="")


def offsets(looks: dict[str, Look], dodge: float) -> dict[str, float]:
    """Horizontal offset of each line of `points`."""
    step = dodge / max(len(looks) - 1, 1)
    return {name: step * i - dodge / 2 for i, name in enumerate(looks)}


def handles(looks: dict[str, Look], names: dict[str, str] | None = None) -> list[Line2D]:
    """Entries of a legend, under other names where `names` has them."""
    return [Line2D([], [], label=(names or {}).get(name, name), color=look.colour, marker=look.marker)
            for name, look in looks.items()]


def thin_handles(styles: dict[str, str]) -> list[Line2D]:
    """Entries of a legend for thin grey lines: line style by name."""
    return [Line2D([], [], color=PLAIN, lw=0.7, ls=style, label=name) for name, style in styles.items()]


def heat_map(axis: Axes, values: pd.DataFrame, colours: str | Colormap, low: float = 0, high: float = 100,
             numbers: pd.DataFrame | None = None, size: float = 5.5) -> QuadMesh:
    """Draw cells coloured from `low` to `high` (missing: grey) with `numbers`; labels are `size` points high."""
    axis.set_facecolor(MISSING)
    sns.heatmap(values, vmin=low, vmax=high, cmap=colours, mask=values.isna(), cbar=False, linewidths=0.3,
                linecolor="white", xticklabels=False, yticklabels=False, annot=numbers, fmt=".0f",
                annot_kws={"fontsize": 4.2}, ax=axis)
    mesh = axis.collections[0]
    for text, colour in zip(axis.texts, mesh.get_facecolors()[values.notna().to_numpy().ravel()], strict=False):
        text.set_color("black" if relative_luminance(colour) > READABLE else "white")
    axis.set_xticks([i + 0.5 for i in range(values.shape[1])], list(values.columns), rotation=90, fontsize=size)
    axis.set_yticks([i + 0.5 for i in range(len(values))], list(values.index), rotation=0, fontsize=size)
    axis.tick_params(length=0, pad=1)
    axis.set(xlabel="", ylabel="")
    axis.grid(False)
    return mesh


def slanted(axis: Axes, labels: list[str]) -> None:
    """Names of setups below an axis, at an angle."""
    axis.set_xticks(range(len(labels)), labels, rotation=40, ha="right")


def unprinted(axis: Axes) -> None:
    """Say in the midst of a panel that the paper has no numbers for it."""
    axis.annotate("not in the paper", (0.5, 0.5), xycoords="axes fraction", ha="center", color=PLAIN)


def settled(figure: Figure) -> Figure:
    """A figure with its layout worked out, once for every format; a notebook shows it only where asked to."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    plt.close(figure)
    return figure
