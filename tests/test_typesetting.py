"""Text is shaped, ordered and broken right in every script, with no library of the system; nothing of it is lost."""

import os
import subprocess
import sys

import icu
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib import paths
from centurio_lib.data.sources import fonts, packages
from centurio_lib.data.sources.texts import udhr
from centurio_lib.data.text_images import typesetting, unicode_text
from centurio_lib.languages import languages

SAMPLES = {  # a word whose letters join, stack, or change their order
    "ar": "السلام", "fa": "می‌خواهم", "ur": "کہانی", "he": "שלום", "hi": "क्षत्रिय", "bn": "শক্তি", "ta": "கொடு",
    "te": "స్త్రీ", "pa": "ਉਨ੍ਹਾਂ", "th": "น้ำ",
    "lo": "ນ້ຳ", "km": "ស្ត្រី", "my": "ကြွေး", "bo": "སྒྲུབ", "ko": "한국어", "ja": "日本語", "zh": "漢字", "ka": "ქართული", 
    "am": "አማርኛ", "el": "Ελληνικά", "ru": "Йогурт", "yo": "gẹ́gẹ́", "vi": "Việt",
}
HIDDEN = ["libfribidi.so.0", "libraqm.so.0", "libharfbuzz.so.0", "libfreetype.so.6", "libicuuc.so.72",
          "libicui18n.so.72", "libicudata.so.72", "libgraphite2.so.3"]
DRAW = """
import hashlib, pathlib
from centurio_lib.data.text_images import typesetting as typeset
ink = typeset.mask([(typeset.line("سلام 2026 (abc)", "ar"), 10, 50)], 32, (400, 80))
print(hashlib.sha256(ink.tobytes()).hexdigest())
maps = {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines()}
print(*[path for path in sorted(maps) if path.endswith(".so") or ".so." in path])
"""


def glyphs(text: str, code: str) -> list[int]:
    """Numbers of the glyphs of a line, left to right."""
    return [glyph.index for glyph in typesetting.line(text, code).glyphs]


