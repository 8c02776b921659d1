"""Text in images (RQ4): SMPQA by script beside the paper's Table 4, how far answers are from labels, and examples."""

import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.image as mpimg
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from centurio_lib import params, tables
from centurio_lib.findings import figures, paper_results, scores, statistics
from centurio_lib.findings.scores import BLIND, SCRIPTS
from centurio_lib.params import PAGE_READ, SMPQA_GROUND, SMPQA_READ

TASKS = {SMPQA_GROUND: "SMPQA Ground (yes or no)", SMPQA_READ: "SMPQA Read", PAGE_READ: "Pages (characters)"}
ERRORS = "cer"  # character error rate of reading: less is better
LOOKS = {"en": ("English", figures.ENGLISH, "X"), "latin": ("other Latin script", "#0072b2", "o"),
         "other": ("other scripts", "#009e73", "s")}


def of(frame: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """Cells or items of one task and metric, grouped by script as Table 4 is."""
    own = frame[(frame.task == task) & (frame.metric == metric)]
    return own.assign(group=own.language.map(paper_results.script))


def known(frame: pd.DataFrame) -> list[str]:
    """The tasks of text that some cells or items are of; SMPQA's always. A profile asks for pages or not."""
    return [task for task in TASKS if task in paper_results.TASKS or task in set(frame.task)]


def table(config: params.Profile, cells: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Scores by script with the columns of `scores.COLUMNS`, and chance in script and split; the paper's
    beside ours.

    Metrics are the tasks (exact match; of pages the share of characters; with intervals) and the character error rate
    of reading SMPQA. `cells` are of `scores.stored`, `items` of `scores.items`. Raises ValueError as `scores.checked`
    (where no setup was asked, say).
    """
    parts = []
    for task in known(cells):
        own, headline = of(cells, task, scores.HEADLINE[task]), scores.HEADLINE[task]
        printed = paper_results.scripts(task)
        printed = printed.assign(setup=[params.trained_as(config, name) for name in printed.setup])
        tidy = scores.table(own, task, printed, statistics.estimates(of(items, task, headline)))
        chance = own.groupby(["split", "group"], as_index=False).chance.mean()
        parts.append(tidy.merge(chance, how="left", on=["split", "group"]))
    errors = of(cells, SMPQA_READ, ERRORS)
    return pd.concat([*parts, scores.table(errors, ERRORS).assign(chance=float("nan"))], ignore_index=True)


def differences(items: pd.DataFrame, against: str) -> pd.DataFrame:
    """Paired differences from one setup in both tasks by script, Holm's correction by task."""
    seen = items[items.split != BLIND]
    found = [statistics.differences(of(seen, task, scores.HEADLINE[task]), against, SCRIPTS).assign(metric=task)
             for task in known(seen)]
    setups = [setup for setup in dict.fromkeys(items.setup) if setup != against]
    ordered = pd.concat([scores.ordered(rows, setups) for rows in found], ignore_index=True)
    return ordered.round(dict.fromkeys(("value", "low", "high", "p", "p_holm"), scores.DECIMALS))


def figure(tidy: pd.DataFrame) -> Figure:
    """Grounding and reading, ours above the paper's: setups side by side, a line for each group of scripts.

    Blind scores are dashed, chance is dotted.
    """
    setups, tasks = list(dict.fromkeys(tidy.setup)), [task for task in TASKS if task in set(tidy.metric)]
    rows = {"test": "ours", "published": "paper: Phi-3.5"}
    with mpl.rc_context(figures.STYLE):
        drawn, axes = plt.subplots(2, len(tasks), figsize=(figures.WIDTH, 4.4), sharex=True, sharey="col",
                                   layout="constrained")
        for (split, label), line in zip(rows.items(), axes, strict=True):
            for task, axis in zip(tasks, line, strict=True):
                if split == "published" and task not in paper_results.TASKS:
                    figures.unprinted(axis)
                    axis.set_xticks(range(len(setups)), setups, rotation=40, ha="right")
                    continue
                _panel(axis, tidy[tidy.metric == task], split, setups)
                axis.set_title(TASKS[task] if split == "test" else "")
            line[0].set_ylabel(f"{label}\nright (%)")
        handles = [Line2D([], [], color=colour, marker=marker, label=name) for name, colour, marker in LOOKS.values()]
        handles += [Line2D([], [], color=figures.PLAIN, lw=0.7, ls=style, label=name)
                    for name, style in (("blind: another picture", "--"), ("chance", ":"))]
        drawn.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.4)
        return figures.settled(drawn)


def _panel(axis: Axes, rows: pd.DataFrame, split: str, setups: list[str]) -> None:
    for i, (group, (_, colour, marker)) in enumerate(LOOKS.items()):
        own = rows[rows.group == group]
        places = [x + 0.08 * (i - 1) for x in range(len(setups))]
        if split == "published":
            printed = own.drop_duplicates("setup").set_index("setup").published.reindex(setups)
            axis.plot(places, printed, color=colour, marker=marker)
            continue
        seen, blind = (own[own.split == name].set_index("setup").reindex(setups) for name in (split, BLIND))
        axis.plot(places, seen.value, color=colour, marker=marker)
        axis.plot(places, blind.value, color=colour, lw=0.7, ls="--")
        figures.bars(axis, places, seen, colour)
        axis.axhline(seen.chance.mean(), color=colour, lw=0.7, ls=":")
    axis.set_xticks(range(len(setups)), setups, rotation=40, ha="right")
    axis.set_ylim(0, 100)


def plots(folder: Path, paths: list[Path]) -> pd.DataFrame:
    """One asked plot of each script, a row for each question to read: what each setup (seed 0) says is on it.

    Columns plot_id, script, language, image, item_id, reference, the setups' answers, question. `folder` holds the
    plots of notebook 06, `paths` are the stored scores (`scores.inputs`). A plot of English goes first.
    """
    of = {"task": SMPQA_READ, "split": "test", "seed": 0}
    found = [tables.read(Path(path).with_name("predictions.parquet"), "predictions", **of) for path in paths]
    said = pd.concat(found, ignore_index=True)
    said = said.assign(plot_id=said.item_id.str.rsplit("/", n=1).str[0])
    answers = said.pivot(index=["plot_id", "item_id", "reference"], columns="setup", values="prediction")
    answers = answers[list(dict.fromkeys(said.setup))].reset_index()
    files, asked = sorted(folder.glob("plots-*.parquet")), sorted(set(said.plot_id))
    shown = pd.concat([tables.read(path, "plots", plot_id=asked) for path in files])
    shown = shown.assign(first=shown.language != "en").sort_values(["first", "plot_id"], kind="stable")
    shown = shown.drop_duplicates("script")[["plot_id", "script", "language", "image"]]
    asked = tables.read(folder / "items.parquet", "items", task=SMPQA_READ, split="test")
    asked = asked.assign(question=asked.prompt.str.split("\n").str[0])[["item_id", "question"]]
    return shown.merge(answers, on="plot_id").merge(asked, on="item_id")


def examples(shown: pd.DataFrame) -> Figure:
    """One plot a script, with how many of its questions each setup read right. `shown` is of `plots`."""
    setups = [name for name in shown.columns if name in params.all_setups()]
    names = list(dict.fromkeys(shown.script))
    with mpl.rc_context(figures.STYLE | {"axes.grid": False}):
        rows = -(-len(names) // 5)
        drawn, axes = plt.subplots(rows, 5, figsize=(figures.WIDTH, 1.75 * rows), squeeze=False, layout="constrained")
        for axis in axes.flat:
            axis.axis("off")
        for axis, script in zip(axes.flat, names, strict=False):
            own = shown[shown.script == script]
            axis.imshow(_pixels(own.image.iloc[0]))
            right = [f"{sum(own[name].str.casefold() == own.reference.str.casefold())}" for name in setups]
            axis.set_title(f"{script}: {own.language.iloc[0]}\nread of {len(own)}: {' '.join(right)}", fontsize=5.5)
        drawn.supxlabel("labels read right by: " + ", ".join(setups), fontsize=6)
        return figures.settled(drawn)


def _pixels(content: bytes):
    return mpimg.imread(io.BytesIO(content))
