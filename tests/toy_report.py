"""A small report with answers in many scripts, made of tables in the real format: what tests of the report look at.

`write(home)` takes seconds: no model, no study. Fonts and the table widget come from the fetched archives.
"""

import io
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from nbformat import v4
from PIL import Image

from centurio_lib import params, storage, tables
from centurio_lib.findings import claims, scores
from centurio_lib.languages import language, tier_label
from centurio_lib.report import answers, cells, pages, questions, site

SETUPS = ["English", "L100"]
SEEDS = 2
CATS = {"en": "cat", "de": "Katze", "ar": "قطة", "fa": "گربه", "he": "חתול", "hi": "बिल्ली", "th": "แมว", "ja": "猫の顔",
        "zh": "貓", "ko": "고양이", "ru": "кошка", "am": "ድመት", "bn": "বিড়াল", "ta": "பூனை", "ka": "კატა"}
NASTY = '<script>document.title = "taken"</script>'  # an answer; must be shown, not run
SPLITS = ["new-style", "blind"]
PROFILE = "smoke"


def items() -> pd.DataFrame:
    """The `items` table: a caption, a flag and the odd one of three pictures in each language."""
    rows = [{"task": task, "split": split, "language": code, "item_id": f"{task}/{split}/{code}/0", "number": 0,
             "reference": name, "images": [f"emoji/cat/twemoji/{i}" for i in range(3 if task == "odd_one_out" else 1)],
             "concepts": ["cat"], "prompt": f"Describe the image in {language(code).name}.", "options": []}
            for task in ("captioning", "flag", "odd_one_out") for split in SPLITS for code, name in CATS.items()]
    return pd.DataFrame(rows)


def predictions(setup: str, seed: int) -> pd.DataFrame:
    """The `predictions` table: L100 answers as is asked, English in English, but for one answer that is HTML."""
    frame = items().drop(columns=["number", "images", "concepts", "prompt", "options"])
    right = frame.language == "en" if setup == "English" else pd.Series(True, index=frame.index)
    text = frame.reference.where(right, "cat").mask((frame.language == "de") & ~right, NASTY)
    identified = right.astype(float).where(frame.task == "captioning")
    metrics = {"captioning": "cider", "flag": "exact_match", "odd_one_out": "accuracy"}
    return frame.assign(thing="cat", profile=PROFILE, setup=setup, backbone="toy", seed=seed, prediction=text,
                        score=100.0 * right, in_language=identified, metric=frame.task.map(metrics),
                        task_group="pictures", generative=frame.task != "odd_one_out")


def scores_of(answers: pd.DataFrame) -> pd.DataFrame:
    """The `scores` table: the headline metric of each task, and fidelity; a different value in each cell."""
    fidelity = answers[answers.task == "captioning"].assign(metric="fidelity", headline=False)
    both = pd.concat([answers.assign(headline=True), fidelity], ignore_index=True)
    values = np.round(np.random.default_rng(both.seed.iloc[0]).uniform(0, 100, len(both)), 3)
    chance = np.where(both.task == "flag", 5, np.nan)
    both = both.assign(value=values, tier=both.language.map(tier_label), n=1, chance=chance)
    return both[tables.SCHEMAS["scores"].names]


def runs_in(home: Path) -> list[Path]:
    """Stored evaluations of every setup and seed below a folder: their score tables."""
    written = []
    for setup in SETUPS:
        for seed in range(SEEDS):
            folder = home / "results" / PROFILE / "evaluate" / setup / f"seed{seed}"
            answered = predictions(setup, seed)
            tables.write(folder / "items.parquet", "items", items())
            tables.write(folder / "predictions.parquet", "predictions", answered)
            written.append(tables.write(folder / "scores.parquet", "scores", scores_of(answered)))
    return written


def images_in(home: Path) -> Path:
    """An `images` table with the pictures of the items."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "#c04020").save(content, "PNG")
    rows = [{"image_id": f"emoji/cat/twemoji/{i}", "concept": "cat", "kind": "emoji", "style": "twemoji", "variant": i,
             "split": "new-style", "image": content.getvalue()} for i in range(3)]
    return tables.write(home / "images.parquet", "images", pd.DataFrame(rows))


def parts() -> pd.DataFrame:
    """A verdict on each part of each claim: ours on one split, and the paper's."""
    rows = []
    columns = (PROFILE, "new-style", claims.EXPLORATORY), ("paper: Phi-3.5", "published", claims.PUBLISHED)
    for where, split, stage in columns:
        for name, claim in claims.load().claims.items():
            rows += [{"where": where, "stage": stage, "seeds": "0-1", "split": split, "claim": name, "part": i,
                      "compares": part.in_short, "verdict": claims.REPLICATED, "value": 3.0, "low": 1.0, "high": 5.0,
                      "why": ""}
                     for i, part in enumerate(claim.parts)]
    return pd.DataFrame(rows)


