"""The instruction table on made-up words: what each conversation asks is answered rightly.

Run with: pytest tests/test_instructions.py
"""

import re
from collections import Counter

import pandas as pd
import pytest
from pydantic import ValidationError
from tiny import DATA, images, named, texts

from centurio_lib import tables
from centurio_lib.data import instructions, prompts, splits
from centurio_lib.languages import language
from centurio_lib.params import Data

CODES = ["en", "de", "sw", "th"]
WORDS = texts()[texts().language.isin(CODES)].reset_index(drop=True)
NAMES = {(row.concept, row.language): row.name for row in WORDS.itertuples(index=False)}
KINDS = dict(zip(WORDS.concept, WORDS.kind, strict=True))
PAIRS = splits.held_out_pairs(WORDS, DATA)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The instructions of a small study."""
    return instructions.build(WORDS, images(), PAIRS, DATA)


def turns(row) -> list[tuple[str, str]]:
    """Questions with their answers."""
    said = [turn["text"] for turn in row.turns]
    assert [turn["role"] for turn in row.turns] == ["user", "assistant"] * (len(said) // 2)
    return list(zip(said[::2], said[1::2], strict=True))


def of_family(table: pd.DataFrame, family: str) -> list:
    """Rows of one family."""
    return list(table[table.family == family].itertuples())


def options(question: str) -> list[str]:
    """Names among which a multiple-choice question asks; none of another question."""
    return re.findall(r"w\d{5}n", question) if question.startswith("Which of these") else []


def test_table_fits_its_schema_and_is_the_same_each_time(table, tmp_path):
    tables.write(tmp_path / "instructions.parquet", "instructions", table)
    pd.testing.assert_frame_equal(table, instructions.build(WORDS, images(), PAIRS, DATA))
    assert not table[["sample_id", "language"]].duplicated().any()
    assert not table.text_heavy.any() and (table.split == "train").all()


def test_another_seed_gives_other_multi_image_samples(table):
    other = instructions.build(WORDS, images(), PAIRS, DATA.model_copy(update={"seed": 1}))
    shown = [{tuple(row.images) for row in of_family(t, "pair")} for t in (table, other)]
    assert shown[0] != shown[1]


def test_every_training_image_is_asked_about_alone_and_some_together(table):
    train = set(images()[images().split == "train"].image_id)
    assert {row.images[0] for row in of_family(table, "single")} == train
    counts = Counter(family for _, family in {(row.sample_id, row.family) for row in table.itertuples()})
    assert counts["single"] == len(train)
    # some multi-image samples hold a name that every language has kept for testing, and are left out
    assert 0.15 * len(train) < counts["pair"] <= DATA.multi_image["pair"] * len(train)
    assert 0.10 * len(train) < counts["odd_one_out"] <= DATA.multi_image["odd_one_out"] * len(train)
    assert {len(row.images) for row in of_family(table, "pair")} == {2}
    assert {len(row.images) for row in of_family(table, "odd_one_out")} == {5}


def test_a_profile_without_a_family_has_no_sample_of_it(table):
    alone = instructions.build(WORDS, images(), PAIRS, DATA.model_copy(update={"multi_image": {}}))
    pd.testing.assert_frame_equal(alone, table[table.family == "single"].reset_index(drop=True))


@pytest.mark.parametrize(("stated", "message"), [({"triple": 0.1}, "triple"), ({"pair": -0.1}, "pair")])
def test_an_unknown_family_or_a_negative_number_is_refused(stated, message):
    with pytest.raises(ValidationError, match=message):
        Data.model_validate(DATA.model_dump() | {"multi_image": stated})


def test_a_sample_shows_the_same_images_whatever_its_language(table):
    assert (table.groupby("sample_id").images.apply(lambda shown: len(set(map(tuple, shown)))) == 1).all()
    assert table.groupby("sample_id").language.nunique().max() == len(CODES)


def test_a_language_that_lacks_a_name_has_no_such_sample(table):
    for row in table.itertuples():
        assert not {(concept, row.language) for concept in row.concepts} & PAIRS
    asked = {(row.concepts[0], row.language) for row in of_family(table, "single")}
    assert asked == set(NAMES) - PAIRS


def test_questions_about_one_image_are_one_conversation_with_right_answers(table):
    for row in of_family(table, "single"):
        concept, code = row.concepts[0], row.language
        own = NAMES[concept, code]
        for question, answer in turns(row):
            if offered := options(question):
                assert answer == own and own in offered and len(set(offered)) == len(offered) == 4
                assert {KINDS[c] for c, _ in named(question)} == {KINDS[concept]}
            else:
                assert named(answer) == {(concept, code)} and answer.startswith(own)
        assert len(turns(row)) >= 2


def test_right_choice_stands_in_every_place(table):
    asked = [turn for row in of_family(table, "single") for turn in turns(row)]
    places = Counter(options(question).index(answer) for question, answer in asked if options(question))
    assert set(places) == set(range(4)) and min(places.values()) > 0.6 * max(places.values())


def test_only_flags_are_asked_for_their_country(table):
    for row in of_family(table, "single"):
        asked = any(question.startswith(prompts.country(None)) for question, _ in turns(row))
        assert asked == (KINDS[row.concepts[0]] == "flag")


def test_true_or_false_is_right_and_both_are_frequent(table):
    answers = Counter()
    for row in of_family(table, "pair"):
        (question, answer), = turns(row)
        shown = {image.split("/")[1] for image in row.images}
        assert (answer == "true") == ({concept for concept, _ in named(question)} == shown)
        assert len({concept for concept, _ in named(question)}) == 2
        answers[answer] += 1
    assert set(answers) == {"true", "false"} and min(answers.values()) > 0.8 * max(answers.values())


def test_odd_one_out_names_the_place_of_the_other_image(table):
    letters = Counter()
    for row in of_family(table, "odd_one_out"):
        (question, answer), = turns(row)
        shown = [image.split("/")[1] for image in row.images]
        (concept, _), = named(question)
        assert [place for place, c in enumerate(shown) if c != concept] == [prompts.LETTERS.index(answer)]
        letters[answer] += 1
    assert set(letters) == set("ABCDE")


def test_prompts_name_the_language_except_half_of_the_english_ones(table):
    unnamed = Counter()
    for row in table.itertuples():
        named_here = [language(row.language).name in question for question, _ in turns(row)]
        assert row.language == "en" or all(named_here)
        unnamed[row.language] += not all(named_here)
    english = sum(table.language == "en")
    assert 0.2 * english < unnamed["en"] < 0.7 * english


def test_no_text_is_empty_or_holds_an_image_placeholder(table):
    for row in table.itertuples():
        for question, answer in turns(row):
            assert question.strip() and answer.strip() and "<" not in question + answer
