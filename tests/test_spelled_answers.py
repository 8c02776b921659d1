"""Answers in the tokenizer's smallest pieces: the same text, and nothing of the question changed.

Run with: pytest tests/test_spelled_answers.py
"""

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from centurio_lib.model import conversation, options
from centurio_lib.model.conversation import IMAGE, ConversationError

# no "<", which begins special tokens; no lone surrogates
SAID = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]), min_size=1, max_size=20)
TURNS = tiny.turns("What is this?", "what", "Which is it, in German?", "Hund", "In Thai?", "สุนัข")


def coded(turns: list[dict], spelled: bool, images: tuple = ("i0",)) -> conversation.Conversation:
    """A conversation about images of three tokens."""
    return conversation.tokenize(tiny.tokenizer(), [("one", list(images), turns)], lambda ids: [3] * len(ids),
                                 [spelled])[0]


def stretches(sample: conversation.Conversation, of_answers: bool) -> list[list[int]]:
    """Questions or answers of a conversation, as tokens."""
    cuts = np.flatnonzero(np.diff(sample.label_mask)) + 1
    parts = zip(np.split(sample.ids, cuts), np.split(sample.label_mask, cuts), strict=True)
    return [ids.tolist() for ids, marks in parts if marks[0] == of_answers]


def test_text_is_the_same_and_questions_keep_their_tokens():
    whole, spelled = coded(TURNS, False), coded(TURNS, True)
    decode = tiny.tokenizer().decode
    assert decode(whole.ids) == decode(spelled.ids)
    assert stretches(whole, False) == stretches(spelled, False) and len(spelled.ids) > len(whole.ids)
    for one, other in zip(stretches(whole, True), stretches(spelled, True), strict=True):
        assert decode(one) == decode(other) and len(other) >= len(one)
        assert one[-1] == other[-1] == tiny.tokenizer().eos_token_id


def test_each_piece_of_an_answer_is_one_byte():
    first = stretches(coded(TURNS, True), True)[0]
    assert [tiny.tokenizer().decode([token]) for token in first] == [" ", "w", "h", "a", "t", "<|end|>"]
    thai = stretches(coded(TURNS, True), True)[2]
    assert len(thai) == len(" สุนัข".encode()) + 1


@given(st.lists(SAID, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0))
def test_any_text_in_any_script_stays_what_it_is(texts):
    turns = tiny.turns(*texts)
    whole, spelled = coded(turns, False), coded(turns, True)
    assert tiny.tokenizer().decode(whole.ids) == tiny.tokenizer().decode(spelled.ids)
    assert stretches(whole, False) == stretches(spelled, False) and len(spelled.ids) >= len(whole.ids)
    assert (spelled.ids == tiny.tokenizer().convert_tokens_to_ids(IMAGE)).sum() == 3


def test_only_samples_that_are_spelled_change_and_the_tokenizer_is_left_as_it_was():
    samples = [(f"s{i}", ["i0"], TURNS) for i in range(3)]
    before = tiny.tokenizer()("Hund dog", add_special_tokens=False)["input_ids"]
    found = conversation.tokenize(tiny.tokenizer(), samples, lambda ids: [3] * len(ids), [False, True, False])
    assert found[0].ids.tolist() == found[2].ids.tolist() == coded(TURNS, False).ids.tolist()
    assert found[1].ids.tolist() == coded(TURNS, True).ids.tolist()
    assert tiny.tokenizer()("Hund dog", add_special_tokens=False)["input_ids"] == before


def test_options_are_spelled_as_they_were_learned():
    tokenizer, texts = tiny.tokenizer(), ["yes", "no"]
    small = options.coded(tokenizer, texts, spelled=True)
    space = options.continuing(small, ())
    assert {tokenizer.decode([token]) for token in space} == {" "}
    assert {tokenizer.decode([token]) for token in options.continuing(small, tuple(space))} == {"y", "n"}
    assert [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in small] == texts
    assert options.coded(tokenizer, texts) != small or len(tokenizer(" yes")["input_ids"]) > 3


def test_tokenizer_without_dropout_is_refused():
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"dog": 0}, unk_token="dog")))
    message = r"WordLevel tokenizers have no dropout.*spell_answers: false"
    with pytest.raises(ConversationError, match=message), conversation.spelling(words):
        pass
