"""Text in images (RQ4): SMPQA by script beside the paper's Table 4, how far answers are from labels, and examples."""

from base64 import b64encode
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from centurio_lib import image_file, params, tables, text_form
from centurio_lib.findings import ablation, looks, paper_results, plots, scores, statistics
from centurio_lib.findings.scores import BLIND, SCRIPTS

SMPQA_READ, SMPQA_GROUND = "smpqa_read", "smpqa_ground"
ERRORS = "cer"  # character error rate of reading: less is better
DODGE = 0.16  # how far the groups of scripts stand apart
ROWS = {"test": "ours", "published": "paper: Phi-3.5"}


def by_script(frame: pd.DataFrame, task: str, metric: str | None = None) -> pd.DataFrame:
    """Cells or items of one task, grouped by script as Table 4 is. `metric`: which one; None for the headline."""
    rows = frame[(frame.task == task) & (frame.headline if metric is None else frame.metric == metric)]
    return rows.assign(group=rows.language.map(scores.script))


def known(frame: pd.DataFrame) -> list[str]:
    """The tasks of text that some cells or items are of, the two of the paper's Table 4 first and always."""
    of_frame = frame[frame.task_group == scores.TEXT].task
    return list(dict.fromkeys([SMPQA_GROUND, SMPQA_READ, *sorted(set(of_frame))]))


def table(config: params.Profile, cells: pd.DataFrame, items: pd.DataFrame,
          variance: pd.DataFrame | None = None) -> pd.DataFrame:
    """Scores by script with the columns of `scores.COLUMNS`, and chance in script and split; the paper's beside ours.

    Metrics are the tasks (exact match; of pages the share of characters; with intervals) and the character error rate
    of reading SMPQA. `cells` are of `scores.stored`, `items` of `scores.items`. Raises ValueError as `scores.checked`
    (where no setup was asked, say).
    """
    parts = []
    for task in known(cells):
        of_task, printed = by_script(cells, task), paper_results.scripts(task)
        printed = printed.assign(setup=[params.trained_as(config, name) for name in printed.setup])
        tidy = scores.table(of_task, task, printed, statistics.bounds(by_script(items, task), variance))
        chance = of_task.groupby(["split", "group"], as_index=False).chance.mean()
        parts.append(tidy.merge(chance, how="left", on=["split", "group"]))
    errors = by_script(cells, SMPQA_READ, ERRORS)
    return pd.concat([*parts, scores.table(errors, ERRORS).assign(chance=float("nan"))], ignore_index=True)


def differences(items: pd.DataFrame, against: str, variance: pd.DataFrame | None = None) -> pd.DataFrame:
    """Paired differences from one setup in each task by script, Holm's correction by task."""
    parts = {task: by_script(items, task) for task in known(items)}
    return ablation.compared(parts, against, SCRIPTS, variance)


def figure(tidy: pd.DataFrame) -> Figure:
    """Grounding and reading, ours above the paper's: setups side by side, a line for each group of scripts.

    Blind scores are dashed, chance is dotted.
    """
    setups, tasks = (list(dict.fromkeys(column)) for column in (tidy.setup, tidy[tidy.metric != ERRORS].metric))
    with mpl.rc_context(looks.STYLE):
        drawn, axes = plt.subplots(2, len(tasks), figsize=(looks.WIDTH, 4.4), sharex=True, sharey="col",
                                   layout="constrained")
        for (split, label), line in zip(ROWS.items(), axes, strict=True):
            for task, axis in zip(tasks, line, strict=True):
                _panel(axis, tidy[tidy.metric == task], split, setups)
                axis.set_title(task.replace("_", " ") if split == "test" else "")
            line[0].set_ylabel(f"{label}\nright (%)")
        handles = [*plots.handles(looks.SCRIPTS, looks.SCRIPT_NAMES),
                   *plots.thin_handles({"blind: another picture": "--", "chance": ":"})]
        drawn.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.4)
        return plots.settled(drawn)


