"""Pre-training text of the small decoder: conversations about concepts, lexicon entries, declarations.

The small decoder stands in for the paper's multilingual instruct LLM. This text teaches it the names of the
study's concepts in all languages, the English names of languages, and the form of question and answer. A conversation
names a concept once or several times in the place of the later image tokens.
"""

from functools import cache
from math import ceil
from typing import NamedTuple

import numpy as np
import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.data.sources import things
from centurio_lib.languages import language

USER, ASSISTANT, END, BREAK = "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"
# share of documents of each kind
KINDS = {"talk": 0.69, "pair": 0.06, "odd_one_out": 0.05, "lexicon": 0.17, "declaration": 0.03}
# share of turns of each kind; the description of a concept without keywords is its name
TURNS = {"name": 0.55, "describe": 0.25, "choice": 0.20}
MAX_TURNS = 6
MAX_MENTIONS = 3
ENGLISH_MENTIONS = 0.75
# language of a turn: the mention's (teaches the form of a question), English, or any
OWN_LANGUAGE, ENGLISH = 0.2, 0.1
# languages join one by one, the best resourced tier first: on a few languages the decoder learns within minutes to
# answer about the mention, on all languages at once it takes hours
FIRST_LANGUAGES, ALL_LANGUAGES_AT = 3, 0.4


def order(code: str) -> tuple:
    """Sort key of languages: English, then by tier, the best resourced first."""
    return code != "en", -language(code).tier, code


class Lexicon:
    """The texts of the chosen concepts, ready to draw from: `names[concept][language]`, `keywords[...]`,
    `kind[concept]`.
    """

    def __init__(self, texts: pd.DataFrame):
        self.texts, self.names, self.keywords, self.kind = texts, {}, {}, {}
        for row in texts.itertuples():
            self.names.setdefault(row.concept, {})[row.language] = row.name
            self.keywords.setdefault(row.concept, {})[row.language] = list(row.keywords)[:3]
            self.kind[row.concept] = row.kind
        self.concepts = list(self.names)
        self.of_language = {code: [c for c in self.concepts if code in self.names[c]]
                            for code in sorted(set(texts.language), key=order)}

    def others(self, random, concept: str, code: str, n: int) -> list[str]:
        """`n` other concepts of the same kind that the language names."""
        pool = [c for c in self.of_language[code] if self.kind[c] == self.kind[concept] and c != concept]
        return [pool[i] for i in random.choice(len(pool), n, replace=False)]


def mention(lexicon: Lexicon, random, concept: str, code: str) -> str:
    """Name a concept once or several times, in the place of image tokens."""
    return " ".join([lexicon.names[concept][code]] * int(random.integers(1, MAX_MENTIONS + 1)))


def mention_language(lexicon: Lexicon, random, concepts: list[str]) -> str:
    """Draw the language of a mention: mostly English, else one that names all concepts."""
    return "en" if random.random() < ENGLISH_MENTIONS else any_language(lexicon, random, concepts)


def any_language(lexicon: Lexicon, random, concepts: list[str]) -> str:
    """Draw a language that names all concepts, each with equal chance."""
    codes = [code for code in lexicon.names[concepts[0]] if all(code in lexicon.names[c] for c in concepts)]
    return codes[random.integers(len(codes))]


def turn_language(lexicon: Lexicon, random, concepts: list[str], mentioned: str) -> str:
    """Draw the language of a turn's answer."""
    chance = random.random()
    if chance < OWN_LANGUAGE:
        return mentioned
    return "en" if chance < OWN_LANGUAGE + ENGLISH else any_language(lexicon, random, concepts)


def conversation(mentions: list[str], turns: list[tuple[str, str]]) -> str:
    """Write questions and answers in the chat template, with the mentions before the first question."""
    questions = [f"{' '.join(mentions)} {turns[0][0]}", *(question for question, _ in turns[1:])]
    return "".join(f"{USER}{question}{END}{ASSISTANT}{answer}{END}"
                   for question, (_, answer) in zip(questions, turns, strict=True))


@cache
def first_languages(lexicon: Lexicon, n: int) -> Lexicon:
    """The first `n` languages of a lexicon."""
    return Lexicon(lexicon.texts[lexicon.texts.language.isin(list(lexicon.of_language)[:n])])


