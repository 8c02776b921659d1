"""Every prompt of the study, in English and naming the language, as the paper's evaluation does (its appendix C).

A prompt for English may leave the language out (`code=None`): most English instruction data does not name it.
"""

from centurio_lib.languages import language

LETTERS = "ABCDE"
IMAGE = "<image>"  # where a picture stands in a conversation; without it, at the start of the first question


def name(code: str | None) -> str:
    """Short caption: the thing's name."""
    return f"What is this, in {language(code).name}?" if code else "What is this?"


def describe(code: str | None) -> str:
    """Dense caption: name and keywords."""
    return f"Describe the image in {language(code).name}." if code else "Describe the image."


def country(code: str | None) -> str:
    """Open question about a flag."""
    question = "Which country has this flag?"
    return f"{question} Answer in {language(code).name}." if code else question


def choice(code: str, names: list[str]) -> str:
    """Multiple choice among names in a language (BIN-MC's shape); the answer is one of the names."""
    return f"Which of these (in {language(code).name}) does the image show? {', '.join(names)}"


def pair(code: str, names: list[str]) -> str:
    """True or false about two images (MaRVL's shape)."""
    return f"True or false: the two images show (in {language(code).name}) {' and '.join(names)}."


def odd_one_out(code: str, named: str) -> str:
    """The image that does not match four others (VLOD's shape); the answer is a letter."""
    return f"Which of the five images, A to E, does not show (in {language(code).name}) {named}?"


def dense_caption(named: str, keywords: list[str]) -> str:
    """Name and keywords as one caption."""
    return f"{named}: {', '.join(keywords)}" if len(keywords) else named


QUESTIONS = {"name": name, "country": country}  # what a picture is asked, by `question` of its source