def _panel(axis: Axes, rows: pd.DataFrame, split: str, setups: list[str]) -> None:
    """One task, ours or as the paper printed it."""
    place = ["setup", "group", setups, looks.SCRIPTS, DODGE]
    if split == "test":
        plots.points(axis, rows[rows.split == BLIND].drop(columns=["low", "high"]), *place, marker="", linestyle="--",
                     linewidth=0.7)
        plots.points(axis, rows[rows.split == split], *place)
        for group, chance in rows[rows.split == split].groupby("group").chance.mean().items():
            axis.axhline(chance, color=looks.SCRIPTS[group].colour, lw=0.7, ls=":")
    elif rows.published.notna().any():
        plots.points(axis, rows.drop_duplicates(["setup", "group"]), *place, "published")
    else:
        plots.unprinted(axis)
    plots.slanted(axis, setups)
    axis.set_ylim(-3, 100)  # so that points at zero are seen whole


def examples(folder: Path, answers: pd.DataFrame) -> pd.DataFrame:
    """One asked plot of each script, a row for each question to read: what each setup (seed 0) says is on it.

    Columns plot_id, script, language, image, item_id, reference, the setups' answers, question. `folder` holds plots
    and items of notebook 06, `answers` are of `scores.answers`. A plot of English goes first.
    """
    read = answers[(answers.task == SMPQA_READ) & (answers.split == "test") & (answers.seed == 0)]
    items = tables.read(folder / "items.parquet", "items", task=SMPQA_READ, split="test")
    items = items.assign(plot_id=items.images.str[0], question=items.prompt.str.split("\n").str[0])
    by_setup = read.pivot(index=["item_id", "reference"], columns="setup", values="prediction")
    by_setup = by_setup[list(dict.fromkeys(read.setup))].reset_index()
    by_setup = by_setup.merge(items[["item_id", "plot_id", "question"]], on="item_id", validate="1:1")
    files = sorted(folder.glob("plots-*.parquet"))
    plots_asked = pd.concat([tables.read(path, "plots", plot_id=sorted(set(by_setup.plot_id))) for path in files])
    first = plots_asked.assign(last=plots_asked.language != "en").sort_values(["last", "plot_id"], kind="stable")
    first = first.drop_duplicates("script")[["plot_id", "script", "language", "image"]]
    merged = first.merge(by_setup, on="plot_id")
    return merged[[*(column for column in merged if column != "question"), "question"]]


def said(shown: pd.DataFrame) -> Styler:
    """The first question of each plot as a notebook shows it: the plot, and all texts as text, not as HTML."""
    first = shown.drop_duplicates("script").drop(columns=["plot_id", "item_id"])
    return first.style.format({"image": _element}, escape="html").hide(axis="index")


def _element(png: bytes) -> str:
    return f'<img src="data:image/png;base64,{b64encode(png).decode()}" width="160">'


def picture(shown: pd.DataFrame) -> Figure:
    """One plot a script, with how many of its questions each setup read right. `shown` is of `examples`."""
    setups = [name for name in shown.columns if name in params.all_setups()]
    names = list(dict.fromkeys(shown.script))
    with mpl.rc_context(looks.STYLE | {"axes.grid": False}):
        lines = -(-len(names) // 5)
        drawn, axes = plt.subplots(lines, 5, figsize=(looks.WIDTH, 1.75 * lines), squeeze=False, layout="constrained")
        for axis in axes.flat:
            axis.axis("off")
        for axis, script in zip(axes.flat, names, strict=False):
            rows = shown[shown.script == script]
            axis.imshow(image_file.read(rows.image.iloc[0], rows.plot_id.iloc[0]))
            right = [f"{sum(map(text_form.same, rows[name], rows.reference))}" for name in setups]
            axis.set_title(f"{script}: {rows.language.iloc[0]}\nread of {len(rows)}: {' '.join(right)}", fontsize=5.5)
        drawn.supxlabel("labels read right by: " + ", ".join(setups), fontsize=6)
        return plots.settled(drawn)
