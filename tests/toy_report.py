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

from centurio_lib import params, paths, storage, tables
from centurio_lib.data.sources import packages
from centurio_lib.findings import claims, scores
from centurio_lib.languages import language, tier_label
from centurio_lib.report import cells, gallery, pages, site, webfonts

SETUPS = ["English", "L100"]
SEEDS = 2
CATS = {"en": "cat", "de": "Katze", "ar": "قطة", "fa": "گربه", "he": "חתול", "hi": "बिल्ली", "th": "แมว", "ja": "猫の顔",
        "zh": "貓", "ko": "고양이", "ru": "кошка", "am": "ድመት", "bn": "বিড়াল", "ta": "பூனை", "ka": "კატა"}
NASTY = '<script>document.title = "taken"</script>'  # an answer; must be shown, not run
SPLITS = ["new-style", "blind"]
PROFILE = "smoke"


def items() -> pd.DataFrame:
    """The `items` table: a caption, a flag and the odd one of three pictures in each language."""
    rows = [{"task": task, "split": split, "language": code, "item_id": f"{task}/{split}/{code}/0", "reference": name,
             "images": [f"emoji/cat/twemoji/{i}" for i in range(3 if task == "odd_one_out" else 1)],
             "concepts": ["cat"], "prompt": f"Describe the image in {language(code).name}.", "options": []}
            for task in ("captioning", "flag", "odd_one_out") for split in SPLITS for code, name in CATS.items()]
    return pd.DataFrame(rows)


def predictions(setup: str, seed: int) -> pd.DataFrame:
    """The `predictions` table: L100 answers as is asked, English in English, but for one answer that is HTML."""
    frame = items().drop(columns=["images", "concepts", "prompt", "options"])
    right = frame.language == "en" if setup == "English" else pd.Series(True, index=frame.index)
    said = frame.reference.where(right, "cat").mask((frame.language == "de") & ~right, NASTY)
    identified = right.astype(float).where(frame.task == "captioning")
    metrics = {"captioning": "cider", "flag": "exact_match", "odd_one_out": "accuracy"}
    return frame.assign(profile=PROFILE, setup=setup, backbone="toy", seed=seed, prediction=said,
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
    found = []
    for setup in SETUPS:
        for seed in range(SEEDS):
            folder = home / "results" / PROFILE / "evaluate" / setup / f"seed{seed}"
            answers = predictions(setup, seed)
            tables.write(folder / "items.parquet", "items", items())
            tables.write(folder / "predictions.parquet", "predictions", answers)
            found.append(tables.write(folder / "scores.parquet", "scores", scores_of(answers)))
    return found


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
    for where, split in ((PROFILE, "new-style"), ("paper: Phi-3.5", "published")):
        for name, claim in claims.load().claims.items():
            rows += [{"where": where, "split": split, "claim": name, "part": i, "compares": part.in_short,
                      "verdict": claims.REPLICATED, "value": 3.0, "low": 1.0, "high": 5.0, "why": ""}
                     for i, part in enumerate(claim.parts)]
    return pd.DataFrame(rows)


def figures_in(home: Path) -> None:
    """A figure with its record, and the tables that the report reads."""
    folder = home / "figures" / PROFILE
    folder.mkdir(parents=True)
    Image.new("RGB", (40, 20), "#20a040").save(folder / "rq1.png")
    storage.write_json(folder / "rq1.json", {"notebook": "20_rq1_number_of_languages"})
    (folder / "index.html").write_text("<!doctype html><title>figures</title>")
    parts().to_csv(folder / "claims.csv", index=False)
    shown = [("English", 0, "new-style", "answers in the wrong language", "too little tuning", 2, "captioning th 0"),
             ("L100", 0, "new-style", "none", "", 0, "")]
    pd.DataFrame(shown, columns=["setup", "seed", "split", "signature", "cause", "n", "cells"]).to_csv(
        folder / "signatures.csv", index=False)
    published = home / "figures" / "published"
    published.mkdir()
    (published / "index.html").write_text("<!doctype html><title>published</title>")


def notebook_in(home: Path) -> Path:
    """An executed notebook with a table in two scripts."""
    shown = v4.new_output("display_data", {"text/html": f"<table class='dataframe'><td>{CATS['ar']}</td></table>"})
    cells = [v4.new_markdown_cell("# Toy: what is there?"), v4.new_code_cell("x = 1  # why", outputs=[shown])]
    path = home / "run.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def content(home: Path) -> site.Content:
    """Everything that the toy report shows, read back from files below a folder."""
    stored = runs_in(home)
    figures_in(home)
    rows = cells.rows(scores.stored(stored))
    cards = gallery.cards(gallery.answers(stored[::SEEDS]))
    return site.Content(PROFILE, SEEDS, [params.setup(name) for name in SETUPS], rows, cards, claims.load(),
                        site.table(PROFILE, "claims"), site.table(PROFILE, "signatures"), site.drawn(PROFILE),
                        [pages.page("toy", notebook_in(home))])


def write(home: Path) -> tuple[site.Content, Path]:
    """Write the toy report below a folder that `paths.HOME` names. Returns what it shows, and its page."""
    assert home == paths.HOME, "figures are looked for below paths.HOME"
    shown = content(home)
    files = site.render(shown)
    fonts, _ = webfonts.stylesheet(site.everything(files, shown.cards))
    widget = packages.read("tabulator-tables", lambda name: name in site.WIDGET)
    pictures = gallery.pictures({"images": [images_in(home)]}, shown.cards)
    loaded = {f"assets/{name.split('dist/')[-1].split('/')[-1]}": held for name, held in widget.items()}
    loaded |= {f"assets/{name}": held for name, held in fonts.items()}
    loaded |= {site.image_file(image_id): held for image_id, held in pictures.items()}
    return shown, site.write(home / "results" / PROFILE / "report", files | loaded, PROFILE)
