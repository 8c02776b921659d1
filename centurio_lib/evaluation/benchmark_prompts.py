"""What the published test sets are asked by: the paper's prompts (its appendix C) in function, our words.

Prompts are in English whatever the language of the question. `IMAGE` marks where a picture stands; a prompt without a
mark has its pictures before it. Where the paper asks for the answer in the question's language it names it.
"""

import re

from centurio_lib.data.prompts import IMAGE
from centurio_lib.languages import name_of

LETTERS = "ABCDEFGHIJ"
OPTION = re.compile(rf"^[{LETTERS}]\. ", re.MULTILINE)


def caption(code: str) -> str:
    """XM3600: one sentence in a language."""
    return f"Briefly describe the image in {name_of(code)}, in one sentence."


def short_answer(question: str, code: str) -> str:
    """MaXM, MTVQA and, in English, xGQA: a word or phrase in a language."""
    return f"{question}\nAnswer with a single word or a short phrase, in {name_of(code)}."


def follows(statement: str) -> str:
    """XVNLI: whether the image makes a statement sure."""
    return f"Is it guaranteed to be true that \"{statement}\"? Answer in English: yes, no or maybe."


def pair(statement: str) -> str:
    """MaRVL and M5-VGR: whether a statement about two images is right."""
    return f"Given the two images {IMAGE}{IMAGE}, is it correct to say \"{statement}\"? Answer yes or no."


def outlier(statement: str) -> str:
    """M5-VLOD: which of five images does not match a statement."""
    shown = " ".join(f"{letter}: {IMAGE}" for letter in LETTERS[:5])
    return f"Five images: {shown}\nWhich one does not match \"{statement}\"? Answer with one letter, A to E."


def choice(question: str, options: list[str]) -> str:
    """M3Exam, xMMMU and CVQA: a question with options by letter."""
    return f"{question}\n{_lettered(options)}\nAnswer with the letter of the right option."


def class_name(code: str, options: list[str]) -> str:
    """BIN-MC: which name in a language fits the image."""
    return f"Which of these names, in {name_of(code)}, fits the image?\n{_lettered(options)}\nAnswer with its letter."


def _lettered(options: list[str]) -> str:
    return "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))


def n_options(prompt: str) -> int:
    """How many options a prompt of `choice` or `class_name` offers; 0 for an open question."""
    return len(OPTION.findall(prompt))
