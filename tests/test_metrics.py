"""Metrics: values worked out by hand, and what must hold for any text. Run with: pytest tests/test_metrics.py"""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib.evaluation import metrics

CAPTIONS = {
    "en": ["dog: pet, animal, puppy", "sailing boat: sea, wind", "tree: forest, leaf, green"],
    "de": ["Hund: Haustier, Tier, Welpe", "Segelboot: Meer, Wind", "Baum: Wald, Blatt, grün"],
    "hi": ["कुत्ता: पालतू, जानवर", "नाव: समुद्र, हवा", "पेड़: जंगल, पत्ता"],
    "ar": ["كلب: حيوان أليف", "قارب: بحر، ريح", "شجرة: غابة، ورقة"],
    "zh": ["狗: 寵物, 動物", "帆船: 海, 風", "樹: 森林, 葉"],
    "th": ["สุนัข: สัตว์เลี้ยง, หมา", "เรือใบ: ทะเล, ลม", "ต้นไม้: ป่า, ใบไม้"],
}


def within(captions: list[str]) -> metrics.Corpus:
    return metrics.corpus([caption] for caption in captions)


@pytest.mark.parametrize("code", CAPTIONS)
def test_the_reference_scores_exactly_100_and_another_caption_far_less(code):
    captions = CAPTIONS[code]
    for i, caption in enumerate(captions):
        assert metrics.cider(caption, [caption], within(captions)) == pytest.approx(100)
        assert metrics.cider(captions[i - 1], [caption], within(captions)) < 15
        assert metrics.cider("", [caption], within(captions)) == 0


def test_a_caption_in_a_wrong_language_scores_nothing():
    for code in set(CAPTIONS) - {"en"}:
        for wrong, right in zip(CAPTIONS["en"], CAPTIONS[code], strict=True):
            assert metrics.cider(wrong, [right], within(CAPTIONS[code])) < 10  # "Wind" is both English and German
    assert metrics.cider(CAPTIONS["en"][0], [CAPTIONS["de"][0]], within(CAPTIONS["de"])) == 0


def test_value_worked_out_by_hand():
    # two captions, "a b" and "a c"; weight of a word in both: log(3/2), of any in one: log(3/1)
    both, one = math.log(3 / 2), math.log(3)
    words = both ** 2 / (both ** 2 + one ** 2)  # "a" is shared, both vectors are (both, one) long
    pairs = 0.0  # "a c" is not "a b"
    corpus = within(["a b", "a c"])
    assert metrics.cider_d("a c", ["a b"], corpus) == pytest.approx(10 * (words + pairs + 0 + 0) / 4)
    assert metrics.cider("a c", ["a b"], corpus) == pytest.approx(100 * (words + pairs) / 2)  # no 3-grams in "a b"
    assert metrics.cider("a c", ["a b"], corpus) == pytest.approx(5.994, abs=1e-3)


def test_length_penalty_and_clipping_by_hand():
    # one caption "a b", every weight log 2: "a b b" has words a:1 b:2 (clipped to 1), pairs "a b", "b b"
    words = 2 / (math.sqrt(5) * math.sqrt(2))
    pairs = 1 / math.sqrt(2)
    penalty = math.exp(-1 / 72)
    assert metrics.cider("a b b", ["a b"], within(["a b"])) == pytest.approx(100 * penalty * (words + pairs) / 2)


def test_word_order_and_rare_words_matter():
    corpus = within(["the red dog runs", "the blue cat runs", "the old tree grows"])
    right = "the red dog runs"
    assert metrics.cider("runs dog red the", [right], corpus) < 60
    assert metrics.cider("red dog", [right], corpus) > metrics.cider("the runs", [right], corpus)


def test_a_corpus_of_one_caption_still_gives_weight():
    assert metrics.cider("dog", ["dog"], within(["dog"])) == pytest.approx(100)
    assert metrics.cider("dog", ["dog"], within(["dog", "dog house", "dog food"])) == pytest.approx(100)


def test_each_of_several_references_may_be_met():
    references = ["dog: pet", "hound"]
    corpus = metrics.corpus([references, ["boat"]])
    for reference in references:
        assert 0 < metrics.cider(reference, references, corpus) <= 100
    assert max(metrics.cider(r, references, corpus) for r in references) == pytest.approx(100)


