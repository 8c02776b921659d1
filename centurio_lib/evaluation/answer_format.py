"""Answers within what models wrap them in: `(B)`, `**B**`, `Answer: B.`, `The answer is (B).`, `Yes.`.

Instructed models answer so, and the paper's match takes it for wrong. A match that looks within stands beside the
headline, for every model alike.
"""

import re

from centurio_lib.text_form import same, visible

MARKS = re.compile(r"[*`]|\\(?:boxed|text|mathbf|textbf)|\$")  # of Markdown and LaTeX
# words before an answer; the study's prompts are in English
LEAD = re.compile(r"(?:(?:so|therefore|thus|hence)[, ]+)?(?:(?:the|my)\s+)?(?:(?:correct|right|final|best)\s+)*"
                  r"(?:answer|option|choice|letter)\b\s*(?:is|:|=)?\s*[:：]?\s*", re.IGNORECASE)
LETTER = re.compile(r"([A-Z])\s*[.):：）,\]]\s*\S.*", re.DOTALL)  # a letter, and then the option that it stands for
OPENING, CLOSING = "([{<\"'“‘«‹„「『（【¿¡:：", ")]}>\"'”’»›」』）】.,;:!?…。．、，；：！？।؟،؛"
QUOTES = str.maketrans("’‘“”«»‐‑", "''\"\"\"\"--")


def says(prediction: str, right: str) -> bool:
    """Say whether an answer, or its first or last line, equals a right answer without quotes, brackets and prefixes."""
    wanted = bare(right) or right
    return any(same(one, wanted) for one in readings(prediction, is_letter(right)))


def is_letter(right: str) -> bool:
    """Say whether a right answer is the letter of an option."""
    return re.fullmatch("[A-Z]", visible(right)) is not None


def readings(prediction: str, letter: bool) -> list[str]:
    """Texts to compare of an answer: all of it, its first line, its last; with and without the words before it.

    `letter`: an option is asked for by its letter.
    """
    lines = [line for line in prediction.splitlines() if visible(line)]
    wrapped = [bare(part) for part in (prediction, *lines[:1], *lines[-1:])]
    found = wrapped + [bare(LEAD.sub("", one, count=1)) for one in wrapped if LEAD.match(one)]
    return found + [match[1] for one in found if letter and (match := LETTER.fullmatch(one))]


def bare(text: str) -> str:
    """A text without what stands around it: marks of a layout, brackets, quotes, closing signs."""
    plain = visible(MARKS.sub("", visible(text))).translate(QUOTES)
    return plain.lstrip(OPENING + " ").rstrip(CLOSING + " ") or plain
