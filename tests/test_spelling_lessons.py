"""Words letter by letter: what is shown spells what is answered, in the smallest pieces; no word of the test."""

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from centurio_lib.base_models import corpus, own_decoder, spelling_lessons
from centurio_lib.data.text_images import documents, passages
from centurio_lib.params import DecoderSize, SpellingLessons

NAMES = {"en": "red apple", "de": "roter Apfel", "ar": "تفاحة"}
SIZE = DecoderSize(hidden_size=16, layers=1, heads=1, vocab_size=420, steps=1, batch_size=2, max_seq_len=256, lr=1e-3)


@pytest.fixture
def lexicon():
    rows = [{"concept": "1f34e", "kind": "emoji", "language": code, "name": name, "keywords": ["x"]}
            for code, name in NAMES.items()]
    return corpus.Lexicon(pd.DataFrame(rows))


@pytest.mark.parametrize("seed", range(5))
def test_letters_spell_the_text(lexicon, seed):
    drawn = spelling_lessons.draw(spelling_lessons.words(lexicon), np.random.default_rng(seed))
    assert drawn.shown.replace(spelling_lessons.FILLER, "") == drawn.text.replace("\n", "") != ""
    assert drawn.shown.count(spelling_lessons.FILLER) >= len(drawn.text.split("\n"))


def test_words_of_the_test_are_not_spelled(lexicon, monkeypatch):
    every = {word for name in NAMES.values() for word in name.split()}
    assert set(spelling_lessons.words(lexicon).all) == {word for word in every if not passages.held_out(word)}
    monkeypatch.setattr(passages, "held_out", lambda word: word == "apple")
    assert set(spelling_lessons.words(lexicon).all) == every - {"apple"} and spelling_lessons.words(
        lexicon
    ).english == ["red"]


def test_only_the_answer_is_learned_letter_by_letter(lexicon):
    tokenizer = tiny.tokenizer()
    for one in own_decoder.letters(tokenizer, spelling_lessons.words(lexicon), 0, 1, 200, 300):
        question, answer = tokenizer.decode(one.ids[~one.label_mask]), tokenizer.decode(one.ids[one.label_mask])
        assert documents.READ in question and answer.endswith(corpus.END) and spelling_lessons.FILLER in question
        assert len(one.ids) <= 300
        pieces = tokenizer.convert_ids_to_tokens(one.ids[one.label_mask])[:-1]
        assert all(len(piece) == 1 for piece in pieces)


def test_a_step_is_drawn_the_same_again(lexicon):
    tokenizer, known = tiny.tokenizer(), spelling_lessons.words(lexicon)
    first, again, other = ([c.ids.tolist() for c in own_decoder.letters(tokenizer, known, 0, step, 150, 300)]
                           for step in (3, 3, 4))
    assert first == again != other


def test_spelling_is_learned(tmp_path):
    tokenizer, lexicon = tiny.tokenizer(), corpus.Lexicon(tiny.texts())
    model = own_decoder.new(tokenizer, SIZE, 0)
    draw = corpus.Draw(lexicon, {"en": ["all are born free"]}, 0)
    known = spelling_lessons.words(lexicon)
    batch = own_decoder.batch_of(own_decoder.letters(tokenizer, known, 1, 1, 400, 256), 256, tokenizer.pad_token_id)
    with torch.no_grad():
        before = own_decoder.loss_of(model, tokenizer, batch).item()
    said = []
    old, new = own_decoder.teach_spelling(
        model, tokenizer, draw, SIZE, SpellingLessons(steps=101, lr=1e-2), tmp_path, "b" * 64, said.append
    )
    assert new < 0.8 * before and old > 0 and len(said) == 2
