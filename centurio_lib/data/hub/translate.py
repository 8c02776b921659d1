"""Translate each distinct English text once into each language, and flag odd translations.

A sentence is translated by itself (sentences.py). A translation may come back empty, with other numbers, or with a tag
of its own. Then the sentence is translated around its numbers, and stays in English if that fails too. Such sentences
are counted. A shard is written when it is whole, so that a killed run goes on.
"""

import time
from collections.abc import Callable, Iterable, Mapping
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

Judge = Callable[[list[str], list[str]], np.ndarray]  # texts and codes to 1.0, 0.0 or NaN: fidelity.in_language


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
    """Some texts in a language: columns text, language, translation, sentences, kept (those left in English), faults.

    `faults`: why each of the sentences that were kept has no translation (sentences.FAULTS), one a line.
    """
    cut = [sentences.pieces(text) for text in texts]
    distinct = list(dict.fromkeys(piece.text for pieces in cut for piece in pieces if piece.translated))
    script, rows = language(code).script, []
    translations, faults = faithful(distinct, say, language(code).nllb, script)
    for text, pieces in zip(texts, cut, strict=True):
        spoken = [piece.text for piece in pieces if piece.translated]
        joined = sentences.joined(pieces, {one: translations.get(one, one) for one in spoken}, script)
        kept = [faults[one] for one in spoken if one not in translations]
        rows.append({"text": text, "language": code, "sentences": len(spoken), "kept": len(kept),
                     "faults": "\n".join(kept), "translation": joined})
    return pd.DataFrame(rows)


def faithful(distinct: list[str], say: Translator, target: str,
             script: str) -> tuple[dict[str, str], dict[str, str]]:
    """Translations of distinct sentences that are faithful: of the whole sentence, or else around its numbers.

    Returns these, and the fault of each whole sentence that is not.
    """
    long = {one for one, n in zip(distinct, say.length(distinct), strict=True) if n > say.longest}
    whole = {
        one: sentences.shorter(one, say.length, say.longest) if one in long else [Piece(one, True)] for one in distinct
    }
    translations, faults = _good(whole, say, target, script)
    around = {one: sentences.at_numbers(one) for one in distinct if one not in translations and sentences.numbers(one)}
    return translations | _good(around, say, target, script)[0], faults


def _good(cut: dict[str, list[Piece]], say: Translator, target: str,
          script: str) -> tuple[dict[str, str], dict[str, str]]:
    """Faithful translations of sentences that are cut into pieces, and the faults of the others."""
    pieces = list(dict.fromkeys(piece.text for parts in cut.values() for piece in parts if piece.translated))
    translations = dict(zip(pieces, say(pieces, target), strict=True))
    whole = {
        one: sentences.joined(parts, translations, script)
        if all(translations[piece.text] for piece in parts if piece.translated) else ""
        for one, parts in cut.items()
    }
    faults = {one: found for one, text in whole.items() if (found := sentences.fault(one, text))}
    return {one: text for one, text in whole.items() if one not in faults}, faults


def key(options: Translation) -> str:
    """Key of translations: digest of the translator, its options and its code."""
    stated = options.model_dump(exclude={"shard_size", "missing_languages"})
    return storage.digest([stated, [code_digest.module_digest(f"centurio_lib.data.hub.{name}") for name in MADE_BY]])


def build(
    folder: Path,
    by_language: Iterable[tuple[str, int, list[str]]],
    whole: int,
    say: Translator,
    options: Translation,
    judge: Judge,
) -> list[Path]:
    """Translate the texts wanted in each language into shards under `folder/<code>`, and return their files.

    `by_language`: a language, how many samples it has, their distinct texts, of one language at a time. `whole`: the
    samples of all.
    """
    files, since, done, fresh = [], time.time(), 0.0, 0.0
    for code, samples, texts in by_language:
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
    """Add flags of suspect translations: `odd_length`, `other_language`, `in_english` (a sentence was kept).

    A length is odd that is ODD_RATIO times more or less than usual for the language, in texts of some length.
    """
    long = frame.text.str.len() >= LONG
    usual = frame.language.map(frame[long].groupby("language").ratio.median())
    off = (frame.ratio > usual * ODD_RATIO) | (frame.ratio < usual / ODD_RATIO)
    return frame.assign(odd_length=long & off, other_language=frame.in_language.eq(0), in_english=frame.kept > 0)


def summary(files: Mapping[str, list[Path]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise the translations of each stage: one row of numbers for each language, and some texts of each.

    `files` are of `build`, by stage. Numbers: texts and their sentences, mean ratio and in_language, counts of flags,
    and how many sentences stay in English for each fault. Texts: the first, and texts with a flag. One language is in
    memory at a time.
    """
    rows, examples = [], [pd.DataFrame(columns=["language", "text", "translation", *FLAGS])]
    by_language = [(stage, list(of_language)) for stage, of_stage in files.items()
                   for _, of_language in groupby(of_stage, key=lambda path: path.parent)]
    for stage, language_files in by_language:
        table = flagged(shards.read(language_files, "translations"))
        means, counts = table[["ratio", "in_language"]].mean(), table[FLAGS].sum()
        faults = table.faults.str.split("\n").explode().value_counts()
        rows.append({"stage": stage, "language": table.language[0], "texts": len(table),
                     "sentences": table.sentences.sum(), **means, **counts,
                     **{name: faults.get(name, 0) for name in sentences.FAULTS}})
        examples += [table.head(1), table[table[FLAGS].any(axis=1)].head(2)]
    numbers = pd.DataFrame(rows, columns=["stage", "language", "texts", "sentences", "ratio", "in_language", *FLAGS,
                                          *sentences.FAULTS])
    return numbers, pd.concat(examples[1:] or examples, ignore_index=True)


def words(folder: Path, code: str, needed: Iterable[str]) -> dict[str, str]:
    """Translations of some texts. Raises TranslationError for one that was not translated."""
    texts, translations = set(needed), {}
    for path in sorted((folder / code).glob("translations-*.parquet")):
        frame = tables.read(path, "translations", ["text", "translation"])
        pairs = zip(frame.text, frame.translation, strict=True)
        translations |= {text: translation for text, translation in pairs if text in texts}
    if len(translations) < len(texts):
        raise TranslationError(
            f"{folder} lacks {len(texts - set(translations))} texts in {language(code).name}: run notebook "
            "03_translate again (seeds beyond the profile's study.seeds are not translated)"
        )
    return translations


def _shards(folder: Path, code: str, texts: list[str], options: Translation):
    for number, part in enumerate(shards.parts(texts, options.shard_size)):
        yield shards.shard_file(folder / code, "translations", number, part, key(options)), part
