"""Fonts for every script of the 100 languages: Noto, variable in weight, from the npm packages of Fontsource.

A family comes in parts, a file each ("latin", "arabic", "0".."119" for Han); `unicode.json` states what each holds. A
part is unpacked when one of its characters is first asked for. Family "noto-sans" stands behind all others for what a
script's own font lacks (digits and punctuation in some).
"""

import io
from bisect import bisect_right
from functools import cache
from typing import NamedTuple

from fontTools.ttLib import TTFont

from centurio_lib.data.source import Source
from centurio_lib.data.sources import packages
from centurio_lib.languages import language

FALLBACK = "noto-sans"
# families by script, the plain one first, others for variety. Chinese is Traditional, as in the paper (zho_Hant)
SCRIPTS = {
    "Latin": ["noto-sans", "noto-serif"],
    "Cyrillic": ["noto-sans", "noto-serif"],
    "Greek": ["noto-sans", "noto-serif"],
    "Arabic": ["noto-sans-arabic", "noto-naskh-arabic"],
    "Bengali": ["noto-sans-bengali"],
    "Devanagari": ["noto-sans-devanagari"],
    "Ethiopic": ["noto-sans-ethiopic"],
    "Georgian": ["noto-sans-georgian"],
    "Gurmukhi": ["noto-sans-gurmukhi"],
    "Han": ["noto-sans-tc"],
    "Hangul": ["noto-sans-kr"],
    "Hebrew": ["noto-sans-hebrew"],
    "Japanese": ["noto-sans-jp"],
    "Khmer": ["noto-sans-khmer"],
    "Lao": ["noto-sans-lao"],
    "Myanmar": ["noto-sans-myanmar"],
    "Tamil": ["noto-sans-tamil"],
    "Telugu": ["noto-sans-telugu"],
    "Thai": ["noto-sans-thai"],
    "Tibetan": ["noto-serif-tibetan"],
}
FAMILIES = list(dict.fromkeys(family for families in SCRIPTS.values() for family in families))


def package(family: str) -> str:
    """npm package of a family."""
    return f"@fontsource-variable/{family}"


def scripts() -> dict[str, list[str]]:
    """The scripts that each family is for."""
    return {family: [script for script, of_script in SCRIPTS.items() if family in of_script] for family in FAMILIES}


SOURCE = Source(
    name="fonts", kind="fonts", origin="Noto", licence="OFL-1.1", use="fonts",
    packages={package(family): f"font of {', '.join(names)}" for family, names in scripts().items()})


class FontError(LookupError):
    """A language has no font, or a font lacks a character; the message names language, character and font."""


class Family(NamedTuple):
    """The characters of a family: sorted starts and ends of ranges, and the part that holds each."""

    starts: list[int]
    ends: list[int]
    parts: list[str]


def families(code: str) -> list[str]:
    """Font families of a language, the plain one first. Raises FontError where its script has none."""
    script = language(code).script
    if script not in SCRIPTS:
        raise FontError(f"{code}: no font for script {script}: add a package to package.json and to fonts.SCRIPTS")
    return SCRIPTS[script]


@cache
def contents(family: str) -> Family:
    """Which part of a family holds which characters, as the package states it."""
    stated = packages.read_json(package(family), "unicode.json")
    ranges = sorted((*span(text), part.strip("[]")) for part, texts in stated.items() for text in texts.split(","))
    return Family(*(list(column) for column in zip(*ranges, strict=True)))


def span(text: str) -> tuple[int, int]:
    """First and last code point of a range written as in CSS: "U+41", "U+600-6FF", "U+4??"."""
    first, _, last = text.strip().removeprefix("U+").partition("-")
    return int(first.replace("?", "0"), 16), int((last or first).replace("?", "F"), 16)


@cache
def parts_with(family: str, character: str) -> list[str]:
    """Parts of a family that are stated to hold a character: none, one, or several where ranges overlap."""
    held, code = contents(family), ord(character)
    return [held.parts[i] for i in range(bisect_right(held.starts, code)) if held.ends[i] >= code]


@cache
def archived(family: str) -> dict[str, bytes]:
    """The files of a family as they are packed (WOFF2), by part: upright, variable in weight."""
    before, after = f"files/{family}-", "-wght-normal.woff2"
    files = packages.read(package(family), lambda n: n.startswith(before) and n.endswith(after))
    return {name.removeprefix(before).removesuffix(after): content for name, content in files.items()}


@cache
def sfnt(family: str, part: str) -> bytes:
    """One part of a family as a plain TrueType file."""
    font, out = TTFont(io.BytesIO(archived(family)[part]), recalcTimestamp=False), io.BytesIO()
    font.flavor = None
    font.save(out, reorderTables=False)
    return out.getvalue()