def scores_by_tier() -> pd.DataFrame:
    """The table behind the figure of RQ1."""
    rows = [{"setup": setup, "group": group, "split": "new-style", "value": value + 10 * i, "low": value, "high": 90.0,
             "published": 30.0, "metric": "all_tasks", "population_low": value, "population_high": 95.0, "why": ""}
            for i, (setup, value) in enumerate({"English": 40.0, "L100": 50.0}.items()) for group in ("en", "T5", "T1")]
    counts = {"n": 5, "missing": 0, "items": 20, "seeds": SEEDS, "by_seed": "1.0 2.0"}
    return pd.DataFrame(rows).assign(**counts)[scores.COLUMNS]


def figures_in(home: Path) -> Path:
    """A folder with a figure of a question, another figure, their records, and the tables that the report reads."""
    folder = home / "figures"
    folder.mkdir(parents=True)
    for name, notebook in {"rq1": "20_rq1_number_of_languages", "languages": "01_languages"}.items():
        Image.new("RGB", (40, 20), "#20a040").save(folder / f"{name}.png")
        storage.write_json(folder / f"{name}.json", {"notebook": notebook, "params": {"setups": SETUPS}})
    (folder / "index.html").write_text("<!doctype html><title>figures</title>")
    parts().to_csv(folder / "claims.csv", index=False)
    for name in ("rq1", "rq1_scores"):
        scores_by_tier().to_csv(folder / f"{name}.csv", index=False)
    failures = [("English", 0, "new-style", "answers in the wrong language", "too little tuning", 2, "captioning th 0"),
                ("L100", 0, "new-style", "none", "", 0, "")]
    pd.DataFrame(failures, columns=["setup", "seed", "split", "signature", "cause", "n", "cells"]).to_csv(
        folder / "signatures.csv", index=False)
    return folder


def notebook_in(home: Path) -> Path:
    """An executed notebook with a table in two scripts."""
    shown = v4.new_output("display_data", {"text/html": f"<table class='dataframe'><td>{CATS['ar']}</td></table>"})
    cells = [v4.new_markdown_cell("# Toy: what is there?"), v4.new_code_cell("x = 1  # why", outputs=[shown])]
    path = home / "run.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def content(home: Path) -> site.Content:
    """Everything that the toy report shows, read back from files below a folder."""
    files, folder, rules = runs_in(home), figures_in(home), claims.load()
    verdicts = questions.stored(folder, "claims")
    untested = [name for name, claim in rules.claims.items() if questions.question_of(claim) != "rq1"]
    answered = pd.concat([predictions(setup, 0) for setup in SETUPS])
    return site.Content(
        profile=PROFILE, seeds=SEEDS, setups=[params.setup(name) for name in SETUPS],
        questions=[questions.question("rq1", folder, rules, verdicts)],
        untested=questions.verdicts(rules, verdicts, untested),
        figures=[figure for figure in questions.figures(folder) if figure.name == "languages"],
        cells=cells.rows(scores.stored(files)), signatures=questions.stored(folder, "signatures"),
        items=answers.items(answers.with_items(answered, items()), SETUPS),
        notebooks=[pages.page("toy", notebook_in(home))], published=False)


def write(home: Path) -> tuple[site.Content, Path]:
    """Write the toy report below a folder. Returns what it shows, and its page."""
    shown = content(home)
    pictures = answers.pictures({"images": [images_in(home)]}, answers.images_of(shown.items))
    picture_files = site.image_files(pictures)
    files = site.render(shown._replace(items=answers.with_files(shown.items, picture_files)))
    loaded, _ = site.loaded(files, shown.items)
    drawn = {picture_files[image_id]: picture for image_id, picture in pictures.items()}
    return shown, site.write(home / "report", files | loaded | drawn, {PROFILE: home / "figures"})
