"""Figures of the paper's tables and appendix, drawn from its published numbers alone.

The figures need no run. Each function returns the figure and the table that it is drawn from.
"""

from collections.abc import Callable
from functools import partial

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from centurio_lib.findings import ablation, figures, looks, paper_results, plots, scores
from centurio_lib.languages import languages

RQ4 = {"no_pretraining": "no pre-training", "no_ocr": "no OCR", "ocr_E100": "100 % English", "ocr_E50": "50 %",
       "ocr_E50_frozen_vit": "50 %, frozen", "ocr_E1": "1 %", "ocr_latin_down": "Latin down"}
# our tasks in the place of the paper's whose shape they have, for the final comparison
SHAPE = {"captioning": "XM3600_CIDEr", "flag": "MaXM_acc", "multiple_choice": "BIN-MC_acc", "image_pair": "M5-VGR_acc",
         "odd_one_out": "M5-VLOD_acc", "smpqa_ground": "SMPQA-Ground_acc", "smpqa_read": "SMPQA-Read_acc"}
# the paper's own test sets, where a profile asks them
BENCHMARKS = {"xm3600": "XM3600_CIDEr", "maxm": "MaXM_acc", "xgqa": "xGQA_acc", "xvnli": "XVNLI_acc",
              "marvl": "MaRVL_acc", "m5_vgr": "M5-VGR_acc", "m5_vlod": "M5-VLOD_acc", "mtvqa": "MTVQA_acc",
              "m3exam": "M3Exam_acc",
              "xmmmu": "xMMMU_acc", "bin_mc": "BIN-MC_acc", "cvqa": "CVQA_acc"}
TEXT = {task: SHAPE[task] for task in ("smpqa_read", "smpqa_ground")}
FIDELITY = ("XM3600_language_fidelity_pct", "all_langs")  # its column, beside that of CIDEr
CHOSEN = ["Centurio", "OCR50", "PT50", "L100"]  # setups of ours by how many of the final model's choices they have
Drawn = tuple[Figure, pd.DataFrame]


def tidy(table: str | None, backbone: str, part: str, setups: list[str]) -> pd.DataFrame:
    """A printed tier table in the columns of `scores.COLUMNS`, or (None) tier scores of the paper's cells.

    The result is empty where the paper has neither for at least two setups.
    """
    if table is not None:
        rows = paper_results.tiers(table)
    else:
        cells = ablation.part(paper_results.cells(backbone), part)
        cells = cells[cells.setup.isin(setups)]
        rows = pd.DataFrame(columns=["setup", "group", "published"])
        if cells.setup.nunique() > 1:  # one setup alone compares with nothing
            rows = scores.tier_scores(cells).rename(columns={"value": "published"})
    order = {setup: place for place, setup in enumerate(setups)}
    rows = rows[rows.setup.isin(setups)].sort_values("setup", key=lambda names: names.map(order), kind="stable")
    return rows[["setup", "group", "published"]].assign(metric=part, split="paper").reindex(columns=scores.COLUMNS)


def question(name: str, setups: list[str]) -> Drawn:
    """RQ1, RQ2 or RQ3 with Phi-3.5: a printed tier table (Tables 1 to 3) and what follows from the cells beside it."""
    parts = [tidy(ablation.PUBLISHED[name].get(part), "Phi3.5", part, setups) for part in ablation.PARTS]
    draw = figures.by_tier if name == "rq1" else figures.across
    return draw(*parts), pd.concat([part.dropna(axis=1, how="all") for part in parts], ignore_index=True)


def text_in_images() -> Drawn:
    """RQ4 (Table 4): grounding and reading in three groups of scripts."""
    table = pd.read_csv(paper_results.FILES[0])
    table = table[table.table == paper_results.RQ4].drop(columns="table")
    with mpl.rc_context(looks.STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(looks.WIDTH, 2.6), layout="constrained")
        for axis, (metric, title) in zip(axes, {"smpqa_ground_acc": "SMPQA Ground (chance 50)",
                                                "smpqa_read_acc": "SMPQA Read"}.items(), strict=True):
            plots.points(axis, table[table.metric == metric], "setup", "group", list(RQ4), looks.SCRIPTS, 0.16)
            plots.slanted(axis, list(RQ4.values()))
            axis.set(title=title, ylim=(-3, 100))
        axes[0].set_ylabel("exact match (%)")
        figure.legend(handles=plots.handles(looks.SCRIPTS, looks.SCRIPT_NAMES), loc="outside lower center", ncols=3)
        return plots.settled(figure), table


def final(ours: pd.DataFrame | None = None) -> Drawn:
    """The final comparison (Table 5): 15 systems by tasks, each column shaded from its lowest to its highest score.

    `ours` has rows setup, group ("en", "mul"), metric (a column of the paper's, see `SHAPE`), value: below a line.
    """
    table = pd.read_csv(paper_results.FILES[0])
    table = table[table.table == "FINAL_table5"].drop(columns="table")
    order = table[table.metric == "AVG"].sort_values("value", ascending=False).setup.tolist()
    if ours is not None:
        table, order = pd.concat([table, ours], ignore_index=True), [*order, *dict.fromkeys(ours.setup)]
    columns = table.drop_duplicates(["metric", "group"])[["metric", "group"]]
    wide = table.pivot(index="setup", columns=["metric", "group"], values="value")
    wide = wide.reindex(index=order, columns=pd.MultiIndex.from_frame(columns))
    labels = [metric.rsplit("_", 1)[0] + (f" {group}" if group in ("en", "mul") else "")
              for metric, group in wide.columns]
    labels = [label.replace("XM3600_language_fidelity", "XM3600 fid.") for label in labels]
    figure = grid(wide.set_axis(labels, axis=1), "", by_column=True, line=15 if ours is not None else None)  # systems
    return figure, table


