"""Split a text into pieces that are translated and pieces that stay, so that nothing is lost.

NLLB drops sentences of an input that holds several, and line breaks, placeholders and mark-up with them (transformers
issue 24169, fairseq issue 5108). So NLLB gets one sentence at a time, and never the other pieces. The pieces of a text,
joined, are the text.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from centurio_lib.data.text_images import unicode_text

KEPT = re.compile(
    "|".join(
        [
            r"```.*?```",
            r"`[^`\n]+`",  # code
            r"\$\$.+?\$\$",
            r"\$[^$\n]*[\\^_{=][^$\n]*\$",
            r"\\\(.+?\\\)",
            r"\\\[.+?\\\]",  # formulas
            r"https?://\S+",
            r"</?[A-Za-z][^<>\n]{0,300}>",
            r"\{[^{}\n]*\}",
            r"%[sd]\b",  # tags and placeholders: <image>, <b>, {name}
            r"\*\*|__|~~|\|",  # Markdown: emphasis, cells
            r"(?m:^[ \t]*(?:[-*+•>]|\d{1,3}[.)]|\#{1,6})[ \t]+)",  # and the heads of lines
            r"(?m:^[ \t]*\(?[A-Z][.):](?:[ \t]+|$))",  # letters of options: at the head of a line,
            r"(?m:^[ \t]*\(?[A-Z]\)?[.]?[ \t]*$)",  # alone,
            r"(?:(?<=[:：] )|(?<=\bis )|(?<=\bis: ))\(?[A-Z]\)?(?=[ \t]*[.]?[ \t]*(?:[\r\n]|$))",  # and as an answer
            r"[\r\n]+",
        ]
    ),
    re.DOTALL,
)
# a number with its sign; a fraction or a date is one number, whose parts keep their order
NUMBER = re.compile(r"(?:(?<![^\s(\[=,;:])[-−])?\d+(?:[.,:/٫٬]\d+)*")
GROUPED = re.compile(r"([-−]?\d{1,3})((?:[.,٬]\d{3})+)(?:[.,٫](\d{1,2}|\d{4,}))?")  # 1,000 and 1.000.000 and 1,234.5
LENGTHENED = 8  # times that a faithful translation may be longer than its source, and so many characters besides:
BESIDES = 40
FAULTS = ["empty", "lengthened", "numbers", "mark-up"]  # of translations that are not faithful
# a stop after one of these ends no sentence
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|vs|e\.g|i\.e|cf|No|Fig|approx|[A-Z])\.\s*$")
WITHOUT_SPACES = {"Han", "Japanese"}  # scripts that set no space between sentences


class Piece(NamedTuple):
    """A stretch of a text, and whether it is translated."""

    text: str
    translated: bool


def pieces(text: str) -> list[Piece]:
    """The pieces of an English text: each sentence with a letter in it is translated, all between is kept."""
    parts, at = [], 0
    for match in KEPT.finditer(text):
        parts += [*_sentences(text[at : match.start()]), Piece(match.group(), False)]
        at = match.end()
    return parts + _sentences(text[at:])


def at_numbers(sentence: str) -> list[Piece]:
    """The pieces of a sentence with its numbers kept, for a translation that would change them."""
    ends = [0, *(end for number in NUMBER.finditer(sentence) for end in number.span()), len(sentence)]
    parts = [sentence[start:end] for start, end in pairwise(ends)]
    return [
        piece for n, part in enumerate(parts) if part for piece in ([Piece(part, False)] if n % 2 else _trimmed(part))
    ]


def shorter(sentence: str, length: Callable[[list[str]], list[int]], longest: int) -> list[Piece]:
    """The pieces of a sentence, cut near its middle until none is longer than `longest` tokens."""
    whole = _trimmed(sentence)
    if length([sentence])[0] <= longest:
        return whole
    breaks = [end for end in unicode_text.boundaries(sentence, "en", "line") if 0 < end < len(sentence)]
    if not breaks:
        return whole
    cut = min(breaks, key=lambda end: abs(end - len(sentence) // 2))
    return shorter(sentence[:cut], length, longest) + shorter(sentence[cut:], length, longest)


def joined(parts: list[Piece], translations: dict[str, str], script: str) -> str:
    """The text of some pieces in another language; `translations` holds the text of each piece that is translated."""
    texts = [translations[part.text] if part.translated else part.text for part in parts]
    if script in WITHOUT_SPACES:
        between = {i for i in range(1, len(parts) - 1) if parts[i - 1].translated and parts[i + 1].translated}
        texts = ["" if i in between and text == " " else text for i, text in enumerate(texts)]
    return "".join(texts)


def numbers(text: str) -> list[str]:
    """Sorted numbers of a text in plain digits, without grouping marks: "1,000" and "1.000" are the same.

    "3.5" and "3,5" are the same too, and other than "35"; "-5" is other than "5", and "1/2" than "2/1".
    """
    return sorted(_plain(number) for number in NUMBER.findall(text))


def _plain(number: str) -> str:
    digits = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in number).replace("−", "-")
    if grouped := GROUPED.fullmatch(digits):
        whole = re.sub(r"[.,٬]", "", grouped[1] + grouped[2])
        return f"{whole}.{grouped[3]}" if grouped[3] else whole
    return re.sub("[,٫٬]", ".", digits)


def fault(source: str, translation: str) -> str:
    """Why a translation is not faithful, one of FAULTS; "" for one that is."""
    if not translation.strip():
        return "empty"
    if len(translation) > LENGTHENED * len(source) + BESIDES:
        return "lengthened"
    if numbers(source) != numbers(translation):
        return "numbers"
    return "mark-up" if KEPT.search(translation) else ""


def faithful(source: str, translation: str) -> bool:
    """Whether a translation says something, at no great length, holds the numbers of its source, and adds no tag."""
    return not fault(source, translation)


def _sentences(text: str) -> list[Piece]:
    """Pieces of text that holds nothing that is kept for its form."""
    if not text:
        return []
    parts, begun = [], ""
    for start, end in pairwise([0, *unicode_text.boundaries(text, "en", "sentence")]):
        begun += text[start:end]
        if not ABBREVIATION.search(begun) or end == len(text):
            parts += _trimmed(begun)
            begun = ""
    return parts


def _trimmed(text: str) -> list[Piece]:
    """A sentence without the white space around it, which is kept, as is a sentence without any letter."""
    if not any(map(str.isalpha, text)):
        return [Piece(text, False)]
    core = text.strip()
    start = text.index(core)
    around = [Piece(text[:start], False), Piece(core, True), Piece(text[start + len(core) :], False)]
    return [piece for piece in around if piece.text]
