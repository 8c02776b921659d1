"""The picture of notebook 40: effect and interval of each part of each claim, ours beside the paper's."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from centurio_lib.findings.claims import CONTRADICTED, INCONCLUSIVE, NOT_RUN, REPLICATED, Claims, whole
from centurio_lib.findings.figures import PLAIN, STYLE, WIDTH, settled

LOOKS = {REPLICATED: ("#0072b2", "o"), CONTRADICTED: ("#d55e00", "X"), INCONCLUSIVE: ("0.45", "D"),
         NOT_RUN: ("0.75", "")}
REACH = 115  # score points to either side at least: differences of two shares, and a little more
INDENT = "    "


def forest(claims: Claims, parts: pd.DataFrame) -> Figure:
    """Parts of all claims one below the other, a panel for each of `where` and split, coloured by verdict.

    A dotted mark is the margin of a rule. `parts` is of `claims.verdicts`.
    """
    panels = list(dict.fromkeys(zip(parts["where"], parts.split, strict=True)))
    rows = [(name, part) for name, claim in claims.claims.items() for part in [None, *range(len(claim.parts))]]
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        size = (2.9 + 1.45 * len(panels), 0.9 + 0.135 * len(rows))
        figure, axes = plt.subplots(1, len(panels), figsize=(max(WIDTH, size[0]), size[1]), sharey=True, squeeze=False,
                                    layout="constrained")
        for axis, (where, split) in zip(axes[0], panels, strict=True):
            own = parts[(parts["where"] == where) & (parts.split == split)]
            _panel(axis, own.set_index(["claim", "part"]), rows, reach(parts))
            axis.set_title(where if split == "published" else f"{where}\n{split}", fontsize=7)
        compares = parts.drop_duplicates(["claim", "part"]).set_index(["claim", "part"]).compares
        labels = [claims.claims[name].claim if part is None else INDENT + compares[name, part] for name, part in rows]
        axes[0][0].set_yticks(range(len(rows)), labels, fontsize=5.2)
        for label, (_, part) in zip(axes[0][0].get_yticklabels(), rows, strict=True):
            label.set_fontweight("bold" if part is None else "normal")
        figure.supxlabel("difference in score points, with the interval of its claim's confidence", fontsize=6.5)
        handles = [Line2D([], [], color=colour, marker=marker, lw=1, label=verdict)
                   for verdict, (colour, marker) in LOOKS.items() if marker]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=6)
        return settled(figure)


def reach(parts: pd.DataFrame) -> float:
    """How far the axis goes to either side, in score points: intervals of differences may be wider than shares are."""
    return max(REACH, 1.1 * float(parts[["low", "value", "high"]].astype(float).abs().max(axis=None, skipna=True)))


def _panel(axis: Axes, own: pd.DataFrame, rows: list[tuple], side: float) -> None:
    axis.axvline(0, color="0.85", lw=0.6, zorder=0)
    for y, (name, part) in enumerate(rows):
        if name not in own.index.get_level_values("claim"):  # other splits hold what it is about
            continue
        if part is None:
            verdict = whole(own.loc[name].verdict)
            axis.annotate(verdict, (0, y), color=LOOKS[verdict][0] if verdict != NOT_RUN else PLAIN, fontsize=5.2,
                          ha="center", va="center", fontweight="bold")
            continue
        row = own.loc[(name, part)]
        if pd.isna(row.value):
            continue
        colour, marker = LOOKS[row.verdict]
        bound = -row.margin if row.rule == "not_less" else row.margin
        axis.plot([bound, bound], [y - 0.4, y + 0.4], color="black", lw=0.6, ls=":")
        axis.plot([row.low, row.high], [y, y], color=colour, lw=1)
        axis.plot(row.value, y, marker, color=colour, markersize=3)
    axis.set(xlim=(-side, side), ylim=(len(rows) - 0.4, -0.6))
    axis.set_xscale("symlog", linthresh=5)
    ticks = [-50, -5, 0, 5, 50]
    axis.set_xticks(ticks, [f"{tick}".replace("-", "−") for tick in ticks], fontsize=6)
    axis.minorticks_off()
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
