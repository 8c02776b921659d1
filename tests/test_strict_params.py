"""Bad files, values and names of params are refused before any work, by a message that says what is wrong.

Run with: pytest tests/test_strict_params.py
"""

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_params import PROFILES, setup, smoke

from centurio_lib import params, paths
from centurio_lib.params import ParamsError, profiles, setups, validation
from centurio_lib.params.text_images import Smpqa
from centurio_lib.study import checks


def file(folder, content: str | bytes, name: str = "mine.yaml"):
    """A YAML file of some content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# === files ===
@pytest.mark.parametrize(("content", "message"), [
    ("", r"mine\.yaml is empty: keys and values are wanted"),
    ("# only a comment\n", r"mine\.yaml is empty"),
    ("[a, b]", r"mine\.yaml is a list"),
    ("laptop", r"mine\.yaml is a str"),
    ("{a: 1", r"mine\.yaml is not YAML"),
    ("a: {b: 1, b: 1}", r"mine\.yaml.*key 'b' stands here twice"),
    ("a: 1\nc: 2\na: 3\n", r"mine\.yaml.*key 'a' stands here twice(.|\n)*line 3"),
    ("no: leave_out", r"mine\.yaml.*key 'no' is no text: put it in quotes"),
    ("007: {}", r"key '007' is no text"),
    ("? [a]\n: 1", "key of kind sequence is no text"),
    ("batch: 1:30", r"1:30 is no plain number \(YAML reads 1:30 as 90"),
    ("lr: 1:30.5", "1:30.5 is no plain number"),
    ("rank: 010", "010 is no plain number"),
    ("rank: 0x10", "0x10 is no plain number"),
    ("rank: 1_000", "1_000 is no plain number"),
    ("rank: 0b11", "0b11 is no plain number"),
    ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ("about: größer".encode("latin-1"), r"mine\.yaml, line 1: byte 0xf6 is no UTF-8: save the file in UTF-8"),
    ("a: 1\nb: é\n".encode("utf-16"), r"mine\.yaml, line 1: byte 0x.. is no UTF-8"),
    ("[" * 5000, r"mine\.yaml is not YAML"),
    ("a: " + "9" * 5000, r"mine\.yaml is not YAML"),
    ("a: \x00", r"mine\.yaml is not YAML"),
], ids=range(22))
def test_files_that_yaml_would_change_or_not_read_are_refused_by_name(tmp_path, content, message):
    with pytest.raises(ParamsError, match=message):
        params.load(file(tmp_path, content))


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "mine.yaml").mkdir()
    with pytest.raises(ParamsError, match=r"mine\.yaml cannot be read"):
        params.load(tmp_path / "mine.yaml")


def test_marks_of_windows_and_of_byte_order_are_read_over(tmp_path):
    assert params.load(file(tmp_path, "\ufeffa: 1\r\nb: [x, 1.0e-4]\r\n")) == {"a": 1, "b": ["x", 1e-4]}


def test_a_date_stays_text_and_merged_keys_may_be_stated_anew(tmp_path):
    assert params.load(file(tmp_path, "base: &b {x: 1, y: 2}\nmine: {<<: *b, x: 3}\nwhen: 2026-01-02\n")) == {
        "base": {"x": 1, "y": 2}, "mine": {"x": 3, "y": 2}, "when": "2026-01-02"}


plain = st.none() | st.booleans() | st.integers(-10 ** 12, 10 ** 12) | st.text() | st.floats(
    allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None, database=None)
@given(st.dictionaries(st.text(), st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text(), inner, max_size=3), max_leaves=6), max_size=4))
def test_what_yaml_writes_is_read_back_the_same(values):
    assert validation.read(yaml.safe_dump(values)) == values


def test_an_error_shows_a_long_value_in_short():
    with pytest.raises(ParamsError) as error:
        smoke(f"lora_rank: [{', '.join(['1'] * 5000)}]")
    assert len(str(error.value)) < 600


# === names ===
BAD_NAMES = [7, "007", "1e5", "My setup", "fr/es", "d'Oc", "../x", "a;touch pwn", "a.b", "-x", "", "é", "a\n",
             "x" * 65, None, ["a"]]
READ_OTHERWISE = ["NA", "None", "nan", "true", "No", "null", "inf", "y"]


@pytest.mark.parametrize("name", [one for one in BAD_NAMES if not isinstance(one, list)] + READ_OTHERWISE)
def test_unsafe_names_of_setups_are_refused(name):
    with pytest.raises(ParamsError, match=r"params/setups\.yaml: setup .*(letter first|choose another)"):
        params.setups_of({name: {"question": "?", "table": "1"}}, "params/setups.yaml")


@pytest.mark.parametrize("name", ["../profiles/smoke", str(paths.PARAMS / "profiles" / "smoke"), "smoke.yaml", "a;b",
                                  "My profile", "NA", "", 7, None])
def test_unsafe_names_of_profiles_are_refused(name):
    with pytest.raises(ParamsError, match=r"profile .*(letter first|choose another)"):
        params.profile(name)


def test_names_of_setups_differ_by_more_than_case():
    one = {"question": "?", "table": "1"}
    with pytest.raises(ParamsError, match="'T5' and 't5' differ in case alone"):
        params.setups_of({"T5": one, "t5": one}, "params/setups.yaml")


# === setups.yaml ===
@pytest.mark.parametrize(("text", "message"), [
    ("setups: {A: null}\nquestions: {q: [A]}", "A = None: keys are wanted"),
    ("setups: {A: [1]}\nquestions: {q: [A]}", r"A = \[1\]: keys are wanted"),
    ("questions: {q: [A]}", "setups = None: entries are wanted"),
    ("setups:\nquestions: {q: [A]}", "setups = None: entries are wanted"),
    ("setups: {A: {question: w, table: t}}", "questions = None: entries are wanted"),
    ("setups: {A: {question: w, table: t}}\nquestions: {q: []}", r"questions.q = \[\]: a list of setups"),
    ("setups: {A: {question: w, table: t}}\nquestions: {q: A}", "questions.q = 'A': a list of setups"),
    ("setups: {A: {question: w, table: t}}\nquestions: {q: [A, A]}", "questions.q names 'A' twice"),
    ("setups: {A: {question: w, table: t}}\nquestions: {q: [[A]]}", "names unknown setup"),
    ("setups: {A: {question: w, table: t}}\nquestions: {q r: [A]}", "question 'q r' is no name"),
    ("setups: {A: {question: w, table: t, parent: [A]}}\nquestions: {q: [A]}", r"A: parent \['A'\] is no setup"),
    ("setups: {A: {question: w, table: t, parent: ''}}\nquestions: {q: [A]}", "A: parent '' is no setup"),
    ("setups: {A: {question: w, table: t}}\nquestions: {q: [A]}\nmore: 1", r"unknown keys \['more'\]"),
], ids=range(13))
def test_setups_file_of_another_form_is_refused(tmp_path, monkeypatch, text, message):
    monkeypatch.setattr(setups, "PATH", file(tmp_path, text, "setups.yaml"))
    for cached in (setups.all_setups, setups.questions):
        cached.cache_clear()
    try:
        with pytest.raises(ParamsError, match=message):
            params.questions()
    finally:
        for cached in (setups.all_setups, setups.questions):
            cached.cache_clear()


@pytest.mark.parametrize(("text", "message"), [
    ("{languages: [fr, fr]}", "mine: languages = .*'fr' stands there twice"),
    ("{tiers: [5, 4, 5]}", "mine: tiers = .*5 stands there twice"),
    ("{languages: [[fr]]}", r"unknown language code \['fr'\]"),
    ("{ocr: {english_share: .nan}}", "mine: ocr.english_share = nan"),
    ("{ocr: {english_share: 0.5, other_weight: .inf}}", "mine: ocr.other_weight = inf"),
], ids=range(5))
def test_setup_that_says_nothing_sensible_is_refused(text, message):
    with pytest.raises(ParamsError, match=message):
        setup(text)


# === profiles ===
@pytest.mark.parametrize("changes", [
    "data.concepts: {}", "data.concepts: {emoji: 1000000000000000000000000000000}", "data.held_out_pairs: 1.0",
    "data.held_out_pairs: .nan", "data.seed: -1", "data.variants: 0",
    "instruct.lr: -1.0e-3", "instruct.lr: .nan", "instruct.lr: .inf", "instruct.lr: 0.0", "instruct.lr: 10.0",
    "instruct.projector_lr: 0.0", "instruct.encoder_lr: -1.0e-3", "instruct.encoder_weight_decay: -5.0",
    "instruct.samples: 1000000000000000000000000000000", "instruct.ocr_samples: -1",
    "base.encoder.lr: 0.0", "base.encoder.heads: 3", "base.decoder.heads: 3", "base.decoder.heads: 32",
    "base.decoder.vocab_size: 10",
    "base.vision_layer: 99", "base.vision_layer: 0", "base.vision_layer: -3", "base.image_size: 31",
    "base.text_image_size: 100", "base.image_size: 100000",
    "evaluation.items: {}", "evaluation.items: {captioning: -1}", "evaluation.seed: -1",
    "ocr.languages: [xx]", "ocr.languages: [en, en]", "ocr.min_font_px: 20.0", "ocr.min_font_px: 0.0",
    "ocr.max_noise: -1.0", "ocr.max_noise: .nan", "smpqa.languages: [xx]", "smpqa.font_px: .inf",
    "threads: 1000", "base_threads: 0", "gpus: 1000", "study.questions: []", "study.questions: [rq1, rq1]",
    "study.setups: []", "study.setups: [T5, T5]", "data: null", "base: []", "study.questions: rq1",
    "data.multi_image: {pair: .inf}",
])
def test_profile_with_a_value_out_of_range_is_refused(changes):
    with pytest.raises(ParamsError, match=rf"smoke\.yaml: {changes.split('.')[0].split(':')[0]}"):
        smoke(changes)


@pytest.mark.parametrize(("changes", "message"), [
    ("evaluation.items: {captoining: 1}", r"profile smoke: .*unknown tasks \['captoining'\].*captioning"),
    ("data.held_out_style: crayon", r"profile smoke: data.held_out_style names unknown \['crayon'\]; .*twemoji"),
    ("data.concepts: {cars: 3}", r"profile smoke: data.concepts names unknown \['cars'\]; .*emoji"),
    ("study.questions: [rq9]", "unknown question 'rq9'"),
    ("study.setups: [T9, T5]", "unknown setup 'T9'"),
    ("evaluation.items: {captioning: all}", r"asks all of \['captioning'\]"),
], ids=range(6))
def test_profile_that_names_what_is_not_there_is_refused_before_any_work(changes, message):
    with pytest.raises(ParamsError, match=message):
        checks.profile(smoke(changes))


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_of_the_study_pass_the_checks(name):
    checks.profile(params.profile(name))


def test_parent_of_a_profile_is_a_name(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    file(tmp_path / "profiles", "parent: [laptop]\n", "a.yaml")
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    with pytest.raises(ParamsError, match=r"profile \['laptop'\] is no name"):
        profiles.stated("a")


# === what a command asks for ===
@pytest.mark.parametrize(("options", "message"), [
    ({"sedes": 3}, r"unknown options \['sedes'\]; there are profile, seeds, setups"),
    ({"profile": ["smoke"]}, r"profile = \['smoke'\]: the name of one file"),
    ({"profile": 7}, "profile = 7"),
    ({"profile": "../profiles/smoke"}, "profile '../profiles/smoke' is no name"),
    ({"profile": "smoke", "setups": " "}, "setups = ' ': names of setups are wanted"),
    ({"profile": "smoke", "setups": 7}, "unknown setup 7"),
    ({"profile": "smoke", "setups": "T5 T9"}, "unknown setup 'T9'"),
], ids=range(7))
def test_command_that_asks_for_something_unknown_is_refused(options, message):
    with pytest.raises(ParamsError, match=message):
        checks.asked(options)


def test_command_may_name_profile_and_setups():
    assert checks.asked({"profile": "smoke", "seeds": 2, "setups": "T5 English"}) == (
        params.profile("smoke"), ["T5", "English"])
    assert checks.asked({"profile": "smoke"})[1] == []


@settings(max_examples=100, deadline=None, database=None)
@given(st.integers() | st.floats() | st.text(max_size=5) | st.none() | st.booleans())
def test_any_value_of_a_number_is_in_range_or_refused(value):
    try:
        made = params.validated(Smpqa, {"font_px": value, "test_plots": 1}, "smpqa")
    except ParamsError as error:
        assert "smpqa: font_px = " in str(error)
    else:
        assert math.isfinite(made.font_px) and 0 < made.font_px <= 1000 and not isinstance(value, bool | str)
