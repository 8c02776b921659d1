"""Typeset text of the 100 languages: HarfBuzz shapes and rasterises, lines are broken by `unicode_text`.

Both come inside Python wheels (`uharfbuzz`, `pyicu-wheels`). No library of the system is used. Without one of these
wheels, nothing is drawn. Unicode's bidirectional algorithm orders a paragraph. ICU breaks it into lines, by dictionary
in Thai, Lao, Khmer and Burmese. Each line is split into runs of one direction, script and font. Lengths are in ems.
"""

import unicodedata
from bisect import bisect_right
from functools import cache
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from fontTools.pens.recordingPen import RecordingPen

from centurio_lib.data.sources import fonts
from centurio_lib.data.text_images import unicode_text
from centurio_lib.data.text_images.unicode_text import cleaned, ignorable, right_to_left

try:
    import uharfbuzz as harfbuzz
except ImportError as error:
    raise unicode_text.ShapingUnavailable(f"{error}: without `uharfbuzz` no text is shaped: make env") from error

UNITS = 1000  # of an em


class Style(NamedTuple):
    """Font of a text: family (None: the plain family of the language) and weight (400 is regular)."""

    family: str | None = None
    weight: int = 400


PLAIN = Style()


class Shaped(NamedTuple):
    """A glyph as HarfBuzz places it in its run, in ems; `character`: the one that it belongs to."""

    index: int
    advance: float
    dx: float
    dy: float
    character: int


class Glyph(NamedTuple):
    """A glyph of a line: its font, its number there, and where it stands from the line's left end on the baseline."""

    font: object
    index: int
    x: float
    y: float


class Line(NamedTuple):
    """A line of glyphs from left to right, its text in reading order, and its start in the paragraph.

    Lengths in ems.
    """

    text: str
    glyphs: list[Glyph]
    width: float
    ascent: float
    descent: float
    start: int = 0


class Run(NamedTuple):
    """A stretch of characters of one direction, script and font; end is exclusive."""

    start: int
    end: int
    level: int
    script: str
    font: object


@cache
def check() -> str:
    """Names of the shaping libraries. Raises ShapingUnavailable if Arabic does not join or Hebrew not turn."""
    arabic = font("noto-sans-arabic", "arabic", 400)
    alone, twice = ([g.index for g in _shaped(Run(0, n, 1, "Arab", arabic), "ب" * n, "ar")] for n in (1, 2))
    if twice == alone * 2 or unicode_text.levels("a א", False) != (0, 0, 1):
        raise unicode_text.ShapingUnavailable("HarfBuzz or ICU is there but does not shape text: make env")
    return f"HarfBuzz {harfbuzz.version_string()}, ICU {unicode_text.ICU_VERSION}"


@cache
def font(family: str, part: str, weight: int) -> object:
    """HarfBuzz's font of a part of a family at a weight (clipped to what the font has)."""
    loaded = harfbuzz.Font(harfbuzz.Face(fonts.sfnt(family, part)))
    loaded.scale = (UNITS, UNITS)
    loaded.set_variations({"wght": weight})
    return loaded


def families(code: str, style: Style) -> list[str]:
    """Families that a language's text is looked up in, in order. Raises fonts.FontError for one of another script."""
    of_script = fonts.families(code)
    if style.family and style.family not in of_script:
        raise fonts.FontError(f"{code}: {style.family} is no font of its script; there are {', '.join(of_script)}")
    return list(dict.fromkeys([style.family or of_script[0], *of_script, fonts.FALLBACK]))


@cache
def font_of(cluster: str, code: str, style: Style) -> object:
    """First font that has a whole visible character; for one that is not drawn, the font of a space.

    Raises FontError naming language, character, fonts.
    """
    if all(map(ignorable, cluster)):
        return font_of(" ", code, style)
    tried = families(code, style)
    for family in tried:
        for character in dict.fromkeys(cluster):
            for part in fonts.parts_with(family, character):
                if covers(candidate := font(family, part, style.weight), cluster):
                    return candidate
    named = " ".join(f"U+{ord(c):04X} {unicodedata.name(c, '?')}" for c in cluster)
    raise fonts.FontError(f"{code}: no glyph for {cluster!r} ({named}) in {', '.join(tried)}")


