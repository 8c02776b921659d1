"""Figures, in one look, each written with the table it is drawn from and a record of where it came from.

A figure reads tidy tables (`scores.table`, `scores.by_language`) and computes no score. `save` writes the same bytes
for the same tables: nothing in them depends on the time.
"""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from centurio_lib import paths, storage
from centurio_lib.findings import table_formats
from centurio_lib.findings.scores import BLIND, GROUPS, SPLITS
from centurio_lib.study.runs import Run

WIDTH = 6.3  # inches: the text column of a page, printed at its own size
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5,
    "legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.size": 2, "ytick.major.size": 2, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": "0.9", "grid.linewidth": 0.6,
    "lines.linewidth": 1.2, "lines.markersize": 3.5, "figure.dpi": 110, "savefig.dpi": 220,
    "pdf.fonttype": 42}  # text stays text in the PDF

ENGLISH = "#d55e00"  # of Okabe and Ito's palette: apart from every colour of the ramp, whatever the colour vision
MARKERS = "Xos^Dv"
SHOWN = {"new-style": "ours: new style", "new-language": "ours: new language", "test": "ours", "published": "paper: "
                                                                                                            "Phi-3.5"}
CEILING, GOLD = "fidelity_ceiling", "gold captions"  # the metric, and the row that it becomes in a heat map
PLAIN = "0.45"  # grey
TIER_RAMP = ["#08306b", "#2171b5", "#4eb3d3", "#7a8f2a", "#c7b42c"]  # T5 (dark) to T1 (light)
GROUP_LOOKS = {group: {"color": colour, "marker": marker} for group, colour, marker in
               zip(GROUPS, [ENGLISH, *TIER_RAMP], MARKERS, strict=True)}
LANGUAGES_A_ROW = 54  # English and T5 to T3 together make 53


def looks(setups: list[str]) -> dict[str, dict]:
    """Colour and marker of each setup: a light-to-dark ramp in the order given, and a colour of its own for English.

    `place` is where its English score stands, beside those of the other setups.
    """
    others = [setup for setup in setups if setup != "English"]
    ramp = mpl.colormaps["viridis_r"]
    colours = {setup: ramp(0.2 + 0.75 * i / max(len(others) - 1, 1)) for i, setup in enumerate(others)}
    return {setup: {"color": colours.get(setup, ENGLISH), "marker": MARKERS[i % len(MARKERS)],
                    "place": 0.6 * (i + 0.5) / len(setups) - 0.3} for i, setup in enumerate(setups)}


def line(axis: Axes, rows: pd.DataFrame, column: str, place: float, **look) -> None:
    """One setup's line over the groups. English stands apart: it is no tier, and no line joins it to T5."""
    values = rows.set_index("group")[column].reindex(["en", "", *GROUPS[1:]])  # "": a gap
    axis.plot([place, 0.5, *(beside(group, place) for group in GROUPS[1:])], values.to_numpy(), **look)


def beside(group: str, place: float) -> float:
    """Where a setup's score of a group stands: setups side by side, closer for tiers, whose lines tell them apart."""
    return GROUPS.index(group) + place * (1 if group == "en" else 0.35)


def bars(axis: Axes, places: list[float], rows: pd.DataFrame, colour) -> None:
    """Thin upright lines from `low` to `high`, where the rows have intervals; at the places of the rows."""
    axis.vlines(places, rows.low, rows.high, color=colour, lw=0.7, alpha=0.55, zorder=1.5)


def baseline(axis: Axes, rows: pd.DataFrame, place: float, dash: float = 4, **look) -> None:
    """A thin line without markers; English, a single point, gets a dash of `dash` points."""
    line(axis, rows, "value", place, lw=0.7, marker="_", markersize=dash, markeredgewidth=0.8, markevery=[0], **look)


def dots(axis: Axes, rows: pd.DataFrame, place: float, colour) -> None:
    """Small dots: the score with each seed, where there are several."""
    rows = rows[rows.seeds > 1]
    x = [beside(row.group, place) for row in rows.itertuples() for _ in range(row.seeds)]
    y = [float(value) for values in rows.by_seed for value in values.split()]
    axis.plot(x, y, ".", color=colour, markersize=2.5, alpha=0.7, markeredgewidth=0)


def panel(axis: Axes, rows: pd.DataFrame, column: str, styles: dict[str, dict]) -> None:
    """Every setup of one split; the fidelity's ceiling dotted, where the rows hold one."""
    for setup, look in styles.items():
        mine = rows[(rows.setup == setup) & (rows.metric != CEILING)]
        line(axis, mine, column, **look)
        if column == "value":
            dots(axis, mine, look["place"], look["color"])
            bars(axis, [beside(group, look["place"]) for group in mine.group], mine, look["color"])
    ceiling = rows[rows.metric == CEILING].drop_duplicates("group")  # the same whatever the setup
    baseline(axis, ceiling, 0, 14, color=PLAIN, ls=":")


def unprinted(axis: Axes) -> None:
    """Say in the midst of a panel that the paper has no numbers for it."""
    axis.annotate("not in the paper", (0.5, 0.5), xycoords="axes fraction", ha="center", color=PLAIN)


