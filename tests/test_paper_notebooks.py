"""Notebooks 10 to 12 with the paper's profile in miniature: a tiny Phi-3.5 and SigLIP on disk, in 4 bits and half precision.

Run with: pytest tests/test_paper_notebooks.py (minutes)
"""

from pathlib import Path

import families
import pandas as pd
import pytest
import yaml
from smoke_study import copy_of_repository, run_in

from centurio_lib import provenance

pytestmark = pytest.mark.timeout(3000)

DATA = {"sources": None, "n_emoji": 16, "n_flags": 8, "variants": 2, "test_variants": 1}
STAGE = {"samples": 24, "conversations": 8, "row_tokens": 256, "checkpoint_every": 2, "text_heavy": 0, "ocr_samples": 0}
NOTEBOOKS = {"02_captions": [], "04_instructions": [], "10_pretrain": ["PT50"], "11_instruct": ["PT50"], "12_evaluate": ["PT50"]}


def write_miniature(home: Path) -> None:
    """Profile `miniature` of a copy of the repository: `paper`, but for sizes and for models that lie in models/."""
    models = home / "models" / "miniature"
    families.write_vision(models / "vision")
    families.write_language_model("phi", models / "language_model")
    base = {"vision": "models/miniature/vision", "language_model": "models/miniature/language_model", "pixels": 32,
            "vision_revision": None, "language_model_revision": None}
    stated = {"parent": "paper", "about": "The paper's profile in miniature.", "data": DATA, "base": base, "pretrain": STAGE,
              "instruct": STAGE, "lora_rank": 8, "threads": 1, "text_in_images": False,
              "evaluation": {"items": {"captioning": 1, "multiple_choice": 1}, "batch": 64}}
    (home / "params" / "profiles" / "miniature.yaml").write_text(yaml.safe_dump(stated))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A copy in which the notebooks ran, one after the other."""
    home = copy_of_repository(tmp_path_factory.mktemp("paper") / "repo")
    write_miniature(home)
    for notebook, setup in NOTEBOOKS.items():
        stated = ["-p", "profile", "miniature", *(["-p", "setup", *setup] if setup else [])]
        done = run_in(home, "papermill", f"notebooks/{notebook}.ipynb", str(home / f"{notebook}.ipynb"), *stated,
                      "--no-progress-bar", "--log-level", "WARNING")
        assert done.returncode == 0, f"{notebook}:\n{done.stdout[-4000:]}"
    return home


def test_adapter_is_that_of_the_papers_profile(home):
    folder = home / "results" / "miniature" / "instruct" / "PT50" / "seed0"
    config = provenance.read_json(folder / "adapter" / "adapter_config.json")
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (8, 16, 0.05)
    assert config["modules_to_save"] == ["multi_modal_projector"] and len(config["target_modules"]) == 8
    log = pd.read_csv(folder / "log.csv")
    assert len(log) == 3 and (log.labels > 0).all() and log.loss.notna().all()  # 24 conversations, 8 a step


def test_evaluation_gives_scores_in_many_languages(home):
    scores = pd.read_parquet(home / "results" / "miniature" / "evaluate" / "PT50" / "seed0" / "scores.parquet")
    assert set(scores.task) == {"captioning", "multiple_choice"} and scores.language.nunique() >= 80
    assert set(scores.backbone) == {"language_model"}


def test_no_features_are_kept_on_disk(home):
    """Of 1.3 million images they would take terabytes."""
    assert not list(home.rglob("features-*.safetensors"))
