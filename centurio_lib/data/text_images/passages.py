"""Texts of any language that documents show: running text and names of things, apart for training and evaluation.

Where a profile asks for `articles`, running text comes from the hub too, from as many articles of each language's
Wikipedia.
"""

import hashlib
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd

from centurio_lib.data.sources import fonts, texts, things
from centurio_lib.data.text_images import typesetting, unicode_text
from centurio_lib.languages import language, languages
from centurio_lib.params import Ocr

EVALUATION_SHARE = 0.2  # of the passages


class NoText(LookupError):
    """A language for which no source has text."""


@cache
def of(code: str, split: str, articles: int = 0) -> list[str]:
    """Texts of a language that training ("train") or evaluation ("test") may show, running text before names.

    A passage goes to a side by its own hash, in whatever language it occurs. One of "test" that also occurs within the
    training text of its language is left out. So is what no font can show in full. Raises NoText where there are none.
    """
    drawable = [text for text in known(code, articles) if not typesetting.uncovered([text], code)]
    train = [text for text in drawable if not held_out(text)]
    seen = "\n".join(train).casefold()
    test = [text for text in drawable if held_out(text) and text.casefold() not in seen]
    of_split = {"train": train, "test": test}[split]
    if not of_split:
        raise NoText(f"{code}: no source has text for {split}: leave the language out (see 01_languages)")
    return of_split


@cache
def known(code: str, articles: int = 0) -> list[str]:
    """All texts of a language, each once: running text, then names of things."""
    names = [name for source in things.modules().values() for name in source.labels(code)]
    return list(dict.fromkeys(unicode_text.cleaned(text) for text in [*texts.paragraphs(code, articles), *names]))


def held_out(text: str) -> bool:
    """Whether a text, or a label of a plot, belongs to evaluation, in whatever language it is."""
    digest = hashlib.sha256(text.casefold().encode()).digest()
    return int.from_bytes(digest[:4], "big") < EVALUATION_SHARE * 2**32


def coverage(codes: list[str], articles: int = 0) -> pd.DataFrame:
    """Texts that fonts cover: columns code, language, script, font, texts, left_out, characters, missing."""
    rows = []
    for code in codes:
        all_texts, described = known(code, articles), language(code)
        seen = {text[start:end] for text in all_texts
                for start, end in pairwise([0, *unicode_text.boundaries(text, code, "character")])}
        missing = typesetting.uncovered(all_texts, code)
        rows.append({"code": code, "language": described.name, "script": described.script,
                     "font": fonts.families(code)[0], "texts": len(all_texts),
                     "left_out": sum(any(c in text for c in missing) for text in all_texts),
                     "characters": len(seen), "missing": " ".join(missing)})
    return pd.DataFrame(rows)


def with_text(articles: int = 0) -> list[str]:
    """Codes of the languages that documents can be drawn in, in the order of languages.csv."""
    return [code for code in languages() if any(source.covers(code, articles) for source in texts.modules().values())
            or any(source.covers(code) for source in things.modules().values())]


def chosen(options: Ocr) -> list[str]:
    """Codes of the languages that options name, or of all that have text.

    Raises KeyError for an unknown one, NoText for one without text, or without any for training or for evaluation.
    """
    for code in options.languages:
        if language(code).code not in with_text(options.wikipedia_articles):
            raise NoText(f"{code}: no source has text: leave it out of ocr.languages")
    codes = options.languages or with_text(options.wikipedia_articles)
    for code in codes:
        for split in ("train", "test"):
            of(code, split, options.wikipedia_articles)
    return codes


def pool(code: str, split: str, random: np.random.Generator, options: Ocr) -> list[str]:
    """The passages that one document draws on, in order.

    Running text with the chance that options say, else shuffled names.
    """
    running, names = _kinds(code, split, options.wikipedia_articles)
    if running and (not names or random.random() < options.running_text_share):
        return running
    return [names[i] for i in random.permutation(len(names))]


@cache
def _kinds(code: str, split: str, articles: int) -> tuple[list[str], list[str]]:
    """Passages of running text, and names."""
    passages, running = of(code, split, articles), set(map(unicode_text.cleaned, texts.paragraphs(code, articles)))
    return [text for text in passages if text in running], [text for text in passages if text not in running]
