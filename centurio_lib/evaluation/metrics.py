"""Metrics of answers against references, from 0 to 100: CIDEr, chrF, exact match, relaxed and lenient match.

For the character error rate, less is better, and it may exceed 100. A metric is a function marked by `metric` with its
name in tasks and tables.

CIDEr is CIDEr-D (Vedantam et al. 2015): clipped tf-idf similarity of n-grams, n = 1..4, with a Gaussian penalty on the
difference in length. Its customary scale ("x100") depends on the length of the captions. The study's `cider` is
the share of the reference's score as an answer, so that a perfect answer is 100 in every language.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import NamedTuple

import icu
import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein
from sacrebleu.metrics import CHRF

from centurio_lib.evaluation import answer_format
from centurio_lib.text_form import normalised, same

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0  # width of the length penalty, in tokens
# scripts written without spaces between words: Thai, Lao, Tibetan; Burmese; Khmer; kana; Han
UNSPACED = ("\u0e00-\u0fff" "\u1000-\u109f" "\u1780-\u17ff" "\u3040-\u30ff\u31f0-\u31ff"
            "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff")

DICTIONARY = {"ja", "th"}  # languages whose words only a dictionary finds
BRACKETS = re.compile(r"\[.*?\]")
OF_REFERENCE: dict[str, float | None] = {}  # metric -> score of a reference as an answer; None: no fixed number


def metric(*names: str, of_reference: float | None = 100.0) -> Callable:
    """Mark a function as a metric under some names. `of_reference`: score of the reference as an answer."""
    def marked(function: Callable) -> Callable:
        OF_REFERENCE.update(dict.fromkeys(names, of_reference))
        return function
    return marked


def alternatives(reference: str) -> list[str]:
    """Right answers of an item, one on each line of its reference; none where nothing is seen of any."""
    return [right for right in reference.split("\n") if normalised(right)]


def first(reference: str) -> str:
    """First right answer of an item; "" without one."""
    return next(iter(alternatives(reference)), "")


@metric("exact_match", "accuracy")
def exact_match(prediction: str, reference: str) -> float:
    """100 if the answer is one of the right answers, case and invisible differences aside, else 0."""
    return 100.0 * any(same(prediction, right) for right in alternatives(reference))


def each(score: Callable[[str, str], float], predictions: Iterable[str], references: Iterable[str]) -> np.ndarray:
    """Scores of many answers, each against its reference: (answers,)."""
    return np.array([score(*pair) for pair in zip(predictions, references, strict=True)], dtype=float)


@metric("accuracy")
def letter_match(prediction: str, reference: str) -> float:
    """100 if the answer starts or ends with the right letter (or one of the right answers), else 0.

    This is the paper's relaxed match, which also accepts words ("banana" for A); the blind baseline shows that bias.
    """
    answer, right = normalised(prediction), tuple(map(normalised, alternatives(reference)))
    return 100.0 * (answer.startswith(right) or answer.endswith(right))


@metric("lenient")
def lenient_match(prediction: str, reference: str) -> float:
    """100 if the answer, whatever it is wrapped in, is a right answer, else 0 (answer_format). Not in the paper."""
    return 100.0 * any(answer_format.says(prediction, right) for right in alternatives(reference))


@metric("characters")
def characters_right(prediction: str, reference: str) -> float:
    """Share of the characters that were read right, 0..100: 100 less the character error rate, at least 0."""
    return max(0.0, 100 - character_errors(prediction, reference))


@metric("cer", of_reference=0.0)
def character_errors(prediction: str, reference: str) -> float:
    """Character error rate: insertions, deletions, replacements per 100 characters (a letter with its marks)."""
    right = characters(normalised(reference))
    if not right:  # nothing was there to read, so that nothing can be read right
        return 100.0
    return 100.0 * Levenshtein.distance(characters(normalised(prediction)), right) / len(right)


def characters(text: str) -> list[str]:
    """Split a text into visible characters (grapheme clusters of Unicode)."""
    whole, breaker = icu.UnicodeString(text), icu.BreakIterator.createCharacterInstance(icu.Locale.getRoot())
    breaker.setText(whole)
    return [str(whole[start:end]) for start, end in pairwise([0, *breaker])]


@metric("chrf")
def chrf(prediction: str, reference: str) -> float:
    """chrF (Popović 2015, by sacrebleu) of one answer: character n-grams up to 6, nearest reference; 0 without one."""
    right = [normalised(one) for one in alternatives(reference)]
    return _chrf().sentence_score(normalised(prediction), right).score if right else 0.0


@cache
def _chrf() -> CHRF:
    return CHRF()


def tokens(text: str) -> list[str]:
    """Words of a text, cut at spaces, punctuation and symbols; single letters in unspaced scripts.

    The cut follows the script of each character, not the requested language. So an answer in a wrong language is cut
    by the rules of that language.
    """
    apart = re.sub(f"[{UNSPACED}]+", _letters, normalised(text))
    return "".join(_as_space(c) for c in apart).split()


def _letters(run: re.Match) -> str:
    # marks stay with the previous letter
    return "".join(c if unicodedata.category(c)[0] == "M" else f" {c}" for c in run[0]) + " "


def _as_space(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Cf":  # joiners and soft hyphens, which writers put or leave out
        return ""
    return " " if kind[0] in "PSZC" else character


def words(text: str, code: str) -> list[str]:
    """Words of a text for scoring captions; Japanese and Thai are cut by ICU's dictionaries.

    The paper's code cuts Japanese and Thai by spaCy (SudachiPy and PyThaiNLP), and Chinese into single characters, as
    `tokens` does. Square brackets and their content are left out, as in that code.
    """
    plain = BRACKETS.sub("", normalised(text))
    if code not in DICTIONARY:
        return tokens(plain)
    whole, breaker = icu.UnicodeString(plain), icu.BreakIterator.createWordInstance(icu.Locale(code))
    breaker.setText(whole)
    parts = (str(whole[start:end]) for start, end in pairwise([0, *breaker]))
    return [part for part in parts if any(unicodedata.category(c)[0] in "LMN" for c in part)]


def ngrams(words: list[str]) -> Counter:
    """Counts of the n-grams of 1 to 4 tokens."""
    return Counter(tuple(words[i:i + n]) for n in ORDERS for i in range(len(words) - n + 1))


class Corpus(NamedTuple):
    """Document frequency of each n-gram; `smoothing` adds empty documents (0 is customary).

    `cut` splits a text into words.
    """

    frequency: Counter
    documents: int
    smoothing: float
    cut: Callable[[str], list[str]] = tokens

    def idf(self, gram: tuple) -> float:
        """Weight of an n-gram; smoothing keeps it above 0 even for n-grams of every document."""
        return math.log((self.documents + self.smoothing) / max(1, self.frequency[gram]))


def corpus(documents: Iterable[list[str]], smoothing: float = 1.0,
           cut: Callable[[str], list[str]] = tokens) -> Corpus:
    """Count document frequencies; a document is the list of references of one item."""
    of_documents = [set().union(*(ngrams(cut(reference)) for reference in document)) for document in documents]
    return Corpus(Counter(gram for grams in of_documents for gram in grams), len(of_documents), smoothing, cut)


def cider_d(prediction: str, references: list[str], within: Corpus) -> float:
    """CIDEr-D of one answer on its own scale, 0..10, averaged over n-gram orders and references."""
    answer = within.cut(prediction)
    similar = [_similarity(answer, within.cut(reference), within) for reference in references]
    return sum(similar) * 10 / max(1, len(references))


def _similarity(answer: list[str], reference: list[str], within: Corpus) -> float:
    ours, theirs = ({g: k * within.idf(g) for g, k in ngrams(words).items()} for words in (answer, reference))
    penalty = math.exp(-((len(answer) - len(reference)) ** 2) / (2 * SIGMA ** 2))
    return penalty * sum(_cosine(_order(ours, n), _order(theirs, n)) for n in ORDERS) / len(ORDERS)


def _order(weights: dict[tuple, float], n: int) -> dict[tuple, float]:
    return {gram: weight for gram, weight in weights.items() if len(gram) == n}


def _cosine(ours: dict[tuple, float], theirs: dict[tuple, float]) -> float:
    # repetitions of an n-gram beyond those of the reference do not count ("-D")
    shared = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in ours.items() if gram in theirs)
    lengths = math.hypot(*ours.values()) * math.hypot(*theirs.values())
    return shared / lengths if lengths else 0.0


def cider(prediction: str, references: list[str], within: Corpus) -> float:
    """CIDEr-D as a share of the best reference's score as an answer, 0..100.

    The share leaves out n-gram orders longer than the references. Raises ValueError for references without a word, or
    without weight in a corpus without smoothing.
    """
    best = max(cider_d(reference, references, within) for reference in references)
    if not best:
        raise ValueError(f"references {references} have no word that carries weight in this corpus")
    return min(100.0, 100.0 * cider_d(prediction, references, within) / best)


def letters_apart(text: str, code: str) -> list[str]:
    """Words of a text by `tokens`, for any language."""
    return tokens(text)


@metric("cider")
def caption_shares(items: pd.DataFrame, predictions: Sequence[str],
                   cut: Callable[[str, str], list[str]] = letters_apart) -> np.ndarray:
    """CIDEr-D of each caption as a share of the best reference's, 0..100: (items,).

    Document frequencies come from all references of a language. Pass the items of all splits at once, since one cell
    has too few references for weights. `cut` splits a text of a language into words. References without a word (an
    emoji, a full stop) are matched exactly, since CIDEr says nothing of these.
    """
    return _by_language(items, predictions, _share, 1.0, cut)


def _share(prediction: str, references: list[str], within: Corpus) -> float:
    spoken = [reference for reference in references if within.cut(reference)]
    return cider(prediction, spoken, within) if spoken else exact_match(prediction, "\n".join(references))


@metric("cider_x100", of_reference=None)
def caption_scores(items: pd.DataFrame, predictions: Sequence[str],
                   cut: Callable[[str, str], list[str]] = words) -> np.ndarray:
    """CIDEr-D of each caption on the customary scale, 0..1000: (items,). Pass all items of a language at once."""
    return _by_language(items, predictions, lambda *one: 100 * cider_d(*one), 0.0, cut)


def _by_language(items: pd.DataFrame, predictions: Sequence[str], measure: Callable, smoothing: float,
                 cut: Callable[[str, str], list[str]]) -> np.ndarray:
    answers, scores = pd.Series(list(predictions), index=items.index), pd.Series(0.0, index=items.index)
    for code, rows in items.groupby("language"):
        documents = [alternatives(reference) for reference in dict.fromkeys(rows.reference)]
        within = corpus(documents, smoothing, partial(cut, code=code))
        scores[rows.index] = [measure(answers[i], alternatives(rows.reference[i]), within) for i in rows.index]
    return scores.to_numpy()
