"""The picture of notebook 01: what each source covers of each of the 100 languages."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from centurio_lib.findings.figures import ENGLISH, STYLE, WIDTH, settled

# column of the table -> head in the picture
SOURCES = {"emoji_names": "emoji names", "keywords": "keywords", "flag_names": "countries",
           "paragraphs": "declaration", "identifier": "identifier", "nllb": "NLLB"}
PANELS = [["en", "T5", "T4"], ["T3"], ["T2"], ["T1"]]  # tiers that share a column of the page
TIER_GAP = 1.4  # rows between two tiers, the upper one for its name
NOTHING = "#ffffff"  # drawn with a frame: white cells must not vanish
COLOURS = LinearSegmentedColormap.from_list("coverage", ["#d3e0e8", "#1f5673"])


def shares(covered: pd.DataFrame) -> pd.DataFrame:
    """Each source's count as per cent of the English one, 100 at most; codes of an identifier are 100 or 0.

    `covered` has the columns code, name, group and those of `SOURCES`. Returns code, name, group and the shares.
    """
    english = covered[covered.code == "en"].iloc[0]
    known = {column: 100.0 * (covered[column] != "") for column in ("identifier", "nllb")}
    counted = {column: (100 * covered[column] / english[column]).clip(upper=100)
               for column in SOURCES if column not in known}
    return covered[["code", "name", "group"]].assign(**counted, **known)


def languages(covered: pd.DataFrame, unnamed: list[str]) -> Figure:
    """Languages by sources, tiers one below the other; names of languages without captions (`unnamed`) stand out."""
    shown = shares(covered)
    panels = [[shown[shown.group == group] for group in groups] for groups in PANELS]
    rows = max(sum(len(tier) + TIER_GAP for tier in panel) for panel in panels)
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(1, len(PANELS), figsize=(WIDTH, 1.15 + 0.125 * rows), layout="constrained")
        for axis, panel in zip(axes, panels, strict=True):
            mesh = _panel(axis, panel, unnamed)
            axis.set(xlim=(0, len(SOURCES)), ylim=(rows, 0))
        bar = figure.colorbar(mesh, ax=list(axes), location="bottom", aspect=80, shrink=0.6, pad=0.01)
        bar.set_label("% of what English has, names equal to the English one not counted; white: none; "
                      "orange: no captions at all", fontsize=6)
        bar.outline.set_visible(False)
        return settled(figure)


def _panel(axis: Axes, tiers: list[pd.DataFrame], unnamed: list[str]):
    """One column of the page. Returns what the colour bar is drawn from."""
    places, labels, top = [], [], 0.0
    for tier in tiers:
        top += TIER_GAP
        values = tier[list(SOURCES)].to_numpy()  # (languages, sources)
        lines = [top + i for i in range(len(tier) + 1)]
        mesh = axis.pcolormesh(range(len(SOURCES) + 1), lines, values, vmin=0, vmax=100, cmap=COLOURS,
                               edgecolors="white", linewidth=0.8)
        for row, column in zip(*(values == 0).nonzero(), strict=True):
            axis.add_patch(plt.Rectangle((column + 0.06, top + row + 0.06), 0.88, 0.88, fc=NOTHING, ec="0.75", lw=0.4))
        group = tier.group.iloc[0]
        axis.annotate("English" if group == "en" else group, (0, top - 0.2), fontweight="bold", fontsize=6.5)
        places += [top + i + 0.5 for i in range(len(tier))]
        labels += [f"{name}  {code}" for name, code in zip(tier.name, tier.code, strict=True)]
        top += len(tier)
    axis.set_yticks(places, labels, fontsize=5.3)
    _finish(axis, [code for tier in tiers for code in tier.code], unnamed)
    return mesh


def _finish(axis: Axes, codes: list[str], unnamed: list[str]) -> None:
    axis.set_xticks([i + 0.5 for i in range(len(SOURCES))], list(SOURCES.values()), rotation=90, fontsize=5.5)
    axis.tick_params(length=0, pad=1.5, labeltop=True, labelbottom=False, labelleft=True)
    axis.spines[:].set_visible(False)
    for label, code in zip(axis.get_yticklabels(), codes, strict=True):
        label.set_color(ENGLISH if code in unnamed else "black")
