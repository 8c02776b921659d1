"""Texts that look the same compare as the same. Run with: pytest tests/test_text_form.py"""

import sys
import unicodedata

import icu
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib import text_form

anything = st.text(st.characters(exclude_categories=()), max_size=30)


@pytest.mark.parametrize(("one", "other"), [
    ("İki köpek", "iki köpek"),
    ("កម្ពុជា\u200b", "កម្ពុជា"),
    ("សហ\u200bរដ្ឋ", "សហរដ្ឋ"),
    ("น\u0e4d\u0e49\u0e32", "น\u0e49\u0e33"),  # water: nikhahit, tone, aa
    ("น\u0e49\u0e4d\u0e32", "น\u0e49\u0e33"),
    ("ท\u0e4d\u0e32", "ท\u0e33"),
    ("ນ\u0ecd\u0ec9\u0eb2", "ນ\u0ec9\u0eb3"),  # the same in Lao
    ("ນ\u0ec9\u0ecd\u0eb2", "ນ\u0ec9\u0eb3"),
    ("Co\u0302te", "CÔTE"),
    ("１２３", "123"),
    ("ＡＢＣ", "abc"),
    ("ﾊﾞﾅﾅ", "バナナ"),
    ("ﻣﺼﺮ", "مصر"),
    ("ﬁn", "fin"),
    ("soft\u00adhyphen", "softhyphen"),
    ("\u200eRight\u200f", "right"),
    ("می\u200cخواهم", "میخواهم"),
    ("❤\ufe0f", "❤"),
    ("Côte d’Ivoire".replace(" ", "\u00a0"), "côte  d’ivoire"),
    ("\ufeffcat\n", "cat"),
], ids=range(20))
def test_what_looks_the_same_is_the_same(one, other):
    assert text_form.normalised(one) == text_form.normalised(other) and text_form.same(one, other)


@pytest.mark.parametrize(("one", "other"), [("kın", "kin"), ("m²", "m2"), ("½", "1/2"), ("e", "é"), ("٣", "3"),
                                            ("ที", "ที่"), ("狗", "犬"), ("a b", "ab"), ("ا", "أ")])
def test_what_looks_different_stays_different(one, other):
    assert text_form.normalised(one) != text_form.normalised(other)
    assert not text_form.same(one, other)


def test_a_capital_with_a_dot_is_told_from_one_without():
    assert not text_form.same("Iran", "İran") and text_form.same("iran", "İran") and text_form.same("IRAK", "ırak")


@pytest.mark.parametrize(("one", "other"), [("ISPARTA", "ısparta"), ("İZMİR", "izmir"), ("IZMIR", "izmir"),
                                            ("STRASSE", "straße"), ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ"),
                                            ("ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ", "საქართველო")])
def test_case_does_not_matter_in_any_language(one, other):
    assert text_form.same(one, other)


def test_invisible_is_what_unicode_draws_nothing_for():
    ignorable = icu.UnicodeSet("[:Default_Ignorable_Code_Point:]")
    characters = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cs", "Cn")]
    assert [hex(ord(c)) for c in characters if bool(text_form.INVISIBLE.fullmatch(c)) != ignorable.contains(c)] == []


@settings(max_examples=500, deadline=None, database=None)
@given(anything)
def test_the_form_of_a_form_is_itself_and_may_be_stored(text):
    once = text_form.normalised(text)
    assert text_form.normalised(once) == once and text_form.visible(text_form.visible(text)) == text_form.visible(text)
    assert once.encode("utf-8").decode("utf-8") == once and text_form.same(text, text_form.visible(text))


@settings(max_examples=300, deadline=None, database=None)
@given(anything, st.sampled_from("\u200b\u200c\u200d\u00ad\ufe0f\u2060\ufeff\u200e"), st.integers(0, 30))
def test_an_invisible_character_changes_nothing(text, character, place):
    assert text_form.normalised(text[:place] + character + text[place:]) == text_form.normalised(text)


@settings(max_examples=300, deadline=None, database=None)
@given(st.text(max_size=30), st.sampled_from(["NFC", "NFD"]))
def test_canonical_forms_are_one(text, form):
    assert text_form.normalised(unicodedata.normalize(form, text)) == text_form.normalised(text)
