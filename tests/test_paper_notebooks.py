"""The paper's profile in miniature through the whole study: every stage that Snakemake finds needed, up to the report.

Tiny Phi-3.5, SigLIP and NLLB on disk, data sets and benchmarks in their true formats; 4 bits, half precision.
Notebooks run in a warm interpreter. Run with: pytest tests/test_paper_notebooks.py (minutes)
"""

from pathlib import Path

import families
import nbformat
import pandas as pd
import pytest
import tiny_benchmarks
import tiny_hub
import tiny_nllb
import yaml
from smoke_study import SNAKEMAKE, copy_of_repository, run_in, warm

from centurio_lib import storage, tables
from centurio_lib.data.hub import ingest
from centurio_lib.params import benchmarks

pytestmark = pytest.mark.timeout(3000)

SETUPS = ["L100", "PT50", "OCR50"]
SOURCES = {"pretrain": ["sharegpt4v"], "instruct": ["vqav2", "nlvr2", "ocrvqa", "aya"], "max_image_size": 24,
           "shard_size": 10, "at_most": 100,
           "translation": {"model": "tiny/nllb", "precision": "float32", "shard_size": 40,
                           "missing_languages": {"la": "leave_out"}}}
DATA = {"sources": SOURCES, "concepts": {"emoji": 16, "flag": 8}}
STAGE = {"global_batch_size": 8, "max_seq_len": 512, "max_text_tokens": 400, "checkpoint_every": 4, "ocr_samples": 4}
BASE = {"vision": "tiny/siglip", "language_model": "tiny/phi", "image_size": 32, "text_image_size": 128,
        "vision_revision": None, "language_model_revision": None}
TEXT = {"image_size": 128, "languages": ["en", "de", "ar", "hi", "th"]}


def write_miniature(home: Path) -> None:
    """Profile `miniature` of a copy of the repository: `paper`, but for sizes and for where things lie."""
    tiny_hub.write(home / "datasets")
    families.write_vision(home / "datasets/tiny/siglip")
    families.write_language_model("phi", home / "datasets/tiny/phi")
    tiny_nllb.checkpoint(home / "datasets/tiny/nllb")
    tiny_benchmarks.write(home / "benchmarks")
    items = dict.fromkeys(benchmarks.known(), 1) | {"smpqa_read": 1, "smpqa_ground": 1}
    stated = {"parent": "paper", "about": "The paper's profile in miniature.", "data": DATA, "base": BASE,
              "pretrain": STAGE | {"samples": 60}, "instruct": STAGE | {"samples": 50}, "lora_rank": 8, "threads": 1,
              "evaluation": {"items": items, "batch_size": 64},
              "study": {"questions": ["rq3", "rq4"], "setups": SETUPS, "seeds": 1},
              "ocr": TEXT | {"test_samples": 1, "english_samples": 4, "latin_samples": 1, "other_script_samples": 1,
                             "wikipedia_articles": 0, "shard_size": 5, "min_font_px": 10.0, "max_font_px": 14.0},
              "smpqa": TEXT | {"test_plots": 1, "english_plots": 4, "font_px": 10.0}}
    (home / "params" / "profiles" / "miniature.yaml").write_text(yaml.safe_dump(stated))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A copy in which the study ran."""
    home = copy_of_repository(tmp_path_factory.mktemp("paper") / "repo")
    write_miniature(home)
    command = [part.replace("profile=smoke", "profile=miniature") for part in SNAKEMAKE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CENTURIO_DATASETS", str(home / "datasets"))
        patch.setenv("CENTURIO_BENCHMARKS", str(home / "benchmarks"))
        done = run_in(home, *command, "--", "study", warm=warm(tmp_path_factory))
    assert done.returncode == 0, done.stdout[-6000:]
    return home


def test_adapter_is_that_of_the_papers_profile(home):
    folder = home / "results" / "miniature" / "instruct" / "PT50" / "seed0"
    config = storage.read_json(folder / "adapter" / "adapter_config.json")
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (8, 16, 0.05)
    assert config["modules_to_save"] == ["multi_modal_projector"] and len(config["target_modules"]) == 8
    log = pd.read_csv(folder / "log.csv")
    assert 2 <= len(log) <= 7  # steps of 8, of 50 less what is too long
    assert (log.labels > 0).all() and log.loss.notna().all()


def test_encoder_is_trained_with_documents(home):
    adapter = home / "results" / "miniature" / "instruct" / "OCR50" / "seed0" / "adapter" / "adapter_config.json"
    assert set(storage.read_json(adapter)["modules_to_save"]) == {"multi_modal_projector", "vision_tower"}


@pytest.mark.parametrize("setup", SETUPS)
def test_every_setup_is_asked_every_task_of_the_paper(home, setup):
    scores = pd.read_parquet(home / "results" / "miniature" / "evaluate" / setup / "seed0" / "scores.parquet")
    assert set(scores.task) == {*benchmarks.known(), "smpqa_read", "smpqa_ground"}
    assert set(scores.backbone) == {"phi"} and scores.value.notna().any()


def test_tables_are_drawn_beside_the_papers(home):
    figures = home / "results" / "miniature" / "figures"
    for name in ("rq3_scores", "rq4_smpqa"):
        table = pd.read_csv(figures / f"{name}.csv")
        assert {"PT50"} <= set(table.setup) and table.published.notna().any()


def test_no_features_of_the_hubs_images_are_kept_on_disk(home):
    """Features of 1.3 million images would take terabytes."""
    assert not list(home.rglob("features-*.safetensors"))


# === data sets of the hub ===
def samples_of(folder: Path) -> pd.DataFrame:
    return pd.concat([tables.read(path, "samples") for path in ingest.sample_files(folder)], ignore_index=True)


def translations(folder: Path) -> pd.DataFrame:
    return pd.concat([tables.read(path, "translations") for path in folder.rglob("translations-*.parquet")])


def test_data_sets_are_counted_as_they_are_taken_in(home):
    manifests = [storage.read_json(home / "data/miniature" / stage / "manifest.json")
                 for stage in ("captions", "instructions")]
    counts = {row["source"]: row for manifest in manifests for row in manifest["sources"]}
    assert counts["sharegpt4v"]["samples"] == 72 and counts["aya"]["left_out"] == 2


def test_texts_are_translated_into_the_languages_of_the_mixes(home):
    translated = translations(home / "data/miniature/translate")
    assert not translated.duplicated(["text", "language"]).all() and (translated.translation.str.strip() != "").all()
    assert translated.language.nunique() > 20 and "la" not in set(translated.language)


def test_nothing_text_heavy_is_translated(home):
    heavy = samples_of(home / "data/miniature/instructions").query("text_heavy")
    texts = {turn["text"] for row in heavy.turns for turn in row if "picture 60" in turn["text"]}
    assert len(heavy) and not texts & set(translations(home / "data/miniature/translate/instruct").text)


def test_translate_shows_what_it_did(home):
    """Every cell but that of the parameters, imports and the last one shows something."""
    cells = nbformat.read(home / "data/miniature/translate/run.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and not cell.metadata.get("tags")]
    silent = [cell.source for cell in code[1:-1] if not cell.outputs]
    assert len(code) > 6 and not silent
