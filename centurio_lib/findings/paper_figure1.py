"""The paper's exploration at a glance, after its Figure 1: contents of the mixes (above), scores (below).

Above are languages by tier, the share of English, and OCR pages by script. Below are the scores that the paper printed.
The figure needs no run.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from centurio_lib import params
from centurio_lib.findings import looks, paper_results, plots, scores
from centurio_lib.findings.looks import Look
from centurio_lib.findings.paper_figures import RQ4, Drawn
from centurio_lib.languages import languages

TABLES = {"languages": "RQ1_all_tasks_phi3.5", "english": "RQ2_instruct_english_share_phi3.5"}
TITLES = {"languages": "(1) How many languages?", "english": "(2) How much English?",
          "ocr": "(3) Which text in images?"}
LABELS = [["languages", "% of the samples", "thousand pages"], ["score, all tasks (%)", "", "SMPQA Read (%)"]]
# looks of the groups of each panel, as in the other figures
LOOKS = {"languages": looks.TIERS, "english": looks.TIERS | {"others": Look(looks.PLAIN, "")}, "ocr": looks.SCRIPTS}
PAGES = 500  # thousand OCR samples of pre-training, whatever the mix
OCR = {"ocr_E100": 1.0, "ocr_E50": 0.5, "ocr_E1": 0.01, "ocr_latin_down": 0.01}  # English share
LATIN_DOWN = 0.25  # a Latin-script language's pages per page of another script's: half and double of a uniform share


def composition() -> pd.DataFrame:
    """Contents of each setup's mix: setup, panel, group, amount (languages; per cent; thousand pages)."""
    studied = params.questions()["rq1"]
    rows = [(name, "languages", f"T{tier}", sum(languages()[code].tier == tier for code in params.setup(name).mix))
            for name in studied for tier in range(5, 0, -1)]
    rows += [(name, "languages", "en", 1) for name in studied]
    for name in params.questions()["rq2"]:
        english = 100 * params.setup(name).english_share
        rows += [(name, "english", "en", english), (name, "english", "others", 100 - english)]
    rows += [(name, "ocr", script, amount) for name, share in OCR.items()
             for script, amount in _pages(share, LATIN_DOWN if name == "ocr_latin_down" else 1).items()]
    return pd.DataFrame(rows, columns=["setup", "panel", "group", "amount"])


def _pages(english: float, latin: float) -> dict[str, float]:
    """Thousand pages in English, other Latin-script languages (each with `latin` of a share), and other scripts."""
    others = [code for code in languages() if code != "en"]
    weight = {"latin": latin * sum(scores.script(code) == "latin" for code in others),
              "other": sum(scores.script(code) == "other" for code in others)}
    rest = PAGES * (1 - english) / sum(weight.values())
    return {"en": PAGES * english} | {script: rest * share for script, share in weight.items()}


def outcome() -> pd.DataFrame:
    """Printed results of each setup: setup, panel, group, published."""
    parts = [paper_results.tiers(table).assign(panel=panel) for panel, table in TABLES.items()]
    printed = pd.read_csv(paper_results.FILES[0])
    reading = printed[(printed.table == "RQ4_smpqa_phi3.5") & (printed.metric == "smpqa_read_acc")]
    parts.append(reading[reading.setup.isin(OCR)].assign(panel="ocr", published=reading.value))
    return pd.concat(parts, ignore_index=True)[["setup", "panel", "group", "published"]]


def exploration() -> Drawn:
    """Draw the figure. Returns it with one table of contents (above) and scores (below)."""
    amounts, printed = composition(), outcome()
    with mpl.rc_context(looks.STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(looks.WIDTH, 3.9), sharex="col", layout="constrained")
        for (panel, title), column in zip(TITLES.items(), axes.T, strict=True):
            setups = list(dict.fromkeys(amounts[amounts.panel == panel].setup))
            _stack(column[0], amounts[amounts.panel == panel], setups, LOOKS[panel])
            plots.points(column[1], printed[printed.panel == panel], "setup", "group", setups, LOOKS[panel], 0,
                         "published", linewidth=0.9)
            column[1].set_ylim(bottom=0)
            column[0].set_title(title)
            column[1].set_xticks(range(len(setups)), [_short(setup, panel) for setup in setups], rotation=50,
                                 ha="right")
        for row, names in zip(axes, LABELS, strict=True):
            for axis, name in zip(row, names, strict=True):
                axis.set_ylabel(name)
        handles = [*plots.handles(looks.TIERS, looks.SCRIPT_NAMES),
                   *plots.handles(looks.SCRIPTS, looks.SCRIPT_NAMES)[1:],
                   Patch(color=looks.PLAIN, label="all others")]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.1)
        return plots.settled(figure), amounts.merge(printed, how="outer", on=["setup", "panel", "group"])


def _short(setup: str, panel: str) -> str:
    """Label of a setup below its bar: in the panel of shares, L100 is the one with half of it English."""
    return RQ4.get(setup, setup.replace("L100-", "") if panel != "english" or setup != "L100" else "E50")


def _stack(axis: Axes, rows: pd.DataFrame, setups: list[str], of_groups: dict[str, Look]) -> None:
    """Draw the contents of each setup's mix as a stacked bar."""
    wide = rows.pivot(index="setup", columns="group", values="amount").reindex(setups)
    base = wide.iloc[:, 0] * 0
    for group in [group for group in of_groups if group in wide]:
        axis.bar(range(len(setups)), wide[group], bottom=base, width=0.72, color=of_groups[group].colour)
        base = base + wide[group]
