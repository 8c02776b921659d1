"""Unicode properties of a text: its composed form, its direction, where it breaks, its scripts (ICU)."""

import unicodedata
from functools import cache
from itertools import accumulate

from centurio_lib.languages import language

RIGHT_TO_LEFT = {"Arabic", "Hebrew"}
# hyphens that tell where a line may break: two are drawn as a plain one, the third is not seen
HYPHENS = str.maketrans({"\u2010": "-", "\u2011": "-", "\u00ad": None})


class ShapingUnavailable(ImportError):
    """HarfBuzz or ICU is missing or does not shape: text would come out wrong, so none is drawn."""


class TextError(ValueError):
    """A text that cannot be set: empty, or with control characters."""


try:
    import icu
except ImportError as error:
    raise ShapingUnavailable(f"{error}: without `pyicu-wheels` no text is shaped: make env") from error

ICU_VERSION = icu.ICU_VERSION


def cleaned(text: str) -> str:
    """The text with white space folded, composed (NFC). Raises TextError if nothing of it is seen, or for control
    characters.
    """
    folded = unicodedata.normalize("NFC", " ".join(text.translate(HYPHENS).split()))
    if all(character == " " or ignorable(character) for character in folded):
        raise TextError("there is no text to set: it is empty, or nothing is seen of its characters")
    for character in folded:
        if unicodedata.category(character) in ("Cc", "Cs", "Cn"):
            raise TextError(f"{folded[:40]!r} holds U+{ord(character):04X}, which is no character that can be set")
    return folded


def right_to_left(code: str) -> bool:
    """Say whether lines of a language begin at the right."""
    return language(code).script in RIGHT_TO_LEFT


def levels(text: str, right: bool) -> tuple[int, ...]:
    """Embedding level of each character (odd: right to left) in a paragraph that begins at the left or the right."""
    bidi = icu.Bidi()
    bidi.setPara(icu.UnicodeString(text), int(right))
    by_unit = bidi.getLevels()
    return tuple(by_unit[at] for at in _utf16(text)[:-1])


def boundaries(text: str, code: str, kind: str) -> list[int]:
    """Ends of the stretches of a text.

    `kind`: "line" where a line may break, "character" after what is seen as one, or "sentence".
    """
    make = {"line": icu.BreakIterator.createLineInstance, "character": icu.BreakIterator.createCharacterInstance,
            "sentence": icu.BreakIterator.createSentenceInstance}[kind]
    breaker = make(icu.Locale(code))
    breaker.setText(text)
    position = {at: i for i, at in enumerate(_utf16(text))}
    return [position[at] for at in breaker]


@cache
def script(cluster: str) -> str:
    """Script (ISO 15924) of the first character with a specific script; "" for digits, marks, punctuation."""
    names = (icu.Script.getScript(character).getShortName() for character in cluster)
    return next((name for name in names if name not in ("Zyyy", "Zinh", "Zzzz")), "")


@cache
def ignorable(character: str) -> bool:
    """Whether nothing is drawn for a character even where a font lacks it (joiners, direction marks, soft hyphen)."""
    return icu.Char.hasBinaryProperty(character, icu.UProperty.DEFAULT_IGNORABLE_CODE_POINT)


def _utf16(text: str) -> list[int]:
    """UTF-16 offset of each character, as ICU counts, and of the end of the text."""
    return list(accumulate((1 + (ord(character) > 0xFFFF) for character in text), initial=0))
