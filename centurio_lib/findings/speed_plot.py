"""The figure of notebook 50: how fast the study trains and answers, and how much memory training takes, by way."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from centurio_lib.findings import looks, plots

USED, OTHER = looks.SCRIPTS["latin"].colour, "0.7"  # ways that the profile takes, and the rest


def bars(training: pd.DataFrame, evaluation: pd.DataFrame) -> Figure:
    """Samples trained a second, peak memory of training, items answered a second: a bar for each way.

    Both tables have way, used, per_s, slowest and fastest; `training` has peak_mib.
    """
    with mpl.rc_context(looks.STYLE | {"axes.grid.axis": "x"}):
        figure, axes = plt.subplots(2, 2, figsize=(looks.WIDTH, 4.4), sharey="row",
                                    layout="constrained")
        _bars(axes[0, 0], training, "per_s", "samples trained a second")
        _bars(axes[0, 1], training, "peak_mib", "peak memory of tensors (MiB)")
        _bars(axes[1, 0], evaluation, "per_s", "items answered a second")
        axes[0, 0].invert_yaxis()
        axes[1, 0].invert_yaxis()
        axes[1, 1].set_visible(False)
    return plots.settled(figure)


def _bars(axis: Axes, rows: pd.DataFrame, column: str, label: str) -> None:
    axis.barh(rows.way, rows[column], color=[USED if used else OTHER for used in rows.used])
    if column == "per_s":
        axis.hlines(rows.way, rows.slowest, rows.fastest, color="black", lw=0.8)
    axis.set_xlabel(label)
