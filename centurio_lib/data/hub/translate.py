"""English text put into other languages, each distinct text once for each language, flagged where something
looks wrong.

A sentence is translated by itself (sentences.py). What comes back empty, with other numbers, or with a tag of
its own is tried again around its numbers, and kept in English if that fails too: counted, never silent. A
shard is written when it is whole, so that a killed run goes on.
"""

import time
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from centurio_lib import code_digest, storage, tables
from centurio_lib.data import shards
from centurio_lib.data.hub import sentences
from centurio_lib.data.hub.sentences import Piece
from centurio_lib.data.hub.translators import TranslationError, Translator
from centurio_lib.languages import language
from centurio_lib.params.hub_data import Translation

LONG = 20  # characters of a text from which its length is compared
ODD_RATIO = 3.0  # a length so many times more or less than usual is flagged
FLAGS = ["odd_length", "other_language", "in_english"]

MADE_BY = ["sentences", "translators", "translate"]  # modules that a translation follows from

Judge = Callable[
    [list[str], list[str]], np.ndarray
]  # texts and codes to 1.0, 0.0 or NaN: fidelity.in_language


def spoken_in(codes: list[str], options: Translation) -> list[str]:
    """The languages of a mix that samples can be put into.

    Raises TranslationError for one that NLLB lacks and for which the profile does not say what to do.
    """
    lacking = [code for code in codes if not language(code).nllb]
    unsaid = [code for code in lacking if code not in options.missing_languages]
    if unsaid:
        raise TranslationError(
            f"NLLB lacks {', '.join(language(code).name for code in unsaid)} ({', '.join(unsaid)}): state in "
            "data.sources.translation.missing_languages whether to leave_out or to keep in english"
        )
    return [code for code in codes if options.missing_languages.get(code) != "leave_out"]


def translated(texts: list[str], say: Translator, code: str) -> pd.DataFrame:
    """Some texts in a language: columns text, language, translation, sentences, kept (sentences left in
    English).
    """
    cut = [sentences.pieces(text) for text in texts]
    wanted = list(dict.fromkeys(piece.text for pieces in cut for piece in pieces if piece.said))
    script, rows = language(code).script, []
    said = faithful(wanted, say, language(code).nllb, script)
    for text, pieces in zip(texts, cut, strict=True):
        asked = [piece.text for piece in pieces if piece.said]
        rows.append(
            {
                "text": text,
                "language": code,
                "sentences": len(asked),
                "kept": sum(one not in said for one in asked),
                "translation": sentences.joined(pieces, {one: said.get(one, one) for one in asked}, script),
            }
        )
    return pd.DataFrame(rows)


def faithful(wanted: list[str], say: Translator, target: str, script: str) -> dict[str, str]:
    """Translations of distinct sentences, of those where they are faithful: whole, or else around the
    sentence's numbers.
    """
    long = {one for one, n in zip(wanted, say.length(wanted), strict=True) if n > say.longest}
    whole = {
        one: sentences.shorter(one, say.length, say.longest) if one in long else [Piece(one, True)]
        for one in wanted
    }
    said = _good(whole, say, target, script)
    around = {one: sentences.at_numbers(one) for one in wanted if one not in said and sentences.numbers(one)}
    return said | _good(around, say, target, script)


def _good(cut: dict[str, list[Piece]], say: Translator, target: str, script: str) -> dict[str, str]:
    """What is said for sentences in pieces, of those where it is faithful."""
    pieces = list(dict.fromkeys(piece.text for own in cut.values() for piece in own if piece.said))
    said = dict(zip(pieces, say(pieces, target), strict=True))
    whole = {
        one: sentences.joined(own, said, script)
        for one, own in cut.items()
        if all(said[piece.text] for piece in own if piece.said)
    }
    return {one: text for one, text in whole.items() if sentences.faithful(one, text)}


def key(options: Translation) -> str:
    """What stands for the translator and all else that its words depend on."""
    kept = options.model_dump(exclude={"shard_size", "missing_languages"})
    return storage.digest(
        [kept, [code_digest.module_digest(f"centurio_lib.data.hub.{name}") for name in MADE_BY]]
    )


