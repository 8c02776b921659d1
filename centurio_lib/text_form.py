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
    """A text by what is seen of it: composed, plain shapes, no invisible characters, single spaces."""
    plain = unicodedata.normalize("NFC", SURROGATES.sub("\ufffd", text).translate(PLAIN))
    seen = unicodedata.normalize("NFC", INVISIBLE.sub("", plain))
    for apart, together in AM:
        seen = apart.sub(together, seen)
    return " ".join(seen.split())


def normalised(text: str) -> str:
    """A text for comparison: what is seen of it, in lower case."""
    return _lower(visible(text))


def casings(text: str) -> set[str]:
    """The forms that a text has without regard to case, by the rules of all languages and by those of Turkish."""
    seen = visible(text)
    return {_lower(seen), _lower(seen.translate(TURKISH)), unicodedata.normalize("NFC", _lower(seen).casefold())}


def _lower(seen: str) -> str:
    # once more after the first time: a few capitals become a letter and a mark
    lower = seen.lower().replace(DOTTED, "i")
    return unicodedata.normalize("NFC", lower)
