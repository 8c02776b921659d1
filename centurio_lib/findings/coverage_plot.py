"""Figure of notebook 01: coverage of the 100 languages by each source."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from centurio_lib.findings.looks import ENGLISH, STYLE, WIDTH
from centurio_lib.findings.plots import heat_map, settled

# column of the table -> head in the picture
SOURCES = {"emoji_names": "emoji names", "keywords": "keywords", "flag_names": "countries",
           "paragraphs": "declaration", "identifier": "identifier", "nllb": "NLLB"}
PANELS = [["en", "T5", "T4"], ["T3"], ["T2"], ["T1"]]  # tiers that share a column of the page
# of what English has; below: nothing at all
COLOURS = LinearSegmentedColormap.from_list("coverage", ["#c6d8e3", "#1f5673"]).with_extremes(under="#f4ece4")
SOME = 1e-6  # per cent, the least that is not nothing


def shares(covered: pd.DataFrame) -> pd.DataFrame:
    """Count of each source as per cent of the English count, at most 100; identifier codes are 100 or 0.

    `covered` has the columns code, name, group and those of `SOURCES`. Returns code, name, group and the shares.
    """
    english = covered[covered.code == "en"].iloc[0]
    known = {column: 100.0 * (covered[column] != "") for column in ("identifier", "nllb")}
    counted = {column: (100 * covered[column] / english[column]).clip(upper=100)
               for column in SOURCES if column not in known}
    return covered[["code", "name", "group"]].assign(**counted, **known)


def languages(covered: pd.DataFrame, unnamed: list[str]) -> Figure:
    """Draw languages by sources and tiers, and highlight languages without captions (`unnamed`)."""
    shown = shares(covered)
    panels = [pd.concat([_tier(shown[shown.group == group], group) for group in groups]) for groups in PANELS]
    rows = max(map(len, panels))
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(1, len(PANELS), figsize=(WIDTH, 1.15 + 0.125 * rows), layout="constrained")
        for axis, panel in zip(axes, panels, strict=True):
            mesh = _panel(axis, panel, unnamed)
            axis.set_ylim(rows, 0)
        bar = figure.colorbar(mesh, ax=list(axes), location="bottom", aspect=80, shrink=0.6, pad=0.01)
        bar.set_label("% of what English has, names equal to the English one not counted; sand: none; "
                      "orange: no captions at all", fontsize=6)
        bar.outline.set_visible(False)
        return settled(figure)


def _tier(rows: pd.DataFrame, group: str) -> pd.DataFrame:
    """Shares of a tier's languages by code and label, below a row without values that bears the tier's name."""
    head = pd.DataFrame({"code": "", "label": "English" if group == "en" else group}, index=[0])
    return pd.concat([head, rows.assign(label=rows.name + "  " + rows.code)])[["code", "label", *SOURCES]]


def _panel(axis: Axes, rows: pd.DataFrame, unnamed: list[str]) -> QuadMesh:
    """Draw one column of the page. Returns the mesh of the colour bar."""
    values = rows.set_index("label")[list(SOURCES)].rename(columns=SOURCES).astype(float)
    mesh = heat_map(axis, values, COLOURS, low=SOME)
    axis.set_facecolor("none")
    axis.tick_params(axis="y", labelsize=5.3, pad=1.5)
    axis.tick_params(labeltop=True, labelbottom=False)
    for label, code in zip(axis.get_yticklabels(), rows.code, strict=True):
        label.set_color(ENGLISH.colour if code in unnamed else "black")
        label.set_fontweight("normal" if code else "bold")
    return mesh
