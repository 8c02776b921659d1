"""Text that the small decoder is pre-trained on: lexicon entries, short exchanges about things, declarations.

It plays the part that a multilingual instruct LLM plays in the paper: before it sees any image it knows the names of the
study's things in all languages, which language an English language name means, and the form of a question and its answer.
In the exchanges a thing is mentioned by name where later an image will stand.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.languages import language

USER, ASSISTANT, END, BREAK = "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"
# share of documents of each kind
KINDS = {"lexicon": 0.30, "exchange": 0.26, "choice": 0.24, "pair": 0.08, "odd_one_out": 0.08, "declaration": 0.04}
ENGLISH_SHARE = 0.1  # English comes up more often than any other language, as in real text


class Lexicon:
    """The texts of the chosen concepts, ready to draw from: `names[concept][language]`, `keywords[...]`, `kind[concept]`."""

    def __init__(self, texts: pd.DataFrame):
        self.names, self.keywords, self.kind = {}, {}, {}
        for row in texts.itertuples():
            self.names.setdefault(row.concept, {})[row.language] = row.name
            self.keywords.setdefault(row.concept, {})[row.language] = list(row.keywords)[:3]
            self.kind[row.concept] = row.kind
        self.concepts = list(self.names)
        self.of_language = {code: [c for c in self.concepts if code in self.names[c]] for code in sorted(set(texts.language))}

    def others(self, random, concept: str, code: str, n: int) -> list[str]:
        """`n` other concepts of the same kind that the language names."""
        pool = [c for c in self.of_language[code] if self.kind[c] == self.kind[concept] and c != concept]
        return [pool[i] for i in random.choice(len(pool), n, replace=False)]


def exchange(question: str, answer: str) -> str:
    """One turn each of user and assistant, as the chat template writes it."""
    return f"{USER}{question}{END}{ASSISTANT}{answer}{END}"


def mention(lexicon: Lexicon, random, concept: str) -> str:
    """A thing named where an image will stand: mostly in English, else in any language, half the time with keywords."""
    codes = list(lexicon.names[concept])
    code = "en" if random.random() < 0.75 else codes[random.integers(len(codes))]
    keywords = lexicon.keywords[concept][code] if random.random() < 0.5 else []
    return prompts.dense_caption(lexicon.names[concept][code], keywords)


class Draw(NamedTuple):
    """Draws documents: `draw(random)` is one document of a random kind, about a random thing in random languages."""

    lexicon: Lexicon
    declarations: dict[str, list[str]]
    seed: int

    def __call__(self, random: np.random.Generator) -> str:
        kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
        if kind == "declaration":
            code = list(self.declarations)[random.integers(len(self.declarations))]
            return f"{language(code).name}: {self.declarations[code][random.integers(len(self.declarations[code]))]}"[:300]
        codes = list(self.lexicon.of_language)
        code = "en" if random.random() < ENGLISH_SHARE else codes[random.integers(len(codes))]
        concept = self.lexicon.of_language[code][random.integers(len(self.lexicon.of_language[code]))]
        return WRITERS[kind](self.lexicon, random, concept, code)


def lexicon_entry(lexicon: Lexicon, random, concept: str, code: str) -> str:
    """A thing in English, then in a dozen languages: "dog, German: Hund, Swahili: mbwa"."""
    codes = list(lexicon.names[concept])
    picked = [codes[i] for i in random.choice(len(codes), min(12, len(codes)), replace=False)]
    lines = [f"{language(c).name}: {lexicon.names[concept][c]}" for c in picked]
    return "\n".join([mention(lexicon, random, concept), *lines])


def naming(lexicon: Lexicon, random, concept: str, code: str) -> str:
    """Two or three exchanges about a thing: its name, or its name and keywords, or the country of a flag."""
    turns = []
    for i in range(3):
        c = code if i == 0 else list(lexicon.names[concept])[random.integers(len(lexicon.names[concept]))]
        shown = lexicon.names[concept][c]
        if lexicon.kind[concept] == "flag":
            turns.append((prompts.country(c), shown))
        elif random.random() < 0.5:
            turns.append((prompts.name(c), shown))
        else:
            turns.append((prompts.describe(c), prompts.dense_caption(shown, lexicon.keywords[concept][c])))
    first = f"{mention(lexicon, random, concept)} {turns[0][0]}"
    return exchange(first, turns[0][1]) + "".join(exchange(*turn) for turn in turns[1:])


def multiple_choice(lexicon: Lexicon, random, concept: str, code: str) -> str:
    """A thing, and four names of which one is its own."""
    options = [concept, *lexicon.others(random, concept, code, 3)]
    order = random.permutation(4)
    question = prompts.choice(code, [lexicon.names[options[i]][code] for i in order])
    return exchange(f"{mention(lexicon, random, concept)} {question}", prompts.LETTERS[int(np.flatnonzero(order == 0)[0])])


def true_or_false(lexicon: Lexicon, random, concept: str, code: str) -> str:
    """Two things, and two names of which both or only one fit."""
    second, wrong = lexicon.others(random, concept, code, 2)
    said, answer = [concept, second], "true"
    if random.random() < 0.5:
        said[random.integers(2)], answer = wrong, "false"
    question = prompts.pair(code, [lexicon.names[c][code] for c in said])
    return exchange(f"{mention(lexicon, random, concept)} {mention(lexicon, random, second)} {question}", answer)


def odd_one_out(lexicon: Lexicon, random, concept: str, code: str) -> str:
    """Four times one thing and once another."""
    other, place = lexicon.others(random, concept, code, 1)[0], int(random.integers(5))
    said = [mention(lexicon, random, other if i == place else concept) for i in range(5)]
    question = prompts.odd_one_out(code, lexicon.names[concept][code])
    return exchange(f"{' '.join(said)} {question}", prompts.LETTERS[place])


WRITERS = {"lexicon": lexicon_entry, "exchange": naming, "choice": multiple_choice, "pair": true_or_false,
           "odd_one_out": odd_one_out}
