"""Figure of notebook 40: effect and interval of each part of each claim, of the study and the paper."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from centurio_lib.findings.claims import CONTRADICTED, INCONCLUSIVE, NOT_RUN, REPLICATED, Claims, whole
from centurio_lib.findings.looks import PLAIN, STYLE, WIDTH, Look
from centurio_lib.findings.plots import handles, settled

LOOKS = {REPLICATED: Look("#0072b2", "o"), CONTRADICTED: Look("#d55e00", "X"), INCONCLUSIVE: Look(PLAIN, "D")}
REACH = 115  # score points to either side at least: differences of two shares, and a little more
INDENT = "    "


def figure(claims: Claims, parts: pd.DataFrame) -> Figure:
    """Draw the parts of all claims in rows, coloured by verdict, with a panel for each `where` and split.

    A dotted mark is the margin of a rule. `parts` is of `claims.verdicts`.
    """
    panels = list(dict.fromkeys(zip(parts["where"], parts.split, strict=True)))
    rows = [(name, part) for name, claim in claims.claims.items() for part in [None, *range(len(claim.parts))]]
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        size = (2.9 + 1.45 * len(panels), 0.9 + 0.135 * len(rows))
        drawn, axes = plt.subplots(1, len(panels), figsize=(max(WIDTH, size[0]), size[1]), sharey=True, squeeze=False,
                                   layout="constrained")
        for axis, (where, split) in zip(axes[0], panels, strict=True):
            of_panel = parts[(parts["where"] == where) & (parts.split == split)]
            _panel(axis, of_panel.set_index(["claim", "part"]), rows, reach(parts))
            axis.set_title(where if split == "published" else f"{where}\n{split}", fontsize=7)
        compares = parts.drop_duplicates(["claim", "part"]).set_index(["claim", "part"]).compares
        labels = [claims.claims[name].claim if part is None else INDENT + compares[name, part] for name, part in rows]
        axes[0][0].set_yticks(range(len(rows)), labels, fontsize=5.2)
        for label, (_, part) in zip(axes[0][0].get_yticklabels(), rows, strict=True):
            label.set_fontweight("bold" if part is None else "normal")
        drawn.supxlabel("difference in score points, with the interval of its claim's confidence", fontsize=6.5)
        drawn.legend(handles=handles(LOOKS), loc="outside upper left", ncols=3, fontsize=6)
        return settled(drawn)


def reach(parts: pd.DataFrame) -> float:
    """Half width of the axis in score points; intervals of differences may exceed 100."""
    return max(REACH, 1.1 * float(parts[["low", "value", "high"]].astype(float).abs().max(axis=None, skipna=True)))


def _panel(axis: Axes, parts: pd.DataFrame, rows: list[tuple], side: float) -> None:
    axis.axvline(0, color="0.85", lw=0.6, zorder=0)
    for y, (name, part) in enumerate(rows):
        if name not in parts.index.get_level_values("claim"):  # other splits hold what it is about
            continue
        if part is None:
            verdict = whole(parts.loc[name].verdict)
            axis.annotate(verdict, (0, y), color=PLAIN if verdict == NOT_RUN else LOOKS[verdict].colour, fontsize=5.2,
                          ha="center", va="center", fontweight="bold")
            continue
        row = parts.loc[(name, part)]
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
