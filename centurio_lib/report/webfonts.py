"""Fonts of a web page that looks alike on any machine: the parts of Noto that hold its characters.

One family, "Noto", stands for all scripts; the browser takes each character from the file whose `unicode-range` has
it. Chinese, Japanese and Korean draw the same character differently, so their text has a separate family,
which comes first.
"""

import io
import string
from collections.abc import Mapping
from functools import cache

from fontTools.ttLib import TTFont

from centurio_lib.data.sources import fonts
from centurio_lib.languages import languages

FAMILY = "Noto"
SHARED = {"Han", "Japanese", "Hangul"}  # scripts that share characters but draw these differently
PLAIN = list(dict.fromkeys([fonts.FALLBACK, *(families[0] for families in fonts.SCRIPTS.values())]))
TYPED = string.ascii_letters + string.digits + string.punctuation + " "  # characters that a reader may type
Part = tuple[str, str]  # font family, its part


def own_family(code: str) -> str:
    """Name of the first font family of a language's text: "Noto zh", or plain "Noto"."""
    known = languages().get(code)
    return f"{FAMILY} {code}" if known and known.script in SHARED else FAMILY


def parts(text: str, code: str = "") -> tuple[list[Part], set[str]]:
    """Font parts that hold a text's characters, preferred parts first, and the characters that no part holds."""
    order = [*([fonts.families(code)[0]] if own_family(code) != FAMILY else []), *PLAIN]
    found, unknown = set(), set()
    for character in filter(str.isprintable, set(text)):
        stated = [(family, part) for family in order for part in fonts.parts_with(family, character)]
        holding = next((one for one in stated if ord(character) in held(*one)), None)
        if holding:
            found.add(holding)
        else:
            unknown.add(character)
    return sorted(found, key=lambda one: (order.index(one[0]), one[1])), unknown


@cache
def held(family: str, part: str) -> frozenset[int]:
    """Code points that a font part holds in fact; packages list some that it lacks."""
    return frozenset(TTFont(io.BytesIO(fonts.archived(family)[part]), lazy=True).getBestCmap())


def stylesheet(texts: Mapping[str, str]) -> tuple[dict[str, bytes], str]:
    """Text of `fonts.css` and its font files, for texts by language code ("" without a language).

    Also returns the characters that no font holds; a browser shows these in a font of the machine, if any.
    """
    rules, files, unknown = [], {}, set()
    families = {own_family(code): code for code in ["", *texts]}
    for name, code in families.items():
        text = "".join(own for other, own in texts.items() if own_family(other) == name)
        taken, without = parts(text + TYPED, code)
        unknown |= without
        files |= {f"fonts/{family}-{part}.woff2": fonts.archived(family)[part] for family, part in taken}
        rules += [face(name, *one) for one in reversed(taken)]  # where ranges overlap, the last rule counts
    rules += [f':lang({code}) {{ font-family: "{name}", "{FAMILY}", sans-serif; }}'
              for name, code in families.items() if name != FAMILY]
    return files | {"fonts.css": "\n".join([*rules, ""]).encode()}, "".join(sorted(unknown))


def face(name: str, family: str, part: str) -> str:
    """The CSS rule of one font file."""
    ranges = [f"U+{start:X}-{end:X}" for start, end, own in zip(*fonts.contents(family), strict=True) if own == part]
    return (f'@font-face {{ font-family: "{name}"; src: url("fonts/{family}-{part}.woff2") format("woff2"); '
            f"font-weight: 100 900; font-display: block; unicode-range: {', '.join(ranges)}; }}")
