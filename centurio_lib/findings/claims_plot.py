"""Forest plot of notebook 40: effect and interval of each part of each claim, the paper's beside ours."""

from textwrap import wrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from centurio_lib.findings.claims import (
    CANNOT,
    CONTRADICTED,
    EXPLORATORY,
    INCONCLUSIVE,
    NO_EFFECT,
    PUBLISHED,
    REPLICATED,
    Claims,
)
from centurio_lib.findings.looks import PLAIN, STYLE, WIDTH, Look
from centurio_lib.findings.plots import handles, settled

LOOKS = {REPLICATED: Look("#0072b2", "o"), CONTRADICTED: Look("#d55e00", "s"), NO_EFFECT: Look("#009e73", "^"),
         INCONCLUSIVE: Look(PLAIN, "D"), CANNOT: Look("0.7", "x")}
PAPER = Look("black", "|")
LINE, WRAPPED = 0.12, 44  # inches of a line of text; characters of a line of a label
APART = 0.2  # rows between ours and the paper's


def figure(claims: Claims, parts: pd.DataFrame) -> Figure:
    """Draw the parts of all claims that were run in rows, coloured by verdict, with a panel for each split of ours.

    Exploratory seeds are hollow. Below each is the paper's effect (its first backbone). A dotted mark is the margin of
    a rule; a thin line is the interval of the population of languages. `parts` is of `claims.verdicts`.
    """
    ours = parts[(parts.stage != PUBLISHED) & parts.value.notna()]
    papers = parts[(parts.stage == PUBLISHED) & parts.value.notna()]
    papers = papers[papers["where"] == papers["where"].iloc[0]] if len(papers) else papers
    drawn_from = ours if len(ours) else papers
    splits = list(dict.fromkeys(drawn_from.split))
    rows = [(name, i) for name, claim in claims.claims.items() for i in range(len(claim.parts))
            if ((drawn_from.claim == name) & (drawn_from.part == i)).any()]
    labels = [label(claims, *row) for row in rows]
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        height = 1.1 + LINE * sum(text.count("\n") + 2 for text in labels)
        drawn, axes = plt.subplots(1, len(splits), figsize=(WIDTH, height), sharey=True, squeeze=False,
                                   layout="constrained", sharex=True)
        for axis, split in zip(axes[0], splits, strict=True):
            _panel(axis, ours[ours.split == split], papers, rows)
            axis.set(title=split if len(ours) else papers["where"].iloc[0], xlabel="effect in score points")
        axes[0][0].set_yticks(range(len(rows)), labels, fontsize=6)
        drawn.legend(handles=_legend(ours, papers), loc="outside lower center", ncols=4, fontsize=6)
        return settled(drawn)


def label(claims: Claims, name: str, part: int) -> str:
    """The claim in lines, and its part where there are several."""
    claim = claims.claims[name]
    text = claim.claim + (f" ({claim.parts[part].in_short})" if len(claim.parts) > 1 else "")
    return "\n".join(wrap(text, WRAPPED))


def _legend(ours: pd.DataFrame, papers: pd.DataFrame) -> list[Line2D]:
    entries = handles({verdict: look for verdict, look in LOOKS.items() if verdict in set(ours.verdict)})
    if (ours.stage == EXPLORATORY).any():
        entries.append(Line2D([], [], color=PLAIN, marker="o", mfc="white", ls="", label="exploratory seeds"))
    if len(papers):
        entries.append(Line2D([], [], color=PAPER.colour, marker=PAPER.marker, lw=0.8, label=papers["where"].iloc[0]))
    return [*entries, Line2D([], [], color="black", lw=0.8, ls=":", label="margin of the rule")]


def _panel(axis: Axes, ours: pd.DataFrame, papers: pd.DataFrame, rows: list[tuple[str, int]]) -> None:
    axis.axvline(0, color="0.8", lw=0.6, zorder=0)
    for y, (name, part) in enumerate(rows):
        of_ours, of_papers = (frame[(frame.claim == name) & (frame.part == part)] for frame in (ours, papers))
        places = [y - APART * (len(of_ours) - 1) / 2 - APART / 2 + APART * i for i in range(len(of_ours))]
        for place, row in zip(places, of_ours.itertuples(), strict=True):
            _estimate(axis, row, place, LOOKS[row.verdict], hollow=row.stage == EXPLORATORY)
        if len(ours) and of_ours.empty:  # a split that cannot tell
            continue
        for row in of_papers.itertuples():
            _estimate(axis, row, y + APART, PAPER)
        for row in (of_ours if len(of_ours) else of_papers).head(1).itertuples():
            bound = -row.margin if row.rule == "not_less" else row.margin
            if bound:
                axis.plot([bound, bound], [y - 0.4, y + 0.4], color="black", lw=0.8, ls=":")
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def _estimate(axis: Axes, row, y: float, look: Look, hollow: bool = False) -> None:
    axis.plot([row.population_low, row.population_high], [y, y], color=look.colour, lw=0.5)
    axis.plot([row.low, row.high], [y, y], color=look.colour, lw=1.5 if look is not PAPER else 0.9)
    axis.plot(row.value, y, look.marker, color=look.colour, markersize=4,
              markerfacecolor="white" if hollow and look.marker != "x" else look.colour)
