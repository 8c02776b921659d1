"""Fonts for a web page that looks alike on any machine: the parts of Noto that hold its characters, cut down to them.

One family, "Noto", stands for all scripts; the browser takes each character from the file whose `unicode-range` has
it. Chinese, Japanese and Korean draw the same character differently, so their text has a family of its own before it.
"""

import io
from collections import defaultdict
from collections.abc import Mapping

from fontTools import subset

from centurio_lib.data.sources import fonts
from centurio_lib.languages import languages

FAMILY = "Noto"
SHARED = {"Han", "Japanese", "Hangul"}  # scripts that draw some characters in common, each in its own way
PLAIN = list(dict.fromkeys([fonts.FALLBACK, *(families[0] for families in fonts.SCRIPTS.values())]))
Part = tuple[str, str]  # font family, its part


def own_family(code: str) -> str:
    """Name of the family that text in a language asks for first: "Noto zh", or plain "Noto"."""
    known = languages().get(code)
    return f"{FAMILY} {code}" if known and known.script in SHARED else FAMILY


def parts(text: str, code: str = "") -> tuple[dict[Part, set[str]], set[str]]:
    """The font parts that hold a text's characters, each with those taken from it; the characters that none holds."""
    own = [fonts.families(code)[0]] if own_family(code) != FAMILY else []
    found: dict[Part, set[str]] = defaultdict(set)
    unknown = set()
    for character in set(text) - {"\n", "\r", "\t"}:
        holding = [(family, part) for family in [*own, *PLAIN] for part in fonts.parts_with(family, character)]
        if holding:
            found[holding[0]].add(character)
        else:
            unknown.add(character)
    return dict(found), unknown


def cut(family: str, part: str, characters: set[str]) -> bytes:
    """A font part with some characters only, their shaping kept, as WOFF2."""
    options = subset.Options(flavor="woff2", layout_features=["*"], notdef_outline=True)
    font = subset.load_font(io.BytesIO(fonts.archived(family)[part]), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=map(ord, characters))
    cutter.subset(font)
    out = io.BytesIO()
    subset.save_font(font, out, options)
    return out.getvalue()


def stylesheet(texts: Mapping[str, str]) -> tuple[dict[str, bytes], str]:
    """`fonts.css` and the files that it names, for texts by language code ("" for what is in no one language).

    Also returns the characters that no font holds, which a browser shows in a font of its machine, if that has one.
    """
    rules, files, unknown = [], {}, set()
    families = {own_family(code): code for code in texts}
    for name, code in sorted(families.items()):
        text = "".join(own for other, own in texts.items() if own_family(other) == name)
        held, without = parts(text, code)
        unknown |= without
        for (family, part), characters in sorted(held.items()):
            file = f"{name.replace(' ', '-').lower()}-{family.removeprefix('noto-')}-{part}.woff2"
            files[f"fonts/{file}"] = cut(family, part, characters)
            rules.append(face(name, file, characters))
    rules += [f':lang({code}) {{ font-family: "{name}", "{FAMILY}", sans-serif; }}'
              for name, code in sorted(families.items()) if name != FAMILY]
    return files | {"fonts.css": "\n".join([*rules, ""]).encode()}, "".join(sorted(unknown))


def face(name: str, file: str, characters: set[str]) -> str:
    """The CSS rule of one font file."""
    codes = ", ".join(f"U+{ord(character):X}" for character in sorted(characters))
    return (f'@font-face {{ font-family: "{name}"; src: url("fonts/{file}") format("woff2"); '
            f"font-weight: 100 900; font-display: block; unicode-range: {codes}; }}")