def settled(figure: Figure) -> Figure:
    """A figure with its layout worked out, once for every format; a notebook shows it only where asked to."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    plt.close(figure)
    return figure


def rq1(all_tasks: pd.DataFrame, unaffected: pd.DataFrame, fidelity: pd.DataFrame) -> Figure:
    """Three panels (tables of `scores.table`), a row for each of our splits and one for the paper's numbers.

    The blind baseline is dashed, in each setup's colour; `fidelity` may hold the metric "fidelity_ceiling" besides.
    """
    titles = ["All tasks", "Tasks unaffected by fidelity", "Language fidelity"]
    columns = [all_tasks, unaffected, fidelity]
    splits = [split for split in SHOWN if split in set(all_tasks.split)] + ["published"]
    styles = looks(list(dict.fromkeys(all_tasks.setup)))
    with mpl.rc_context(STYLE):
        size = (WIDTH, 0.6 + 1.45 * len(splits))
        figure, axes = plt.subplots(len(splits), 3, figsize=size, sharex=True, sharey="col", squeeze=False,
                                    layout="constrained")
        for split, row in zip(splits, axes, strict=True):
            for tidy, axis in zip(columns, row, strict=True):
                _rq1_panel(axis, tidy, split, styles)
            row[0].set_ylabel(f"{SHOWN[split]}\nscore (%)")
        _finish_rq1(figure, axes, titles, styles, baselines=len(splits) > 1)
        return settled(figure)


def _rq1_panel(axis: Axes, tidy: pd.DataFrame, split: str, styles: dict[str, dict]) -> None:
    if split == "published":  # the same number stands beside each of our splits
        rows = tidy[tidy.published.notna() & (tidy.metric != CEILING)].drop_duplicates(["setup", "group"])
        return panel(axis, rows, "published", styles)
    if "fidelity" not in set(tidy.metric):  # another image is no baseline for it: the prompt names the language
        for setup, look in styles.items():
            blind = tidy[(tidy.split == BLIND) & (tidy.setup == setup)]
            baseline(axis, blind, look["place"], color=look["color"], ls="--")
    panel(axis, tidy[tidy.split == split], "value", styles)


def _finish_rq1(figure: Figure, axes, titles: list[str], styles: dict[str, dict], baselines: bool) -> None:
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
        axis.set_ylim(bottom=0)
    axes[0][2].set_ylim(0, 105)
    axes[-1][0].set_xticks(range(len(GROUPS)), GROUPS)
    handles = [Line2D([], [], label=s, color=look["color"], marker=look["marker"]) for s, look in styles.items()]
    if baselines:  # the paper has none
        handles += [Line2D([], [], color=PLAIN, lw=0.7, ls="--", label="blind: another image"),
                    Line2D([], [], color=PLAIN, lw=0.7, ls=":", label="ceiling: gold captions")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.6)


def across(all_tasks: pd.DataFrame, unaffected: pd.DataFrame, fidelity: pd.DataFrame) -> Figure:
    """Three panels like those of `rq1`, the setups side by side in the order of their table and a line for each group.

    For setups that are steps of one quantity. Parts that the paper has no numbers for show none.
    """
    columns = {"All tasks": all_tasks, "Tasks unaffected by fidelity": unaffected, "Language fidelity": fidelity}
    printed = [tidy.published.notna().any() for tidy in columns.values()]
    splits = [split for split in SHOWN if split in set(all_tasks.split)] + ["published"] * any(printed)
    setups = list(dict.fromkeys(all_tasks.setup))
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(len(splits), 3, figsize=(WIDTH, 1.05 + 1.45 * len(splits)), sharex=True,
                                    sharey="col", squeeze=False, layout="constrained")
        for split, row in zip(splits, axes, strict=True):
            for (title, tidy), axis in zip(columns.items(), row, strict=True):
                _steps(axis, tidy, split, setups)
                axis.set_title(title if axis in axes[0] else "")
            row[0].set_ylabel(f"{SHOWN[split]}\nscore (%)")
        for axis in axes[0]:  # once every row of the column is drawn: a limit that is set ends the fitting to the data
            axis.set_ylim(bottom=0)
        handles = [Line2D([], [], label=group, **GROUP_LOOKS[group]) for group in GROUPS]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(GROUPS), columnspacing=1.6)
        return settled(figure)


def _steps(axis: Axes, tidy: pd.DataFrame, split: str, setups: list[str]) -> None:
    """One panel of `across`."""
    rows = tidy[tidy.metric != CEILING]
    column = "published" if split == "published" else "value"
    kept = rows.drop_duplicates(["setup", "group"]) if split == "published" else rows[rows.split == split]
    if not kept[column].notna().any():
        unprinted(axis)
    for i, group in enumerate(GROUPS):
        mine = kept[kept.group == group].set_index("setup").reindex(setups)
        places = [x + 0.06 * (i - 2.5) for x in range(len(setups))]
        axis.plot(places, mine[column], **GROUP_LOOKS[group])
        if column == "value":
            bars(axis, places, mine, GROUP_LOOKS[group]["color"])
    axis.set_xticks(range(len(setups)), setups, rotation=90)


def by_language(tidy: pd.DataFrame) -> Figure:
    """Heat map of fidelity: setups by languages, tiers in the order of GROUPS, one block for each split.

    `tidy` is of `scores.by_language`; rows of metric "fidelity_ceiling" become the row "gold captions" of their split.
    """
    tidy = tidy.assign(setup=tidy.setup.where(tidy.metric != CEILING, GOLD))
    tidy = tidy.drop_duplicates(["setup", "split", "language"])  # the ceiling is the same whatever the setup
    setups = [*(setup for setup in dict.fromkeys(tidy.setup) if setup != GOLD), GOLD]
    strips = [strip for split in SPLITS for strip in _strips(tidy[tidy.split == split])]
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        height = sum(0.55 + 0.13 * strip.setup.nunique() for strip in strips)
        figure, axes = plt.subplots(len(strips), 1, figsize=(WIDTH, 0.5 + height), squeeze=False,
                                    layout="constrained", height_ratios=[s.setup.nunique() + 4 for s in strips])
        axes = list(axes[:, 0])
        widest = max(strip.language.nunique() for strip in strips)
        for axis, strip in zip(axes, strips, strict=True):
            mesh = _heat(axis, strip, [s for s in setups if s in set(strip.setup)], widest)
        figure.colorbar(mesh, ax=axes, location="bottom", label="language fidelity (%)", aspect=60, pad=0.02)
        return settled(figure)


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


def _heat(axis: Axes, rows: pd.DataFrame, setups: list[str], width: int):
    """One strip of the heat map, `width` languages wide whether or not it fills them."""
    languages = rows.drop_duplicates("language").set_index("language").group
    languages = languages.sort_values(key=lambda groups: groups.map(GROUPS.index), kind="stable")
    values = rows.pivot(index="setup", columns="language", values="value")
    values = values.reindex(index=setups, columns=languages.index)
    axis.axvspan(0, len(languages), color="0.85", lw=0, zorder=0)  # shows where there is no value
    mesh = axis.pcolormesh(values.to_numpy(), vmin=0, vmax=100, cmap="viridis", edgecolors="white", linewidth=0.3)
    axis.set(xlim=(0, width), ylim=(len(setups), 0))
    axis.set_xticks([i + 0.5 for i in range(len(languages))], list(languages.index), rotation=90, fontsize=5.5)
    axis.set_yticks([i + 0.5 for i in range(len(setups))], setups, fontsize=6.5)
    axis.tick_params(length=0, pad=1)
    axis.spines[:].set_visible(False)
    axis.set_title(SHOWN[rows.split.iloc[0]], loc="left", pad=11, fontsize=7.5)  # above the names of the tiers
    for group, members in languages.groupby(languages, sort=False):
        first = list(languages).index(group)
        axis.axvline(first, color="white", lw=2)
        middle = (first + len(members) / 2, 0)
        axis.annotate(group, middle, (0, 2), textcoords="offset points", ha="center", fontsize=6.5)
    return mesh


def write_table(tidy: pd.DataFrame, profile: str, name: str) -> Path:
    """Write figures/<profile>/<name>.csv, atomically."""
    return table_formats.write(paths.figures(profile) / f"{name}.csv", tidy.to_csv(index=False, lineterminator="\n"))


def save(figure: Figure, table: pd.DataFrame, profile: str, name: str, run: Run, inputs: list[Path]) -> Path:
    """Write figures/<profile>/<name>: .pdf, .png, the .csv that it is drawn from, and last the .json of its provenance.

    `inputs` are the files that the table was made of; the record names them from the repository or home on.
    """
    folder = paths.figures(profile)
    write_table(table, profile, name)
    with mpl.rc_context(STYLE):
        for kind, undated in (("pdf", {"CreationDate": None}), ("png", {"Software": None})):
            with storage.atomic(folder / f"{name}.{kind}") as temporary:
                figure.savefig(temporary, format=kind, metadata=undated)
    return storage.write_json(folder / f"{name}.json", record(run, inputs))


def record(run: Run, inputs: list[Path]) -> dict:
    """What a figure follows from: notebook, params, key, and the sha256 of each input."""
    made_of = {_relative(path): storage.file_digest(path) for path in inputs}
    return {"notebook": run.notebook, "params": run.key["params"], "key": storage.digest(run.key), "inputs": made_of}


def current(profile: str, name: str, run: Run, inputs: list[Path]) -> bool:
    """Whether a figure and all its files are there already, drawn by the present code from the same inputs."""
    files = [paths.figures(profile) / f"{name}.{kind}" for kind in ("pdf", "png", "csv", "json")]
    return all(file.exists() for file in files) and storage.read_json(files[-1]) == record(run, inputs)


def _relative(path: Path) -> str:
    root = next((root for root in (paths.HOME, paths.REPO) if Path(path).is_relative_to(root)), None)
    if root is None:
        raise ValueError(f"{path} is neither in {paths.HOME} nor in {paths.REPO}: its record would name no file")
    return Path(path).relative_to(root).as_posix()