class Draw(NamedTuple):
    """A source of documents: `draw(random)` gives one of random kind, concept and languages."""

    lexicon: Lexicon
    declarations: dict[str, list[str]]
    seed: int

    def at(self, progress: float) -> "Draw":
        """The source after a share `progress` of the training: English first, then language by language."""
        if progress >= ALL_LANGUAGES_AT:
            return self
        n = ceil(len(self.lexicon.of_language) * progress / ALL_LANGUAGES_AT)
        lexicon = first_languages(self.lexicon, max(FIRST_LANGUAGES, n))
        return self._replace(lexicon=lexicon, declarations={c: text for c, text in self.declarations.items()
                                                            if c in lexicon.of_language})

    def __call__(self, random: np.random.Generator) -> str:
        kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
        if kind == "declaration":
            code = list(self.declarations)[random.integers(len(self.declarations))]
            return (f"{language(code).name}: "
                    f"{self.declarations[code][random.integers(len(self.declarations[code]))]}")[:200]
        concept = self.lexicon.concepts[random.integers(len(self.lexicon.concepts))]
        return WRITERS[kind](self.lexicon, random, concept)


def lexicon_entry(lexicon: Lexicon, random, concept: str) -> str:
    """Name a concept in English, then in several languages: "dog, German: Hund, Swahili: mbwa"."""
    codes = list(lexicon.names[concept])
    picked = [codes[i] for i in random.choice(len(codes), min(8, len(codes)), replace=False)]
    return "\n".join([lexicon.names[concept]["en"],
                      *(f"{language(c).name}: {lexicon.names[concept][c]}" for c in picked)])


def talk(lexicon: Lexicon, random, concept: str) -> str:
    """A conversation about a concept: name, description or choice of four; each turn has its language."""
    mentioned, turns = mention_language(lexicon, random, [concept]), []
    for _ in range(random.integers(1, MAX_TURNS + 1)):
        code = turn_language(lexicon, random, [concept], mentioned)
        turns.append(TURN_WRITERS[str(random.choice(list(TURNS), p=list(TURNS.values())))](
            lexicon, random, concept, code))
    return conversation([mention(lexicon, random, concept, mentioned)], turns)


def name(lexicon: Lexicon, random, concept: str, code: str) -> tuple[str, str]:
    """Question and answer: the name of a concept."""
    ask = prompts.QUESTIONS[things.declared(lexicon.kind[concept]).question]
    return ask(code), lexicon.names[concept][code]


def describe(lexicon: Lexicon, random, concept: str, code: str) -> tuple[str, str]:
    """Question and answer: name and keywords of a concept, or the name alone without keywords."""
    if not things.declared(lexicon.kind[concept]).described:
        return name(lexicon, random, concept, code)
    return prompts.describe(code), prompts.dense_caption(lexicon.names[concept][code], lexicon.keywords[concept][code])


def choice(lexicon: Lexicon, random, concept: str, code: str) -> tuple[str, str]:
    """Question and answer: choose the name of a concept among four."""
    options = [concept, *lexicon.others(random, concept, code, 3)]
    named = [lexicon.names[options[i]][code] for i in random.permutation(4)]
    return prompts.choice(code, named), lexicon.names[concept][code]


def true_or_false(lexicon: Lexicon, random, concept: str) -> str:
    """A conversation that asks, of two concepts, whether pairs of names are right."""
    second, wrong = lexicon.others(random, concept, "en", 2)
    mentioned, turns = mention_language(lexicon, random, [concept, second]), []
    for _ in range(random.integers(1, 4)):
        named, answer = [concept, second], "true"
        if random.random() < 0.5:
            named[random.integers(2)], answer = wrong, "false"
        code = turn_language(lexicon, random, named, mentioned)
        if all(code in lexicon.names[c] for c in named):
            turns.append((prompts.pair(code, [lexicon.names[c][code] for c in random.permutation(named)]), answer))
    mentions = [mention(lexicon, random, c, mentioned) for c in (concept, second)]
    return conversation(mentions, turns) if turns else talk(lexicon, random, concept)


def odd_one_out(lexicon: Lexicon, random, concept: str) -> str:
    """A conversation that asks for the one concept that differs from the four others."""
    other, place = lexicon.others(random, concept, "en", 1)[0], int(random.integers(5))
    mentioned = mention_language(lexicon, random, [concept, other])
    named = [lexicon.names[other if i == place else concept][mentioned] for i in range(5)]
    code = turn_language(lexicon, random, [concept], mentioned)
    return conversation(named, [(prompts.odd_one_out(code, lexicon.names[concept][code]), prompts.LETTERS[place])])


WRITERS = {"talk": talk, "lexicon": lexicon_entry, "pair": true_or_false, "odd_one_out": odd_one_out}
TURN_WRITERS = {"name": name, "describe": describe, "choice": choice}
