"""Pages of the test: which are asked, how they are scored, where they stand in tables.

Run with: pytest tests/test_page_read.py
"""

import numpy as np
import pandas as pd
import pytest

from centurio_lib import params
from centurio_lib.data import splits
from centurio_lib.data.text_images import documents
from centurio_lib.evaluation import evaluate, metrics, tasks, text_image_items
from centurio_lib.findings import scores, text_in_images
from centurio_lib.study import runs

PAGE_READ = tasks.TASKS["page_read"]
TEXTS = {"en": ["Hello", "good day", "two\nlines"], "de": ["Guten Tag", "Haus", "Baum"], "th": ["สวัสดี"]}
IDENTITY = {"profile": "smoke", "backbone": "tiny", "seed": 0, "setup": "OCR50"}


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    """The `items` of some documents of the test."""
    return documents.items(
        pd.DataFrame(
            [
                {"image_id": f"ocr/test/{code}/{i}", "language": code, "split": "test", "text": text}
                for code, texts in TEXTS.items()
                for i, text in enumerate(texts)
            ]
        ),
        0,
    )


def test_every_page_is_asked_and_every_third_blind_beside_another_page(asked):
    counts = asked.groupby(["language", "split"]).size()
    assert counts.xs("test", level="split").to_dict() == {code: len(texts) for code, texts in TEXTS.items()}
    blind = asked[asked.split == "blind"]
    assert set(blind.language) == {"en", "de"}, "the only page of a language has no other to stand for it"
    by_image = asked[asked.split == "test"].set_index(asked[asked.split == "test"].images.str[0])
    for row in blind.itertuples():
        shown = by_image.loc[row.images[0]]
        assert shown.language == row.language and shown.reference != row.reference
    assert splits.BLIND_EVERY == 3 and asked.item_id.is_unique


def test_a_profile_asks_the_first_pages_and_four_times_as_many_in_english(asked):
    one = text_image_items.items(PAGE_READ, asked, 1)
    test = one[one.split == "test"]
    assert test.language.value_counts().to_dict() == {"en": 3, "de": 1, "th": 1}
    assert set(one[one.language == "de"].item_id) == {"ocr/test/de/0", "ocr/test/de/0/blind"}


def test_oracle_scores_100_silence_nothing_and_a_wrong_letter_its_share(asked):
    assert (PAGE_READ.score(asked, asked.reference.tolist()) == 100).all()
    assert (PAGE_READ.score(asked, [""] * len(asked)) == 0).all()
    assert metrics.characters_right("Hallo", "Hello") == pytest.approx(80)
    assert metrics.characters_right("x" * 50, "Hello") == 0


def test_chance_is_another_page_of_the_language(asked):
    own = asked[asked.split == "test"]
    wanted = [metrics.characters_right(texts[(i + 1) % len(texts)] if len(texts) > 1 else "", text)
              for texts in TEXTS.values() for i, text in enumerate(texts)]
    np.testing.assert_allclose(PAGE_READ.chance(own), wanted)
    assert 0 < PAGE_READ.chance(own).max() < 60 and PAGE_READ.chance(own[own.language == "th"]).tolist() == [0]


def test_only_setups_that_were_trained_on_text_read_pages_and_only_where_a_profile_asks():
    text = params.profile("laptop-text")
    without = text.evaluation.model_copy(update={"items": {"flag": 1, "smpqa_read": 1}})
    silent = text.model_copy(update={"evaluation": without})
    assert runs.text_data(text, params.setup("PT50-text"), "evaluate") == ["smpqa", "ocr"]
    assert runs.text_data(silent, params.setup("OCR50"), "evaluate") == ["smpqa"]
    assert runs.text_data(text, params.setup("L100"), "evaluate") == []
    with pytest.raises(params.ParamsError, match=r"ocr\.image_size = 64, but text is seen at 160 pixels"):
        params.check(text.model_copy(update={"ocr": text.ocr.model_copy(update={"image_size": 64})}),
                     params.setup("PT50-text"), runs.text_tests(text))


def test_pages_stand_in_the_table_of_text_alone(asked):
    config = params.profile("smoke")
    found = evaluate.scores(evaluate.predictions(asked, asked.reference.tolist(), IDENTITY), IDENTITY)
    cells = found.rename(columns={"tier": "group"})
    assert set(cells.metric) == {"characters"} and cells.headline.all() and cells.value.eq(100).all()
    assert text_in_images.known(cells[:0]) == ["smpqa_ground", "smpqa_read"]
    assert text_in_images.known(cells) == ["smpqa_ground", "smpqa_read", "page_read"]
    assert set(cells.task_group) == {scores.TEXT} and config.evaluation.items["page_read"] > 0