def uncovered(texts: list[str], code: str) -> list[str]:
    """Visible characters of some texts that no font of the language has, sorted."""
    seen = {text[start:end] for text in map(cleaned, texts)
            for start, end in pairwise([0, *unicode_text.boundaries(text, code, "character")])}
    return sorted(cluster for cluster in seen if not _has_font(cluster, code))


def covers(loaded: object, cluster: str) -> bool:
    """Whether a font has glyphs for a cluster as it is, composed or decomposed (HarfBuzz tries all three)."""
    forms = {cluster, unicodedata.normalize("NFC", cluster), unicodedata.normalize("NFD", cluster)}
    return any(all(ignorable(c) or loaded.get_nominal_glyph(ord(c)) for c in form) for form in forms)


def runs(text: str, code: str, style: Style, embedding: tuple[int, ...]) -> list[Run]:
    """Runs of a text in reading order; a run lasts while its font has the next character."""
    stretches: list[Run] = []
    start = 0
    for end in unicode_text.boundaries(text, code, "character"):
        cluster, last = text[start:end], stretches[-1] if stretches else Run(0, 0, -1, "", None)
        script = unicode_text.script(cluster)
        chosen = last.font if last.font and covers(last.font, cluster) else font_of(cluster, code, style)
        same_script = not script or not last.script or script == last.script
        if (last.level, last.font) == (embedding[start], chosen) and same_script:
            stretches[-1] = last._replace(end=end, script=last.script or script)
        else:  # digits and punctuation are shaped in the script before them
            stretches.append(Run(start, end, embedding[start], script or last.script, chosen))
        start = end
    return stretches


def visual_order(stretches: list[Run]) -> list[Run]:
    """Order runs from left to right: for each level from the highest down, reverse runs at or above it (L2)."""
    order = list(stretches)
    for level in range(max(run.level for run in order), 0, -1):
        stretches = [list(group) for _, group in groupby(order, lambda run, level=level: run.level >= level)]
        order = [run for stretch in stretches for run in (stretch[::-1] if stretch[0].level >= level else stretch)]
    return order


def line(text: str, code: str, style: Style = PLAIN, embedding: tuple[int, ...] | None = None) -> Line:
    """A text as one line; `embedding`: its levels in its paragraph, if it is part of one. Raises as `lines` does."""
    check()
    if embedding is None:
        text = cleaned(text)
        embedding = unicode_text.levels(text, right_to_left(code))
    stretches = runs(text, code, style, embedding)
    glyphs, x, ascent, descent = [], 0.0, 0.0, 0.0
    for run in visual_order(stretches):
        for glyph in _shaped(run, text, code):
            glyphs.append(Glyph(run.font, glyph.index, x + glyph.dx, glyph.dy))
            x += glyph.advance
        extents = run.font.get_font_extents("ltr")
        ascent, descent = max(ascent, extents.ascender / UNITS), max(descent, -extents.descender / UNITS)
    return Line(text, glyphs, x, ascent, descent)


def lines(text: str, code: str, width: float, style: Style = PLAIN) -> list[Line]:
    """A paragraph broken into lines no wider than `width` ems. All of it but the spaces at breaks is in one of them.

    Raises TextError for an empty text, FontError for a character without a glyph.
    """
    check()
    text = cleaned(text)
    embedding = unicode_text.levels(text, right_to_left(code))
    set_lines = []
    for start, end in spans(text, code, width, advances(text, code, style, embedding)):
        visible = text[start:end].rstrip()
        if visible:  # in a column narrower than a character a span may hold a space alone
            set_lines.append(line(visible, code, style, embedding[start:start + len(visible)])._replace(start=start))
    return set_lines


