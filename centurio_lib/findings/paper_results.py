"""The paper's published numbers (arXiv 2501.05122), in the terms of this study.

`cells` are its per-language results, in the frame that `scores.tier_scores` takes, `items` the same for `statistics`;
`tiers` are its printed tier tables.
Setups carry this study's names (params/setups.yaml): the tables of RQ2 and RQ3 and the appendix name the same run
differently. paper_tables/README.md lists the files and their sources.
"""

from pathlib import Path

import pandas as pd

from centurio_lib.findings.item_scores import ITEM
from centurio_lib.findings.scores import CELL, TASK, script
from centurio_lib.languages import tier_label

TABLES = Path(__file__).with_name("paper_tables")
FILES = [TABLES / "paper_results.csv", TABLES / "paper_results_by_language.csv"]

# the paper's 13 tasks of RQ1 to RQ3; each table holds one metric, here called by what it measures
METRICS = dict.fromkeys("BIN-MC M3Exam MTVQA MaRVL MaXM SMPQA-Ground SMPQA-Read VGR VLOD XVNLI xGQA xMMMU".split(),
                        "accuracy") | {"XM3600": "cider"}
GENERATIVE = ["XM3600", "MaXM", "MTVQA"]  # answered in a language of the model's choice, so that its fidelity decides
FIDELITY = "XM3600-fidelity"  # the file's name for the fidelity of XM3600's captions

SAME_AS = {"fil": "tl", "quz": "qu"}  # test sets' codes of languages that training knows under another one
# Berber is tier 0. Hebrew is tier 3, yet the printed tiers follow only without it: two codes, iw and he, did not meet
UNTIERED = {"ber", "he"}

# score of a guess, per cent, in tasks with a fixed number of options (M3Exam and xMMMU: four in most); else 0
CHANCE = {"BIN-MC": 25, "M3Exam": 25, "xMMMU": 25, "MaRVL": 50, "VGR": 50, "VLOD": 20, "XVNLI": 100 / 3,
          "SMPQA-Ground": 50}
TASKS = {"smpqa_ground": "SMPQA-Ground", "smpqa_read": "SMPQA-Read", "xm3600": "XM3600", "maxm": "MaXM", "xgqa": "xGQA",
         "xvnli": "XVNLI", "marvl": "MaRVL", "m5_vgr": "VGR", "m5_vlod": "VLOD", "mtvqa": "MTVQA", "m3exam": "M3Exam",
         "xmmmu": "xMMMU", "bin_mc": "BIN-MC", "cvqa": "CVQA"}  # tasks that this study has under another name

SHARES = (1, 10, 25, 75, 90)  # of English, per cent; with 50 the setup is plain L100
APPENDIX = {"T5 50": "T5", "T5-4 50": "T5-T4", "T5-3 50": "T5-T3", "T5-2 50": "T5-T2", "L100 50": "L100",
            "PT 100": "PT100", "PT 50": "PT50", "PT 1": "PT1", "OCR English": "OCR100", "OCR 50": "OCR50",
            "OCR 50 (frozen)": "OCR50-frozen", "OCR 1": "OCR1", "OCR Latin-down": "Latin-down"} | {
                f"L100 {e}": f"L100-E{e}" for e in SHARES}
ROWS = {"RQ1": {}, "RQ2": {"E50": "L100"} | {f"E{e}": f"L100-E{e}" for e in SHARES},
        "RQ3": {"no_pretraining": "L100", "E100": "PT100", "E50": "PT50", "E1": "PT1"},
        "APPX_language_allocation": {"Uniform": "L100"}}
# rows of Table 4. All of the paper's models are tuned on text in images, so two of its rows are models of RQ3 again
RQ4, SAME_RUN = "RQ4_smpqa_phi3.5", {"L100-text": "L100", "PT50-text": "PT50"}
RQ4_ROWS = {"no_pretraining": "L100-text", "no_ocr": "PT50-text", "ocr_E100": "OCR100", "ocr_E50": "OCR50",
            "ocr_E50_frozen_vit": "OCR50-frozen", "ocr_E1": "OCR1", "ocr_latin_down": "Latin-down"}


def group(code: str) -> str | None:
    """The paper's column of a language; None for languages that it leaves out. Raises KeyError for others."""
    return None if code in UNTIERED else tier_label(SAME_AS.get(code, code))


def cells(backbone: str) -> pd.DataFrame:
    """Per-language results with one language model ("Phi3.5", "Llama3"), with the columns of `scores.CELL` and `TASK`.

    Averages that the paper printed are left out. Raises ValueError naming the language models that there are.
    """
    printed = pd.read_csv(FILES[1], keep_default_na=False)  # a language code is never a missing value
    known = sorted(set(printed.backbone) - {"Final"})  # Final: other models, not setups of this study
    if backbone not in known:
        raise ValueError(f"the paper has no setups with language model {backbone!r}; it has: {known}")
    rows = printed[(printed.backbone == backbone) & ~printed.lang.str.startswith("avg")]
    task = rows.task.replace(FIDELITY, "XM3600")
    metric = task.map(METRICS).where(rows.task != FIDELITY, "fidelity")
    return rows.assign(setup=rows.setup.replace(APPENDIX), seed=0, split="published", task=task, language=rows.lang,
                       group=rows.lang.map(group), metric=metric, value=rows.value.astype(float),
                       headline=rows.task != FIDELITY, generative=task.isin(GENERATIVE), task_group="benchmark",
                       )[[*CELL, *TASK]]


def items(backbone: str) -> pd.DataFrame:
    """The paper's cells as one item each, for `statistics`: columns of ITEM and TASK, chance, script.

    The thing asked about is the language, and in English the task: intervals come from the languages of a tier (which
    include the noise of items), and in English from the tasks.
    """
    rows = cells(backbone)
    return rows.assign(item_id="cell", score=rows.value, script=rows.language.map(script),
                       chance=rows.task.map(CHANCE).where(rows.headline).fillna(0.0),
                       thing=rows.task.where(rows.language == "en", rows.language))[[*ITEM, *TASK, "chance", "script"]]


def tiers(table: str) -> pd.DataFrame:
    """One printed tier table of the ablations: setup, group, published. Raises KeyError naming the tables."""
    printed = pd.read_csv(FILES[0])
    known = {name: question for name in sorted(set(printed.table)) for question in ROWS if name.startswith(question)}
    if table not in known:
        raise KeyError(f"no tier table {table!r}; paper_results.csv has: {list(known)}")
    rows = printed[printed.table == table]
    ours = rows.setup.replace(ROWS[known[table]])
    return rows.assign(setup=ours, published=rows.value)[["setup", "group", "published"]]


def scripts(task: str) -> pd.DataFrame:
    """One task of Table 4 ("smpqa_read", "smpqa_ground"): setup, group ("en", "latin", "other"), published."""
    printed = pd.read_csv(FILES[0])
    rows = printed[(printed.table == RQ4) & (printed.metric == f"{task}_acc")]
    return rows.assign(setup=rows.setup.replace(RQ4_ROWS), published=rows.value)[["setup", "group", "published"]]
