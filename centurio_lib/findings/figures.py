"""The figures of a question: scores by tier, setups side by side, and fidelity in each language.

A figure reads tidy tables (`scores.table`, `scores.by_language`) and computes no score.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from centurio_lib.findings import looks, plots
from centurio_lib.findings.looks import Look
from centurio_lib.findings.scores import BLIND, GROUPS, SPLITS

SHOWN = {"new-style": "ours: new style", "new-language": "ours: new language", "test": "ours",
         "published": "paper: Phi-3.5"}
TITLES = ["All tasks", "Tasks unaffected by fidelity", "Language fidelity"]
CEILING, GOLD = "fidelity_ceiling", "gold captions"  # the metric, and the row that it becomes in a heat map
APART, CLOSE = 0.6, 0.2  # how far the setups stand apart in English, and in tiers, whose lines tell them apart
LANGUAGES_A_ROW = 54  # English and T5 to T3 together make 53


def by_tier(all_tasks: pd.DataFrame, unaffected: pd.DataFrame, fidelity: pd.DataFrame) -> Figure:
    """Draw one line over the tiers for each setup; columns are tables, rows are splits and the paper.

    The blind baseline is dashed, in each setup's colour; `fidelity` may also hold the metric "fidelity_ceiling".
    """
    setups = looks.of(list(dict.fromkeys(all_tasks.setup)))
    splits = [split for split in SHOWN if split in set(all_tasks.split)] + ["published"]
    with mpl.rc_context(looks.STYLE):
        figure, axes = _grid(splits, TITLES, height=0.6)
        for split, row in zip(splits, axes, strict=True):
            for tidy, axis in zip([all_tasks, unaffected, fidelity], row, strict=True):
                _tiers(axis, tidy, split, setups)
        _scaled(axes)
        axes[0][2].set_ylim(0, 105)
        handles = plots.handles(setups)
        if len(splits) > 1:  # the paper has neither baseline
            handles += plots.thin_handles({"blind: another image": "--", "ceiling: gold captions": ":"})
        figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.6)
        return plots.settled(figure)


def across(all_tasks: pd.DataFrame, unaffected: pd.DataFrame, fidelity: pd.DataFrame) -> Figure:
    """Draw scores like `by_tier`, with setups side by side in table order and one line for each tier.

    The figure suits setups that are steps of one quantity. Parts without any number are left out.
    """
    parts = dict(zip(TITLES, [all_tasks, unaffected, fidelity], strict=True))
    parts = {title: tidy for title, tidy in parts.items() if tidy[["value", "published"]].notna().any(axis=None)}
    printed = any(tidy.published.notna().any() for tidy in parts.values())
    splits = [split for split in SHOWN if split in set(all_tasks.split)] + ["published"] * printed
    setups = list(dict.fromkeys(all_tasks.setup))
    with mpl.rc_context(looks.STYLE):
        figure, axes = _grid(splits, list(parts), height=1.05)
        for split, row in zip(splits, axes, strict=True):
            for tidy, axis in zip(parts.values(), row, strict=True):
                _steps(axis, tidy, split, setups)
        _scaled(axes)
        figure.legend(handles=plots.handles(looks.TIERS), loc="outside lower center", ncols=len(GROUPS),
                      columnspacing=1.6)
        return plots.settled(figure)


def _grid(splits: list[str], titles: list[str], height: float):
    """Grid of panels with one row for each split; `height` inches are added for legend and labels."""
    figure, axes = plt.subplots(len(splits), len(titles), figsize=(looks.WIDTH, height + 1.45 * len(splits)),
                                sharex=True, sharey="col", squeeze=False, layout="constrained")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure, axes


def _scaled(axes) -> None:
    """Scales from 0 on, once every row is drawn: a limit that is set ends the fitting to the data."""
    for axis in axes[0]:
        axis.set_ylim(bottom=0)


def _labelled(axis: Axes, split: str) -> None:
    if axis.get_subplotspec().is_first_col():
        axis.set_ylabel(f"{SHOWN[split]}\nscore (%)")


def of_split(tidy: pd.DataFrame, split: str) -> tuple[pd.DataFrame, str]:
    """Rows of one split without the ceiling, and the column to draw: the paper's numbers stand beside each split."""
    rows = tidy[tidy.metric != CEILING]
    if split == "published":
        return rows[rows.published.notna()].drop_duplicates(["setup", "group"]), "published"
    return rows[rows.split == split], "value"


def _tiers(axis: Axes, tidy: pd.DataFrame, split: str, setups: dict[str, Look]) -> None:
    """One panel of `by_tier`."""
    rows, column = of_split(tidy, split)
    if split != "published" and "fidelity" not in set(tidy.metric):  # the prompt names the language: no baseline
        _baseline(axis, tidy[tidy.split == BLIND], setups, "--", dash=4)
    tier_lines(axis, rows, setups, column)
    if column == "value":
        _dots(axis, rows, setups)
        ceiling = tidy[(tidy.metric == CEILING) & (tidy.split == split)].drop_duplicates("group")  # whatever the setup
        _baseline(axis, ceiling.assign(setup=GOLD), {GOLD: Look(looks.PLAIN, "_")}, ":", dash=14)
    _labelled(axis, split)