def chosen(setups: list[str]) -> str:
    """The study's setup in the final comparison: the one with most choices of the final model."""
    return next((name for name in CHOSEN if name in setups), setups[-1])


def ours(cells: pd.DataFrame, setup: str, label: str) -> pd.DataFrame:
    """Rows of one setup for `final`: means over seeds and languages, tasks of like shape, new styles and labels.

    Where a profile asks any of the paper's own test sets, those and SMPQA alone: what was not run stays empty.
    """
    seen = cells[(cells.setup == setup) & cells.split.isin(["new-style", "test"])]
    rows = seen[seen.headline]
    columns = BENCHMARKS | TEXT if set(rows.task) & set(BENCHMARKS) else SHAPE
    rows = rows.assign(metric=rows.task.map(columns), group=np.where(rows.language == "en", "en", "mul"))
    fidelity = seen[(seen.metric == "fidelity") & seen.task.map(columns).eq("XM3600_CIDEr")]
    rows = pd.concat([rows.dropna(subset="metric"), fidelity.assign(metric=FIDELITY[0], group=FIDELITY[1])])
    return rows.groupby(["metric", "group"], as_index=False).value.mean().assign(setup=label)


def final_tiers() -> Drawn:
    """Table 6: five systems by tier, with and without tasks of several images."""
    table = pd.read_csv(paper_results.FILES[0])
    table = table[table.table.str.startswith("FINAL_table6")]
    titles = {"FINAL_table6_by_tier": "All tasks", "FINAL_table6_by_tier_no_multiimage": "Without multi-image tasks"}
    systems = looks.of(list(dict.fromkeys(table.setup)))
    with mpl.rc_context(looks.STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(looks.WIDTH, 2.5), sharey=True, layout="constrained")
        for axis, (name, title) in zip(axes, titles.items(), strict=True):
            figures.tier_lines(axis, table[table.table == name], systems)
            axis.set_title(title)
        axes[0].set_ylabel("score (%)")
        figure.legend(handles=plots.handles(systems), loc="outside lower center", ncols=3)
        return plots.settled(figure), table


def tables(questions: dict[str, list[str]]) -> dict[str, Callable[[], Drawn]]:
    """Name and drawing of each of Tables 1 to 6; `questions`: the setups that each compares."""
    drawn = {f"table{n}_{name}": partial(question, name, questions[name])
             for n, name in enumerate(["rq1", "rq2", "rq3"], start=1)}
    return drawn | {"table4_rq4": text_in_images, "table5_final": final, "table6_final_tiers": final_tiers}


def appendix() -> dict[str, Callable[[], Drawn]]:
    """Name and drawing of a heat map for each task of Tables 18 to 46: setups (Phi-3.5, Llama-3) or systems by
    languages.
    """
    table = pd.read_csv(paper_results.FILES[1], keep_default_na=False).astype({"value": float})
    table, drawn = table[~table.lang.str.startswith("avg")], {}
    for family, backbones in {"setups": ["Phi3.5", "Llama3"], "systems": ["Final"]}.items():
        places = table.backbone.map({backbone: place for place, backbone in enumerate(backbones)})
        chosen = table.assign(place=places).dropna(subset="place").sort_values("place", kind="stable")
        for task, rows in chosen.groupby("task", sort=False):
            drawn[f"{family}_{task.lower()}"] = partial(by_language, rows.drop(columns="place"), task)
    return drawn


def by_language(rows: pd.DataFrame, task: str) -> Drawn:
    """A task's published results as a heat map of setups or systems by languages."""
    label = rows.setup.replace(paper_results.APPENDIX)
    if set(rows.backbone) != {"Final"}:
        label = label + ", " + rows.backbone.replace({"Phi3.5": "Phi-3.5", "Llama3": "Llama-3"})
    wide = rows.assign(label=label).pivot(index="label", columns="lang", values="value")
    return grid(wide.reindex(index=list(dict.fromkeys(label)), columns=sorted(wide, key=_place)), task), rows


def _place(code: str) -> tuple:
    """English first, then by tier, then codes that the study lacks (country splits, Berber)."""
    codes = list(languages())
    known = paper_results.SAME_AS.get(code, code)
    return (code != "en", codes.index(known) if known in codes else len(codes), code)


def grid(wide: pd.DataFrame, title: str, by_column: bool = False, line: int | None = None) -> Figure:
    """Heat map with its numbers written in; shades span the whole map, or each column. What is missing stays grey.

    Rows below a `line` stand beside the others: they take the shades of these, and do not stretch them.
    """
    values = wide.to_numpy(float)
    low, high = (f(values[:line], axis=0 if by_column else None) for f in (np.nanmin, np.nanmax))
    shade = np.clip((values - low) / np.where(high > low, high - low, 1), 0, 1)
    with mpl.rc_context(looks.STYLE | {"axes.grid": False}):
        size = (max(2.6, 1.25 + 0.215 * wide.shape[1]), 0.75 + 0.135 * len(wide))
        figure, axis = plt.subplots(figsize=size, layout="constrained")
        plots.heat_map(axis, pd.DataFrame(shade, wide.index, wide.columns), "cividis", high=1, numbers=wide)
        axis.set_title(title, loc="left", fontsize=7)
        if line is not None:
            axis.axhline(line, color="black", lw=1)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        figure.draw_without_rendering()  # upright labels take the layout a second pass
        return plots.settled(figure)
