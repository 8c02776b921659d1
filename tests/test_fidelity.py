"""Language fidelity: what is measurable, what cannot break it, what counts as one language.

Run with: pytest tests/test_fidelity.py
"""

import sys
from types import SimpleNamespace

import killed
import numpy as np
import pycld2
import pytest

from centurio_lib.evaluation import fidelity
from centurio_lib.languages import languages

SENTENCES = {
    "en": "All human beings are born free and equal in dignity and rights.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "ru": "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "sw": "Watu wote wamezaliwa huru, hadhi na haki zao ni sawa.",
    "he": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
}


@pytest.fixture
def no_model():
    """GlotLID's loader forgets what it loaded, before and after a test."""
    killed.forget(fidelity)
    yield
    killed.forget(fidelity)


def test_sentences_are_in_their_own_language_and_in_no_other():
    for code, sentence in SENTENCES.items():
        verdicts = fidelity.in_language([sentence] * len(SENTENCES), list(SENTENCES))
        assert dict(zip(SENTENCES, verdicts, strict=True)) == {c: float(c == code) for c in SENTENCES}


def test_languages_unknown_to_the_identifier_are_not_measurable_and_empty_answers_are_unfaithful():
    unknown = [code for code, lang in languages().items() if not lang.cld2]
    assert len(unknown) == 6
    assert np.isnan(fidelity.in_language(["a sentence"] * 6, unknown)).all()
    assert np.isnan(fidelity.in_language([""] * 6, unknown)).all()
    assert fidelity.in_language(["", "  ", "\x00", "?!"], ["en"] * 4).tolist() == [0, 0, 0, 0]
    assert not np.isnan(fidelity.in_language(["a"], ["en"]))[0]


def test_no_character_makes_the_identifier_raise():
    refused = [*range(0x20), *range(0x7F, 0xA0), 0xD800, 0xDFFF, 0xFDD0, 0xFFFE, 0xFFFF, 0x10FFFF]
    for character in map(chr, refused):
        text = SENTENCES["de"].replace(" ", f" {character}", 1)
        assert fidelity.identify([text, character]) == ["de", ""], f"U+{ord(character):04X}"


def test_text_is_read_as_text_not_as_html():
    assert fidelity.identify([f"<b title='{SENTENCES['de']}'>"]) == ["de"]


@pytest.mark.parametrize(("code", "found", "strict", "normalised"), [
    ("bs", "hr", 0, 1), ("sr", "bs", 0, 1), ("id", "ms", 0, 1), ("no", "nn", 0, 1), ("zh", "zh", 0, 1),
    ("zh", "zh-Hant", 1, 1), ("he", "iw", 1, 1), ("no", "da", 0, 0), ("de", "en", 0, 0), ("de", "", 0, 0),
])
def test_strict_and_normalised(code, found, strict, normalised):
    assert fidelity.agreement([found], [code]).tolist() == [strict]
    assert fidelity.agreement([found], [code], normalised=True).tolist() == [normalised]


@pytest.mark.parametrize(("identifier", "known"), [("cld2", 94), ("glotlid", 100)])
def test_labels_name_one_language_each_and_groups_hold_languages_of_the_study(identifier, known):
    labels = [fidelity.label(code, identifier) for code in languages() if fidelity.label(code, identifier)]
    assert len(labels) == len(set(labels)) == known
    members = [member for group in fidelity.GROUPS[identifier] for member in group]
    assert len(members) == len(set(members)), "a label is in two groups"
    assert all(set(group) & set(labels) for group in fidelity.GROUPS[identifier])


def test_cld2_labels_exist():
    existing = {code for _, code in pycld2.LANGUAGES}
    assert {fidelity.label(code) for code in languages()} - {None} <= existing


def test_unknown_identifier_and_language_are_errors():
    with pytest.raises(ValueError, match="cld2, glotlid"):
        fidelity.identify(["x"], identifier="fasttext")
    with pytest.raises(KeyError, match="xx"):
        fidelity.in_language(["x"], ["xx"])
    with pytest.raises(KeyError, match="xx"):
        fidelity.label("xx", "glotlid")
    with pytest.raises(ValueError, match=r"shorter|longer"):
        fidelity.in_language(["x", "y"], ["en"])


def test_glotlid_is_never_replaced_in_silence(monkeypatch, no_model):
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(RuntimeError, match=r"fasttext.*pip install"):
        fidelity.identify(["a dog"], identifier="glotlid")


def test_unreachable_hub_names_what_to_fetch(monkeypatch, no_model):
    def unreachable(*_):
        raise OSError("no route to host")
    monkeypatch.setitem(sys.modules, "fasttext", SimpleNamespace(load_model=None))
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=unreachable))
    with pytest.raises(RuntimeError, match=r"no route to host.*hf download cis-lmu/glotlid"):
        fidelity.identify(["a dog"], identifier="glotlid")


def test_glotlid_labels_are_read(monkeypatch, no_model):
    def predict(texts):
        assert all("\n" not in text for text in texts)
        return [["__label__eng_Latn" if "dog" in text else "__label__hrv_Latn"] for text in texts], None
    model, fetched = SimpleNamespace(predict=predict), []
    monkeypatch.setitem(sys.modules, "fasttext", SimpleNamespace(load_model=lambda path: model))
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=lambda *a: fetched.append(a)))
    said, asked = ["a\ndog", "", "pas", "pas", "pas"], ["en", "en", "hr", "bs", "azb"]
    labels = fidelity.identify(said, "glotlid")
    assert fidelity.agreement(labels, asked, "glotlid").tolist() == [1, 0, 1, 0, 0]
    assert fidelity.agreement(labels, asked, "glotlid", normalised=True).tolist() == [1, 0, 1, 1, 0]
    assert fetched == [("cis-lmu/glotlid", "model_v3.bin")], "the model is fetched once, in a fixed version"
