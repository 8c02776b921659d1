"""One form of a text for comparison: texts that look the same are the same, whatever characters spell them.

Both sides of a comparison take this form, an answer and its reference alike.
"""

import re
import unicodedata

# characters that nothing is drawn for: joiners, zero-width spaces, marks of direction, soft hyphens, variation
# selectors, fillers (Default_Ignorable_Code_Point of Unicode, a stable property)
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")
SURROGATES = re.compile("[\ud800-\udfff]")  # halves of a character, which no text holds alone
# blocks of other shapes of plain letters and digits: ligatures, Arabic letters by their place, full and half width
SHAPES = (*range(0xFB00, 0xFDD0), *range(0xFDF0, 0xFE00), *range(0xFE70, 0xFEFF), *range(0xFF01, 0xFFEF))
PLAIN = {code: unicodedata.normalize("NFKC", chr(code)) for code in SHAPES
         if not unicodedata.normalize("NFKC", chr(code)).startswith(" ")}
# Thai and Lao AM as two characters, with a mark of tone before, between or not at all
AM = [(re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32"), "\\1\u0e33"),
      (re.compile("\u0ecd([\u0ec8-\u0ecb]?)\u0eb2"), "\\1\u0eb3")]
DOTTED = "i\u0307"  # what Unicode makes of a capital I with a dot, as in Turkish
TURKISH = str.maketrans("Iİ", "ıi")


def visible(text: str) -> str:
    """A text by what is seen of it: composed, plain shapes, no invisible characters, single spaces in a line."""
    plain = unicodedata.normalize("NFC", SURROGATES.sub("\ufffd", text).translate(PLAIN))
    seen = unicodedata.normalize("NFC", INVISIBLE.sub("", plain))
    for apart, together in AM:
        seen = apart.sub(together, seen)
    return "\n".join(" ".join(line.split()) for line in seen.split("\n")).strip()


def normalised(text: str) -> str:
    """A text for comparison by letters and words: what is seen of it, in lower case."""
    return unicodedata.normalize("NFC", visible(text).lower().replace(DOTTED, "i"))


def same(one: str, other: str) -> bool:
    """Say whether two texts look the same without regard to case, by the rules of most languages or of Turkish."""
    return any(a == b for a, b in zip(_casings(one), _casings(other), strict=True))


def _casings(text: str) -> list[str]:
    # Iran and İran differ by either rule, İKİ and iki are the same by that of Turkish, STRASSE and straße when folded
    seen = visible(text)
    forms = (seen.lower(), seen.translate(TURKISH).lower(), seen.casefold())
    return [unicodedata.normalize("NFC", form) for form in forms]