def test_customary_scale():
    captions = ["a dog runs on grass", "a red boat at sea", "an old tree in winter"]
    items = pd.DataFrame({"language": "en", "reference": captions})
    assert metrics.caption_scores(items, captions) == pytest.approx([1000] * 3)
    assert metrics.caption_scores(items, ["x"] * 3).tolist() == [0, 0, 0]


def test_references_without_words_or_weight_are_an_error():
    with pytest.raises(ValueError, match="no word"):
        metrics.cider("dog", ["?!"], within(["?!"]))
    with pytest.raises(ValueError, match="no word"):
        metrics.cider("dog", ["dog"], metrics.corpus([["dog"]], smoothing=0.0))


@settings(max_examples=50, deadline=None, database=None)
@given(st.text("abc de\u0301犬ก\u0e33कि!’\u200c\x00\ud800", max_size=20),
       st.text("abc dé犬ก", min_size=1, max_size=20).filter(metrics.tokens))
def test_any_prediction_scores_between_0_and_100(prediction, reference):
    corpus = within([reference, "a b c", "犬 d"])
    assert 0 <= metrics.cider(prediction, [reference], corpus) <= 100
    assert metrics.cider(reference, [reference], corpus) == pytest.approx(100)


@pytest.mark.parametrize(("text", "words"), [
    ("Dog: pet,  PUPPY!", ["dog", "pet", "puppy"]),
    ("l’arbre d'or", ["l", "arbre", "d", "or"]),
    ("कुत्ता", ["कुत्ता"]),  # vowel signs are no cuts
    ("e\u0301te\u0301", ["été"]),
    ("می\u200cخواهم", ["میخواهم"]),  # joiners are written or not
    ("狗dog 寵物", ["狗", "dog", "寵", "物"]),
    ("น้ำ", ["น้", "ำ"]),  # a mark stays with its letter
    ("བཀྲ་ཤིས", ["བ", "ཀྲ", "ཤི", "ས"]),
    ("한국 개", ["한국", "개"]),
    (" ?! ", []),
])
def test_tokens(text, words):
    assert metrics.tokens(text) == words


def test_exact_match_ignores_case_spaces_and_composition_only():
    assert metrics.exact_match(" CÔTE D’IVOIRE\n", "Co\u0302te d’Ivoire") == 100
    assert metrics.exact_match("Germany.", "Germany") == 0
    assert metrics.exact_match("", "Germany") == 0


def test_letter_match_is_the_papers():
    assert [metrics.letter_match(said, "B") for said in ("B", " b", "B. dog", "The answer is B")] == [100] * 4
    assert [metrics.letter_match(said, "B") for said in ("A", "", "(B)", "A or B?")] == [0] * 4
    assert metrics.letter_match("banana", "A") == 100  # its known leniency


def test_a_reference_without_a_word_is_matched_exactly_and_stops_nothing():
    items = pd.DataFrame({"language": ["en"] * 3, "reference": ["🎈", "a dog", ".\na cat"]})
    assert metrics.caption_shares(items, ["🎈", "a dog", "a cat"]) == pytest.approx([100] * 3)
    assert metrics.caption_shares(items, ["a dog", "🎈", "."]).tolist() == [0, 0, 0]
    assert metrics.caption_scores(items, ["🎈", "a dog", "a cat"])[0] == 0  # the customary scale knows words alone


@pytest.mark.parametrize(("said", "right"), [
    ("iki köpek", "İki köpek"), ("កម្ពុជា", "កម្ពុ\u200bជា"), ("น\u0e49\u0e4d\u0e32", "น้ำ"), ("１２", "12"),
    ("ISPARTA", "ısparta")])
def test_a_visibly_perfect_answer_is_perfect(said, right):
    assert metrics.exact_match(said, right) == metrics.lenient_match(said, right) == 100
    if right != "ısparta":  # by characters and words, letters of one language are told from those of another
        assert metrics.characters_right(said, right) == metrics.chrf(said, right) == pytest.approx(100)
        assert metrics.cider(said, [right], within([right])) == pytest.approx(100)


def test_chrf():
    assert metrics.chrf("Hund", "hund") == pytest.approx(100)
    assert metrics.chrf("dog", "狗") == 0
    assert 0 < metrics.chrf("Hunde", "Hund") < 100