def build(
    folder: Path, wanted: Iterable[tuple[str, int, list[str]]], whole: int, say: Translator,
    options: Translation, judge: Judge,
) -> list[Path]:
    """Translate the texts wanted in each language into shards under `folder/<code>`, and return their files.

    `wanted`: a language, how many samples it has, their distinct texts, of one language at a time. `whole`: the
    samples of all.
    """
    files, since, done, fresh = [], time.time(), 0.0, 0.0
    for code, samples, texts in wanted:
        for path, part in _shards(folder, code, texts, options):
            files.append(path)
            done += samples * len(part) / len(texts)
            if shards.complete(path, "translations", len(part)):
                continue
            tables.write(path, "translations", judged(translated(part, say, code), judge))
            fresh += samples * len(part) / len(texts)
            left = (time.time() - since) / fresh * (whole - done)
            print(f"{folder.name}: {done:.0f} of {whole} samples, now {code}, {left:.0f} s left", flush=True)
    for path in set(folder.glob("*/translations-*.parquet")) - set(files):
        path.unlink()
    return files


def judged(frame: pd.DataFrame, judge: Judge) -> pd.DataFrame:
    """Translations with `ratio` (characters against those of the source) and `in_language`."""
    ratio = frame.translation.str.len() / frame.text.str.len().clip(lower=1)
    return frame.assign(ratio=ratio, in_language=judge(frame.translation.tolist(), frame.language.tolist()))


def flagged(frame: pd.DataFrame) -> pd.DataFrame:
    """Translations with what looks wrong: `odd_length`, `other_language`, `in_english` (a sentence was kept).

    A length is odd that is ODD_RATIO times more or less than usual for the language, in texts of some length.
    """
    long = frame.text.str.len() >= LONG
    usual = frame.language.map(frame[long].groupby("language").ratio.median())
    off = (frame.ratio > usual * ODD_RATIO) | (frame.ratio < usual / ODD_RATIO)
    return frame.assign(
        odd_length=long & off, other_language=frame.in_language.eq(0), in_english=frame.kept > 0
    )


def summary(files: list[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What came out, a language in memory at a time: a row of numbers for each, and some texts of each.

    Numbers: texts, mean ratio and in_language, how many have each flag. Texts: the first, and those with a
    flag.
    """
    rows, shown = [], [pd.DataFrame(columns=["language", "text", "translation", *FLAGS])]
    for folder, own in groupby(files, key=lambda path: path.parent):
        found = flagged(shards.read(list(own), "translations"))
        means, counts = found[["ratio", "in_language"]].mean(), found[FLAGS].sum()
        rows.append(
            {"stage": folder.parent.name, "language": folder.name, "texts": len(found), **means, **counts}
        )
        shown += [found.head(1), found[found[FLAGS].any(axis=1)].head(2)]
    numbers = pd.DataFrame(rows, columns=["stage", "language", "texts", "ratio", "in_language", *FLAGS])
    return numbers, pd.concat(shown[1:] or shown, ignore_index=True)


def words(folder: Path, code: str, needed: Iterable[str]) -> dict[str, str]:
    """Translations of some texts. Raises TranslationError for one that was not translated."""
    wanted, found = set(needed), {}
    for path in sorted((folder / code).glob("translations-*.parquet")):
        frame = tables.read(path, "translations", ["text", "translation"])
        found |= {
            text: said for text, said in zip(frame.text, frame.translation, strict=True) if text in wanted
        }
    if len(found) < len(wanted):
        raise TranslationError(
            f"{folder} lacks {len(wanted - set(found))} texts in {language(code).name}: run notebook "
            "03_translate again (seeds beyond the profile's study.seeds are not translated)"
        )
    return found


def _shards(folder: Path, code: str, texts: list[str], options: Translation):
    for number, part in enumerate(shards.parts(texts, options.shard_size)):
        yield shards.shard_file(folder / code, "translations", number, part, key(options)), part
