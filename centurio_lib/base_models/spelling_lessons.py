"""Words letter by letter among fillers, from which the small decoder learns to spell.

A large language model knows the spelling of words. The small decoder reads a word as one or two tokens. Here it reads
letters in the place of the tokens of an image with text, and answers with the text. The words include no label of
SMPQA's test.
"""

import string
from typing import NamedTuple

import numpy as np

from centurio_lib.base_models import corpus
from centurio_lib.data.text_images import passages

FILLER = "."  # stands for a patch without a letter
WORDS = range(1, 5)  # words of a document
STRINGS, ENGLISH = 0.4, 0.35  # shares of words: strings of letters, English ones; the rest are of any language
WITHIN, LINE, MARGIN = 0.12, 12, 30  # chance of a filler within a word; most fillers between words, and at the ends
UPPER, TITLE = 0.1, 0.15  # shares of words in capitals, and with a capital first letter


class Spelled(NamedTuple):
    """Letters and fillers as one text, and the words that they spell, a line each."""

    shown: str
    text: str


class Words(NamedTuple):
    """Words of names, in English and in all languages."""

    english: list[str]
    all: list[str]


def words(lexicon: corpus.Lexicon) -> Words:
    """Single words of all names of a lexicon, without the labels of test plots."""
    rows = [(row.language, word) for row in lexicon.texts.itertuples()
            for word in row.name.split() if not passages.held_out(word)]
    return Words([word for code, word in rows if code == "en"], [word for _, word in rows])


def word(known: Words, random: np.random.Generator) -> str:
    """Draw a string of letters or a known word, in random case."""
    chance, case = random.random(), random.random()
    if chance < STRINGS:
        text = "".join(random.choice(list(string.ascii_lowercase), int(random.integers(2, 11))))
    else:
        pool = known.english if chance < STRINGS + ENGLISH else known.all
        text = pool[random.integers(len(pool))]
    return text.upper() if case < UPPER else text.capitalize() if case < UPPER + TITLE else text


def draw(known: Words, random: np.random.Generator) -> Spelled:
    """Draw some words, with fillers before and a few fillers within each word."""
    words_drawn = [word(known, random) for _ in range(int(random.choice(WORDS)))]
    letters = FILLER * int(random.integers(0, MARGIN))
    for one in words_drawn:
        letters += FILLER * int(random.integers(1, LINE))
        letters += "".join(FILLER * (random.random() < WITHIN) + letter for letter in one)
    return Spelled(letters + FILLER * int(random.integers(0, MARGIN)), "\n".join(words_drawn))