def python(script: str, **environment) -> subprocess.CompletedProcess:
    """A script in a process of its own."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=paths.REPO,
                          env={**os.environ, "PYTHONPATH": str(paths.REPO), **environment})


@pytest.mark.parametrize("code", SAMPLES)
def test_a_word_is_shaped_as_a_whole(code):
    """Letters set one by one give other glyphs or a wider line, but for scripts whose letters do not meet."""
    word = SAMPLES[code]
    alone = [index for character in (word[::-1] if unicode_text.right_to_left(code) else word)
             if not unicode_text.ignorable(character) for index in glyphs(character, code)]
    if code in ("he", "ko", "ja", "zh", "ka", "am", "el", "ru", "vi"):
        assert glyphs(word, code) == alone
    else:
        assert glyphs(word, code) != alone
    assert 0 not in glyphs(word, code)


@pytest.mark.parametrize(("text", "code"), [
    ("שלום (עולם) 2026, test!", "he"), ("قال abc 12:30 def، ثم 45%.", "ar"), ("abc (שלום) 12 de", "he"),
    ("۱۲۳ (الف) ABC-12", "fa"), ("a (ب) c", "sd")])
def test_order_on_the_line_is_that_of_icu(text, code):
    found = typesetting.runs(text, code, typesetting.PLAIN, unicode_text.levels(text, unicode_text.right_to_left(code)))
    seen = [at for run in typesetting.visual_order(found)
            for at in (range(run.end - 1, run.start - 1, -1) if run.level % 2 else range(run.start, run.end))]
    bidi = icu.Bidi()
    bidi.setPara(icu.UnicodeString(text), int(unicode_text.right_to_left(code)))
    assert seen == [bidi.getLogicalIndex(i) for i in range(len(text))]


def test_a_line_of_hebrew_ends_at_the_left():
    found = typesetting.line("שלום.", "he")
    dot = glyphs(".", "he")[0]
    assert found.glyphs[0].index == dot and found.glyphs[-1].x > 1


def test_digits_and_punctuation_come_from_another_font_where_the_own_lacks_them():
    assert len({glyph.font for glyph in typesetting.line("שלום 2026", "he").glyphs}) > 1
    assert 0 not in glyphs("שלום 2026", "he")


@pytest.mark.parametrize("code", [code for code in languages() if udhr.covers(code)])
def test_nothing_is_lost_and_no_line_is_too_wide(code):
    text = max(udhr.paragraphs(code)[:12], key=len)[:300]
    if typesetting.uncovered([text], code):
        pytest.fail(f"{code}: no glyph for {typesetting.uncovered([text], code)}")
    found = typesetting.lines(text, code, 9)
    assert len(found) > 2
    assert "".join(line.text for line in found).replace(" ", "") == unicode_text.cleaned(text).replace(" ", "")
    assert all(line.width <= 9.3 for line in found), "shaping a line alone changes its width a little, no more"


def test_a_word_wider_than_the_page_is_broken_not_lost():
    found = typesetting.lines("Donaudampfschifffahrtsgesellschaft", "de", 3)
    assert len(found) > 3 and "".join(line.text for line in found) == "Donaudampfschifffahrtsgesellschaft"
    assert [line.text for line in typesetting.lines("abc", "en", 0.01)] == ["a", "b", "c"]


def test_a_column_narrower_than_a_character_holds_no_line_of_spaces():
    assert [line.text for line in typesetting.lines("a b  cd", "en", 0.01)] == ["a", "b", "c", "d"]
    assert [line.text for line in typesetting.lines("של ום", "he", 0.01)] == ["ש", "ל", "ו", "ם"]


def test_a_line_knows_where_it_begins():
    text = "the law and the law and the law of the land"
    found = typesetting.lines(text, "en", 4)
    assert len(found) > 3 and len({line.text for line in found}) < len(found), "some lines are alike"
    assert [text[line.start:line.start + len(line.text)] for line in found] == [line.text for line in found]
    assert [line.start for line in found] == sorted({line.start for line in found})


def test_scripts_without_spaces_break_between_words():
    found = [line.text for line in typesetting.lines("มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน", "th", 6)]
    assert found[0] == "มนุษย์ทั้งหลาย"


def test_a_missing_glyph_names_language_character_and_fonts():
    with pytest.raises(fonts.FontError, match=r"de: no glyph for '한' \(U\+D55C HANGUL .* in noto-sans, noto-serif"):
        typesetting.line("한", "de")
    assert typesetting.uncovered(["abc 한국"], "de") == ["국", "한"]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "a\x00b", "a\ud800"])
def test_a_text_that_cannot_be_set_is_refused(text):
    with pytest.raises(unicode_text.TextError):
        typesetting.lines(text, "en", 10)


# letters, marks, joiners, invisible ones, other planes, halves of characters, of many scripts
ODD = "\u200b\u200d\u200e\u202e\u2066\ufe0f\u0301\u0e33\u17d2\u1039\u094d\u2028\u00ad\ufeff\u3164\U000e0041ab "
ANYTHING = st.text(st.one_of(st.characters(max_codepoint=0x2fff), st.characters(exclude_categories=()),
                             st.sampled_from(ODD)), max_size=8)


@settings(max_examples=400, deadline=None, database=None)
@given(ANYTHING, st.sampled_from(sorted(languages())), st.sampled_from([0.5, 4.0]))
def test_any_text_is_set_whole_or_refused_by_the_name_of_a_character(text, code, width):
    try:
        whole = unicode_text.cleaned(text)
    except unicode_text.TextError as error:
        assert "U+" in str(error) or "nothing is seen" in str(error)
        return
    missing = typesetting.uncovered([text], code)
    try:
        found = typesetting.lines(text, code, width)
    except fonts.FontError as error:
        assert missing and any(f"U+{ord(cluster[0]):04X}" in str(error) for cluster in missing)
        return
    assert not missing
    assert "".join(line.text for line in found).replace(" ", "") == whole.replace(" ", "")
    assert all(whole[line.start:].startswith(line.text) for line in found)
    assert all(np.isfinite([line.width, line.ascent, line.descent]).all() and line.width >= 0 for line in found)
    drawn = [glyph.index for line in found for glyph in line.glyphs]
    assert any(drawn), "something is seen of each text"


@pytest.mark.parametrize(("text", "seen"), [("\u3164a", "a"), ("\ufe0fb", "b"), ("\u2028\u200bc", "c")])
def test_characters_that_are_not_drawn_need_no_font(text, seen):
    assert typesetting.uncovered([text], "de") == []
    assert typesetting.line(text, "de").text.endswith(seen)


@pytest.mark.parametrize("text", ["\u200b", "\u3164 \ufe0f", "\u2066\u2069"])
def test_a_text_of_which_nothing_is_seen_is_refused(text):
    with pytest.raises(unicode_text.TextError, match="nothing is seen of its characters"):
        typesetting.lines(text, "ko", 10)


def test_a_font_of_another_script_is_refused():
    with pytest.raises(fonts.FontError, match=r"he: noto-sans-thai is no font of its script; there are .*hebrew"):
        typesetting.line("שלום", "he", typesetting.Style("noto-sans-thai"))


def test_a_script_without_font_is_refused(monkeypatch):
    monkeypatch.setitem(fonts.SCRIPTS, "Thai", None)
    monkeypatch.delitem(fonts.SCRIPTS, "Thai")
    with pytest.raises(fonts.FontError, match="th: no font for script Thai"):
        fonts.families("th")


def test_every_language_has_a_font_whose_package_is_locked():
    assert all(fonts.families(code) for code in languages())
    assert {fonts.package(family) for family in fonts.FAMILIES} <= set(packages.locked())
    assert {packages.locked()[fonts.package(family)]["license"] for family in fonts.FAMILIES} == {"OFL-1.1"}


def test_weight_changes_the_ink():
    thin, bold = (
        typesetting.mask([(typesetting.line("Weight", "en", typesetting.Style(None, w)), 4, 30)], 24, (120, 40)).sum()
        for w in (300, 800)
    )
    assert bold > 1.2 * thin


def test_ink_is_where_it_is_asked_for():
    ink = typesetting.mask([(typesetting.line("H", "en"), 10, 30)], 20, (40, 40))
    rows, columns = np.nonzero(ink)
    assert ink.shape == (40, 40) and rows.max() == 29 and 14 <= rows.min() <= 17 and columns.min() >= 10


def test_without_system_libraries_the_picture_is_the_same(tmp_path):
    """Whatever the system has is hidden behind broken files; what shapes is loaded from the environment's folder."""
    for name in HIDDEN:
        (tmp_path / name).write_bytes(b"hidden")
    plain, hidden = python(DRAW), python(DRAW, LD_LIBRARY_PATH=str(tmp_path))
    assert hidden.returncode == 0, hidden.stderr[-500:]
    assert hidden.stdout.splitlines()[0] == plain.stdout.splitlines()[0]
    shaping = [path for path in hidden.stdout.splitlines()[1].split()
               if any(name in path for name in ("icu", "harfbuzz", "fribidi", "raqm", "freetype", "graphite"))]
    assert shaping and all("site-packages" in path for path in shaping), shaping


@pytest.mark.parametrize("module", ["uharfbuzz", "icu"])
def test_without_its_libraries_nothing_is_drawn(module):
    done = python(f"import sys; sys.modules[{module!r}] = None\nimport centurio_lib.data.text_images.typesetting")
    assert done.returncode and "ShapingUnavailable" in done.stderr and "make env" in done.stderr


def test_libraries_that_do_not_shape_are_refused(monkeypatch):
    monkeypatch.setattr(unicode_text, "levels", lambda text, right: (0,) * len(text))
    typesetting.check.cache_clear()
    with pytest.raises(unicode_text.ShapingUnavailable, match="does not shape"):
        typesetting.line("abc", "en")
    typesetting.check.cache_clear()
