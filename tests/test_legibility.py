"""Lines that `typeset` shapes are read by an independent reader; set letter by letter they are not."""

import pytest

from centurio_lib.data import legibility, typeset

needs = pytest.mark.skipif(not {"en", "ar", "hi", "he"} <= set(legibility.readable()),
                           reason="needs Tesseract with eng ara hin heb: make reader")


def test_accuracy_ignores_spaces_and_joiners():
    assert legibility.accuracy(["می‌خواهم "], "میخوا هم\n") == 100
    assert legibility.accuracy(["abcd"], "abxd") == 75 and legibility.accuracy(["a"], "xyz") == 0


def test_letter_by_letter_is_neither_joined_nor_turned():
    alone, shaped = legibility.letters("سلام", "ar"), typeset.line("سلام", "ar")
    assert [g.index for g in alone.glyphs] != [g.index for g in shaped.glyphs] and alone.width > shaped.width


def test_a_language_that_the_reader_lacks_is_refused():
    with pytest.raises(legibility.NoReader, match="does not read sm here: make reader"):
        legibility.read(legibility.picture(typeset.line("Samoa", "sm")), "sm")


@needs
def test_shaped_lines_are_read_unshaped_ones_are_not():
    found = legibility.table(["en", "ar", "hi", "he"], 2).set_index("code")
    assert (found.shaped > 85).all() and (found.shaped[["en", "hi", "he"]] > 90).all()
    assert (found.unshaped[["ar", "he"]] < 50).all() and found.shaped.hi > found.unshaped.hi
