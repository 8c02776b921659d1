"""Notebook 00 in a fresh clone: committed answers and scores are enough, and what lacks says which command makes it.

Run with: pytest tests/test_explore.py
"""

import re

import nbformat
import numpy as np
import papermill
import pytest
from nbformat import v4

from centurio_lib import params, paths
from centurio_lib.model import components, conversation
from centurio_lib.study import explore, explore_model

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
PROFILE, SETUP, OTHER = "laptop", "L100", "English"


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A home without any run."""
    monkeypatch.setattr(paths, "HOME", tmp_path)


def test_an_import_in_a_notebook_prints_nothing(tmp_path):
    """Neither a missing extra of a library nor a slower way that it takes shows as an error in the first cell."""
    cells = [v4.new_code_cell("from centurio_lib.study import explore, explore_model")]
    nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), tmp_path / "import.ipynb")
    executed = papermill.execute_notebook(tmp_path / "import.ipynb", tmp_path / "run.ipynb", progress_bar=False)
    assert [cell.outputs for cell in executed.cells] == [[]]


def test_committed_runs_are_listed_by_setup_and_seed():
    found = explore.finished_runs(PROFILE)
    assert {SETUP, OTHER} <= set(found.setup) and set(found.stage) == {"evaluate"} and (found.fresh == "").all()


def test_two_setups_stand_side_by_side_on_the_same_items():
    table = explore.side_by_side(PROFILE, [SETUP, OTHER], 0, "captioning", "de")
    assert set(table["item"].language) == {"de"} and table.index.is_unique
    for setup in (SETUP, OTHER):
        assert table[setup].answer.notna().all() and table[setup].score.between(0, 100).all()


def test_means_stand_in_the_order_of_the_setups():
    for setups in ([SETUP, OTHER], [OTHER, SETUP]):
        table = explore.summary(PROFILE, setups, 0, "de")
        assert table["score"].columns.tolist() == table["in_language"].columns.tolist() == setups
        for setup in setups:
            own = explore.side_by_side(PROFILE, setups, 0, "captioning", "de")[setup].score.mean()
            assert table.loc[("captioning", explore.DRAWN), ("score", setup)] == round(own, 1)


def test_questions_stand_beside_committed_answers_and_a_sentence_says_how_pictures_do():
    table = explore.side_by_side(PROFILE, [SETUP, OTHER], 0, "captioning", "de")
    shown = explore_model.with_questions(PROFILE, SETUP, 0, table)
    assert "Describe the image in German." in shown and "<code>make data PROFILE=laptop</code>" in shown


@pytest.mark.parametrize(("make", "arguments", "sentence"), [
    (explore_model.things, (PROFILE, ["de"]), "`make data PROFILE=laptop`"),
    (explore_model.training_samples, (PROFILE, SETUP, ["de"]), "`make data PROFILE=laptop`"),
    (explore_model.ask, (PROFILE, SETUP, 0, "What is this?", ["de"]), "`make study PROFILE=laptop SETUPS=L100`"),
    (explore.answers, (PROFILE, ["Full", "OCR50"], 0), "has no answers of OCR50 with seed 0. It has those of English"),
    (explore.answers, (PROFILE, [SETUP], 9), "seed 9.*seeds \\[0, 1, 2, 3, 4, 5\\]"),
    (explore.side_by_side, (PROFILE, [SETUP], 0, "captioning", "la"), "No item of captioning, new-style, la"),
    (explore.tier_scores, (PROFILE, ["OCR50"]), "No table of scores has OCR50: `make study PROFILE=laptop`"),
    (explore.finished_runs, ("smoke",), "`make study PROFILE=smoke`"),
])
def test_what_is_not_there_is_a_sentence_with_the_command(make, arguments, sentence):
    assert re.search(sentence, explore.shown(make, *arguments))


def test_a_sentence_of_the_cell_before_is_shown_again():
    missing = explore.Sentence("Not there.")
    assert explore.shown(explore.tier_figure, missing) is missing


def test_a_mix_is_as_large_as_the_stage_says_and_has_the_setups_share_of_english():
    for setup in (SETUP, OTHER, "L100-E10"):
        samples, source = explore.mix_of(PROFILE, setup)
        total, english = params.profile(PROFILE).instruct.samples, params.setup(setup).english_share
        assert samples.samples.sum() == total and "not built" in source
        assert samples.set_index("language").samples["en"] == round(english * total)
    table = explore.mixes(PROFILE)
    assert list(table.index) == params.studied(params.profile(PROFILE))
    assert set(explore.mixes(PROFILE, "pretrain").index) == {"PT100", "PT50", "PT1"}


def test_documents_of_a_mix_are_as_many_as_the_stage_says():
    table = explore.document_mixes("laptop-text")
    assert (table.sum(axis=1) == params.profile("laptop-text").pretrain.ocr_samples).all() and "OCR100" in table.index
    assert table.loc["OCR100"].tolist()[1:] == [0, 0]
    assert "No setup of laptop trains" in explore.shown(explore.document_mixes, PROFILE)


def test_learned_tokens_are_coloured_and_no_others():
    samples = explore_model.test_samples(PROFILE, SETUP, ["de", "th"])
    shown = explore_model.labels(PROFILE, samples)
    tokenizer = components.load_tokenizer(params.profile(PROFILE).base)
    for sample, block in zip(samples, shown.split("</p>"), strict=False):
        coded = conversation.tokenize(tokenizer, [sample], lambda images: [1] * len(images))[0]
        coloured = re.findall(rf'{re.escape(explore_model.LEARNED)}[^>]*>(.*?)</span>', block)
        text = "".join(coloured).replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">")
        assert text.strip() == tokenizer.decode(coded.ids[coded.label_mask]).strip()
        assert 0 < len(coloured) <= int(np.sum(coded.label_mask))


def test_scores_by_tier_come_with_their_committed_intervals():
    rows = explore.tier_scores(PROFILE, [SETUP, OTHER])
    assert not rows.duplicated(["setup", "group", "split"]).any() and set(rows.setup) == {SETUP, OTHER}
    assert (rows.low <= rows.value).all() and (rows.value <= rows.high).all()
    assert len(explore.tier_figure(rows).axes) == rows.split.nunique()
