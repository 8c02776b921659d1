"""Forms of prompts that several benchmarks share; they follow the paper's appendix C in other words.

Prompts are in English for questions in any language. `IMAGE` marks where a picture stands; a prompt without a
mark has its pictures before it. Where the paper asks for the answer in the question's language, the prompt names it.
A form that only one task uses is in the file of that task.
"""

import re

from centurio_lib.data.prompts import IMAGE
from centurio_lib.languages import name_of

LETTERS = "ABCDEFGHIJ"
OPTION = re.compile(rf"^[{LETTERS}]\. ", re.MULTILINE)


def short_answer(question: str, code: str) -> str:
    """Prompt of a question whose answer is a word or phrase in a language."""
    return f"{question}\nAnswer with a single word or a short phrase, in {name_of(code)}."


def about_two_images(statement: str) -> str:
    """Prompt that asks whether a statement about two images is right."""
    return f"Given the two images {IMAGE}{IMAGE}, is it correct to say \"{statement}\"? Answer yes or no."


def choice(question: str, options: list[str]) -> str:
    """Prompt of a question with lettered options."""
    return f"{question}\n{lettered(options)}\nAnswer with the letter of the right option."


def lettered(options: list[str]) -> str:
    """Lettered options, one a line."""
    return "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))


def n_options(prompt: str) -> int:
    """Number of lettered options of a prompt; 0 for an open question."""
    return len(OPTION.findall(prompt))
