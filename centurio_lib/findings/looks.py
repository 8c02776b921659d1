"""Looks of figures: fonts and sizes, and one colour and marker for each setup, tier and group of scripts.

A setup looks the same in every figure. Its colour follows from params/setups.yaml: each question has a separate
ramp, light to dark in the order of its setups. A setup of several questions takes the ramp of the first.
"""

from functools import cache
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.colors import to_hex

from centurio_lib import params

WIDTH = 6.3  # inches: the text column of a page, printed at its own size
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5,
    "legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.size": 2, "ytick.major.size": 2, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": "0.9", "grid.linewidth": 0.6,
    "lines.linewidth": 1.2, "lines.markersize": 3.5, "figure.dpi": 110, "savefig.dpi": 220,
    "pdf.fonttype": 42}  # text stays text in the PDF
PLAIN = "0.45"  # grey
MISSING = "0.85"  # cell of a heat map that has no value


class Look(NamedTuple):
    """Colour and marker of a line."""

    colour: str
    marker: str


# of Okabe and Ito's palette: apart from every colour of the ramps, whatever the colour vision
ENGLISH = Look("#d55e00", "X")
TIERS = {"en": ENGLISH, "T5": Look("#08306b", "o"), "T4": Look("#2171b5", "s"), "T3": Look("#4eb3d3", "^"),
         "T2": Look("#7a8f2a", "D"), "T1": Look("#c7b42c", "v")}
SCRIPTS = {"en": ENGLISH, "latin": Look("#0072b2", "o"), "other": Look("#009e73", "s")}
SCRIPT_NAMES = {"en": "English", "latin": "other Latin script", "other": "other scripts"}
# of the questions, in their order
RAMPS = ["viridis_r", "PuRd", "YlOrBr", "BuPu", "Greens", "Reds", "Blues", "Purples"]
MARKERS = "os^DvPph"  # within a ramp


def ramp(name: str, n: int) -> list[Look]:
    """`n` looks from light to dark."""
    colours = mpl.colormaps[name]
    return [Look(to_hex(colours(0.2 + 0.75 * (i + 1 if n == 1 else i) / max(n - 1, 1))), MARKERS[i % len(MARKERS)])
            for i in range(n)]


@cache
def of_setups() -> dict[str, Look]:
    """Look of each setup of params/setups.yaml that a question compares."""
    looks = {"English": ENGLISH}
    for place, setups in enumerate(params.questions().values()):
        added = [setup for setup in setups if setup not in looks]
        looks |= dict(zip(added, ramp(RAMPS[place % len(RAMPS)], len(added)), strict=True))
    return looks


def of(setups: list[str]) -> dict[str, Look]:
    """Look of each of some setups. Systems that are no setups of the study share a ramp."""
    others = [setup for setup in setups if setup not in of_setups()]
    return {setup: of_setups()[setup] for setup in setups if setup in of_setups()} | dict(
        zip(others, ramp(RAMPS[0], len(others)), strict=True))
