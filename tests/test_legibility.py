"""Lines that `typeset` shapes are read by an independent reader; set letter by letter they are not."""

import pandas as pd
import pytest

from centurio_lib.data.text_images import legibility, typesetting
from centurio_lib.languages import language, languages

needs = pytest.mark.skipif(not {"en", "ar", "hi", "he"} <= set(legibility.readable()),
                           reason="needs Tesseract with eng ara hin heb: make reader")


def test_accuracy_ignores_spaces_and_joiners():
    assert legibility.accuracy(["می‌خواهم "], "میخوا هم\n") == 100
    assert legibility.accuracy(["abcd"], "abxd") == 75 and legibility.accuracy(["a"], "xyz") == 0


def test_letter_by_letter_is_neither_joined_nor_turned():
    alone, shaped = legibility.letters("سلام", "ar"), typesetting.line("سلام", "ar")
    assert [g.index for g in alone.glyphs] != [g.index for g in shaped.glyphs] and alone.width > shaped.width


def test_a_language_that_the_reader_lacks_is_refused():
    with pytest.raises(legibility.NoReader, match="does not read sm here: make reader"):
        legibility.read([legibility.picture(typesetting.line("Samoa", "sm"))], "sm")


@needs
def test_shaped_lines_are_read_unshaped_ones_are_not():
    found = legibility.table(["en", "ar", "hi", "he"], 2).set_index("code")
    assert (found.shaped > 85).all() and (found.shaped[["en", "hi", "he"]] > 90).all()
    assert (found.unshaped[["ar", "he"]] < 50).all() and found.shaped.hi > found.unshaped.hi


@needs
def test_the_survey_is_written_and_says_whether_it_is_enough(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(legibility, "readable", lambda: ["en", "he"])
    found = legibility.survey(tmp_path / "legibility.csv", 1)
    assert pd.read_csv(tmp_path / "legibility.csv").equals(found) and list(found.code) == ["en", "he"]
    assert "2 languages of 2 scripts are read at 90 % or more; 25 of 10 are wanted: NOT met" in capsys.readouterr().out


def test_without_a_reader_there_is_no_survey(tmp_path, monkeypatch):
    monkeypatch.setattr(legibility, "readable", list)
    with pytest.raises(legibility.NoReader, match="make reader"):
        legibility.survey(tmp_path / "legibility.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("n_languages", "n_scripts", "shaped", "met"), [
    (25, 10, 90.0, True), (24, 10, 90.0, False), (25, 9, 90.0, False), (25, 10, 89.9, False)])
def test_enough_is_25_languages_over_10_scripts_at_90_percent(n_languages, n_scripts, shaped, met):
    rows = [{"script": f"script {n % n_scripts}", "shaped": shaped} for n in range(n_languages)]
    assert legibility.enough(pd.DataFrame(rows)) == met


def test_the_stored_survey_shows_that_shaped_text_is_legible():
    found = pd.read_csv(legibility.SURVEY, keep_default_na=False)
    assert legibility.enough(found) and found.code.is_unique and set(found.code) <= set(legibility.CODES)
    assert list(found.script) == [language(code).script for code in found.code]
    joined = found[found.script.isin(["Arabic", "Hebrew", "Devanagari"])]
    assert len(joined) > 5 and (joined.shaped > joined.unshaped + 30).all()


@needs
@pytest.mark.parametrize("code", ["en", "he"])
def test_the_stored_survey_is_what_the_reader_says_today(code):
    stored = pd.read_csv(legibility.SURVEY, keep_default_na=False).set_index("code")
    again = legibility.table([code], legibility.LINES).set_index("code")
    assert abs(again.shaped[code] - stored.shaped[code]) < 5 and abs(again.unshaped[code] - stored.unshaped[code]) < 10


def test_stored_coverage_is_of_all_100_languages():
    found = pd.read_csv(legibility.COVERED, keep_default_na=False)
    assert list(found.code) == list(languages()) and (found.font != "").all()
    assert set(found.code[found.texts == 0]) == {"ar-eg", "azb"}
    assert (found.left_out < 0.1 * found.texts.clip(lower=1)).all()