def advances(text: str, code: str, style: Style, embedding: tuple[int, ...]) -> list[float]:
    """Width that each character adds to a line; marks and the later parts of ligatures add nothing."""
    widths = [0.0] * len(text)
    for run in runs(text, code, style, embedding):
        for glyph in _shaped(run, text, code):
            widths[glyph.character] += glyph.advance
    return widths


def spans(text: str, code: str, width: float, widths: list[float]) -> list[tuple[int, int]]:
    """Start and end of each line. A word that is wider than a line is broken between characters."""
    until = np.cumsum([0.0, *widths])
    words, characters = unicode_text.boundaries(text, code, "line"), unicode_text.boundaries(text, code, "character")

    def last_that_fits(ends: list[int], start: int) -> int | None:
        at = bisect_right(ends, start)
        end = None
        while at < len(ends) and until[start + len(text[start:ends[at]].rstrip())] - until[start] <= width:
            end, at = ends[at], at + 1
        return end

    found_spans, start = [], 0
    while start < len(text):
        one = characters[bisect_right(characters, start)]  # at least: a line narrower than a character still holds it
        end = last_that_fits(words, start) or last_that_fits(characters, start) or one
        found_spans.append((start, end))
        start = end
    return found_spans


def mask(placed: list[tuple[Line, float, float]], size: float, pixels: tuple[int, int]) -> np.ndarray:
    """Ink of lines on a page, 0 to 255: (height, width).

    `placed`: each line with the pixel position of its left end on its baseline; `size`: pixels of an em.
    """
    raster, scale = harfbuzz.RasterDraw(), size / UNITS
    for text_line, left, baseline in placed:
        for glyph in text_line.glyphs:
            raster.transform = (scale, 0, 0, -scale, left + glyph.x * size, baseline - glyph.y * size)
            raster.draw_glyph(glyph.font, glyph.index)
    width, height = pixels
    raster.extents = harfbuzz.RasterExtents(x_origin=0, y_origin=0, width=width, height=height, stride=width)
    image = raster.render()
    ink = np.frombuffer(image.buffer, np.uint8).reshape(height, image.extents.stride)
    return ink[:, :width].copy()


def outline(text_line: Line) -> list[tuple[str, list[tuple[float, float]]]]:
    """A line as a path, in ems above the baseline: "move", "line", "quadratic", "cubic" or "close", and its points."""
    names = {"moveTo": "move", "lineTo": "line", "qCurveTo": "quadratic", "curveTo": "cubic", "closePath": "close"}
    path = []
    for glyph in text_line.glyphs:
        pen = RecordingPen()
        glyph.font.draw_glyph_with_pen(glyph.index, pen)
        for verb, points in pen.value:
            path.append((names[verb], [(glyph.x + x / UNITS, glyph.y + y / UNITS) for x, y in points]))
    return path


def _shaped(run: Run, text: str, code: str) -> list[Shaped]:
    """Glyphs of a run, left to right."""
    buffer = harfbuzz.Buffer()
    buffer.add_str(text, run.start, run.end - run.start)  # with its neighbours: letters join across fonts
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    if run.script:
        buffer.script = run.script
    buffer.language = code
    harfbuzz.shape(run.font, buffer)
    infos, positions = buffer.glyph_infos, buffer.glyph_positions
    if any(info.codepoint == 0 and not ignorable(text[info.cluster]) for info in infos):
        raise fonts.FontError(f"{code}: a glyph is missing in {text[run.start:run.end]!r}")
    return [Shaped(info.codepoint, at.x_advance / UNITS, at.x_offset / UNITS, at.y_offset / UNITS, info.cluster)
            for info, at in zip(infos, positions, strict=True)]


def _has_font(cluster: str, code: str) -> bool:
    try:
        return bool(font_of(cluster, code, PLAIN))
    except fonts.FontError:
        return False