def tier_lines(axis: Axes, rows: pd.DataFrame, setups: dict[str, Look], column: str = "value") -> None:
    """Draw scores over the tiers, one line for each setup; English is no tier, so no line joins it to T5."""
    english = rows.group == "en"
    plots.points(axis, rows[english], "group", "setup", GROUPS, setups, APART, column, linestyle="none")
    plots.points(axis, rows[~english], "group", "setup", GROUPS, setups, CLOSE, column)


def _baseline(axis: Axes, rows: pd.DataFrame, setups: dict[str, Look], style: str, dash: float) -> None:
    """Thin lines without markers; English, a single point, gets a dash of `dash` points."""
    english, rows = rows.group == "en", rows.drop(columns=["low", "high"])
    thin = {"linewidth": 0.7, "markeredgewidth": 0.8}
    plots.points(axis, rows[english], "group", "setup", GROUPS, setups, APART, marker="_", linestyle="none",
                 **thin | {"markersize": dash})
    plots.points(axis, rows[~english], "group", "setup", GROUPS, setups, CLOSE, marker="", linestyle=style, **thin)


def _dots(axis: Axes, rows: pd.DataFrame, setups: dict[str, Look]) -> None:
    """Draw the score of each seed as a small dot, for several seeds."""
    for setup, look in setups.items():
        of_setup = rows[(rows.setup == setup) & (rows.seeds > 1)]
        places = {en: plots.offsets(setups, APART if en else CLOSE)[setup] for en in (True, False)}
        x = [GROUPS.index(row.group) + places[row.group == "en"] for row in of_setup.itertuples()
             for _ in range(row.seeds)]
        y = [float(value) for values in of_setup.by_seed for value in values.split()]
        axis.plot(x, y, ".", color=look.colour, markersize=2.5, alpha=0.7, markeredgewidth=0)


def _steps(axis: Axes, tidy: pd.DataFrame, split: str, setups: list[str]) -> None:
    """One panel of `across`."""
    rows, column = of_split(tidy, split)
    if rows[column].notna().any():
        plots.points(axis, rows, "setup", "group", setups, looks.TIERS, 0.3, column)
    else:
        plots.unprinted(axis)
    plots.slanted(axis, setups)
    _labelled(axis, split)


def by_language(tidy: pd.DataFrame) -> Figure:
    """Heat map of fidelity: setups by languages, in strips by split and tier; gold captions are the last row of each.

    `tidy` is of `ablation.by_language`.
    """
    tidy = tidy.assign(setup=tidy.setup.where(tidy.metric != CEILING, GOLD))
    tidy = tidy.drop_duplicates(["setup", "split", "language"])  # the ceiling is the same whatever the setup
    setups = [*(setup for setup in dict.fromkeys(tidy.setup) if setup != GOLD), GOLD]
    strips = [strip for split in SPLITS for strip in _strips(tidy[tidy.split == split])]
    with mpl.rc_context(looks.STYLE | {"axes.grid": False}):
        height = sum(0.55 + 0.13 * strip.setup.nunique() for strip in strips)
        figure, axes = plt.subplots(len(strips), 1, figsize=(looks.WIDTH, 0.5 + height), squeeze=False,
                                    layout="constrained", height_ratios=[s.setup.nunique() + 4 for s in strips])
        widest = max(strip.language.nunique() for strip in strips)
        for axis, strip in zip(axes[:, 0], strips, strict=True):
            mesh = _strip(axis, strip, [s for s in setups if s in set(strip.setup)], widest)
        figure.colorbar(mesh, ax=list(axes[:, 0]), location="bottom", label="language fidelity (%)", aspect=60,
                        pad=0.02)
        return plots.settled(figure)


def _strips(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of one split, cut between tiers so that no strip holds more languages than can be labelled."""
    strips: list[list[str]] = []
    for group in [group for group in GROUPS if group in set(rows.group)]:
        together = rows[rows.group.isin([*(strips[-1] if strips else []), group])]
        if strips and together.language.nunique() <= LANGUAGES_A_ROW:
            strips[-1].append(group)
        else:
            strips.append([group])
    return [rows[rows.group.isin(groups)] for groups in strips]


def _strip(axis: Axes, rows: pd.DataFrame, setups: list[str], width: int) -> QuadMesh:
    """One strip of the heat map, `width` languages wide whether or not it fills them."""
    tiers = rows.drop_duplicates("language").set_index("language").group
    tiers = tiers.sort_values(key=lambda groups: groups.map(GROUPS.index), kind="stable")
    values = rows.pivot(index="setup", columns="language", values="value")
    mesh = plots.heat_map(axis, values.reindex(index=setups, columns=tiers.index), "viridis")
    axis.set_facecolor("none")
    axis.axvspan(0, len(tiers), color=looks.MISSING, lw=0, zorder=0)  # shows where there is no value
    axis.set_xlim(0, width)
    axis.tick_params(axis="y", labelsize=6.5)
    axis.set_title(SHOWN[rows.split.iloc[0]], loc="left", pad=11, fontsize=7.5)  # above the names of the tiers
    for group, members in tiers.groupby(tiers, sort=False):
        first = list(tiers).index(group)
        axis.axvline(first, color="white", lw=2)
        middle = (first + len(members) / 2, 0)
        axis.annotate(group, middle, (0, 2), textcoords="offset points", ha="center", fontsize=6.5)
    return mesh
