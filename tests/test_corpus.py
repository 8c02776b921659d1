"""The text that the decoder is pre-trained on: answers that fit, what is learned of them, joined languages."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from centurio_lib.base_models import corpus, own_decoder
from centurio_lib.data import prompts
from centurio_lib.params import DecoderSize

CODES = ["en", "de", "sw", "th"]
THINGS = [f"thing{i}" for i in range(8)]


@pytest.fixture(scope="module")
def draw():
    """Draws about eight things in four languages; each word says its thing and its language."""
    rows = [{"concept": c, "language": code, "kind": "flag" if i > 3 else "emoji", "name": f"{code}{c}",
             "keywords": [f"{code}k{i}"]}
            for i, c in enumerate(THINGS) for code in CODES]
    return corpus.Draw(corpus.Lexicon(pd.DataFrame(rows)), {"de": ["Alle Menschen sind frei."]}, seed=3)


def turns(document: str) -> list[tuple[str, str]]:
    """Questions and answers of a document; none of a plain text."""
    return re.findall(r"<\|user\|>(.*?)<\|end\|><\|assistant\|>(.*?)<\|end\|>", document)


def test_every_answer_names_the_thing_that_was_mentioned_in_the_language_asked_for(draw):
    random, seen = np.random.default_rng(0), set()
    for _ in range(300):
        for i, (question, answer) in enumerate(turns(corpus.talk(draw.lexicon, random, THINGS[1]))):
            mentioned = re.findall(r"\w\w(thing\d)", question.split("Wh")[0].split("Describe")[0])
            assert i or set(mentioned) == {THINGS[1]}
            wanted = next(c for c in CODES if prompts.language(c).name in question)
            options = re.findall(rf"{wanted}thing\d", question) if "Which of these" in question else [answer]
            seen.add("choice" if len(options) == 4 else "described" if ":" in answer else "named")
            assert answer in options and answer.split(":")[0] == f"{wanted}{THINGS[1]}"
    assert seen == {"choice", "described", "named"}


def test_true_false_and_odd_ones_are_what_they_are_said_to_be(draw):
    random, answers = np.random.default_rng(0), set()
    for _ in range(200):
        (question, answer), *_ = turns(corpus.true_or_false(draw.lexicon, random, THINGS[0]))
        if answer not in ("true", "false"):
            continue  # no language names all three: another kind of document
        shown, said = (re.findall(r"(thing\d)", part) for part in question.split("True or false"))
        assert (answer == "true") == (set(said) == set(shown))
        (odd, letter), = turns(corpus.odd_one_out(draw.lexicon, random, THINGS[0]))
        places = re.findall(r"(thing\d)", odd.split("Which")[0])
        assert places.count(places[prompts.LETTERS.index(letter)]) == 1 and len(places) == 5
        answers.add(answer)
    assert answers == {"true", "false"}


def test_languages_join_one_by_one_and_english_is_the_first(draw):
    known = [list(draw.at(share / 100).lexicon.of_language) for share in range(0, 101)]
    assert known[0][0] == "en" and known[-1] == list(draw.lexicon.of_language)
    assert all(set(before) <= set(after) for before, after in pairwise(known))
    assert len(known[0]) == corpus.FIRST_LANGUAGES < len(CODES)


def test_only_answers_with_their_end_and_plain_text_are_learned():
    tokenizer = tiny.tokenizer()
    text = corpus.conversation(["dog"], [("What is this?", "Hund"), ("In Thai?", "สุนัข")])
    ids = np.array(tokenizer(corpus.BREAK + text, add_special_tokens=False)["input_ids"])
    assert tokenizer.decode(ids[own_decoder.label_mask(tokenizer, ids)]) == " Hund<|end|> สุนัข<|end|>"
    plain = np.array(tokenizer(corpus.BREAK + "German: Hund", add_special_tokens=False)["input_ids"])
    assert own_decoder.label_mask(tokenizer, plain).tolist() == [False] + [True] * (len(plain) - 1)


def test_a_step_draws_the_same_whole_documents_each_time(draw):
    tokenizer = tiny.tokenizer()
    first, again, other = (own_decoder.drawn(tokenizer, draw, step, 600) for step in (5, 5, 6))
    assert [c.ids.tolist() for c in first] == [c.ids.tolist() for c in again] != [c.ids.tolist() for c in other]
    start = tokenizer.convert_tokens_to_ids(corpus.BREAK)
    assert all(c.ids[0] == start and start not in c.ids[1:] for c in first)
    batch = own_decoder.batch_of(first, 4096, tokenizer.pad_token_id)
    assert int((batch.labels != -100).sum()) == sum(int(c.label_mask.sum()) for c in first)


def test_loss_of_documents_in_rows_is_that_of_each_alone(draw):
    size = DecoderSize(hidden_size=32, layers=2, heads=2, vocab_size=420, steps=1, batch_size=1, max_seq_len=4096,
                       lr=1e-3)
    tokenizer = tiny.tokenizer()
    model, documents = own_decoder.new(tokenizer, size, 0), own_decoder.drawn(tokenizer, draw, 1, 500)
    alone = torch.tensor([weighted(model, tokenizer, [c]) for c in documents]).sum(0)
    together = weighted(model, tokenizer, documents)
    assert together[0] == pytest.approx(float(alone[0]), rel=1e-4) and together[1] == pytest.approx(float(alone[1]))


def weighted(model, tokenizer, documents: list) -> tuple[float, float]:
    """Summed weighted loss of documents in one batch, and the sum of the weights."""
    batch = own_decoder.batch_of(documents, 4096, tokenizer.pad_token_id)
    learned = batch.labels[:, 1:] != -100
    first = (batch.ids[:, :-1] == tokenizer.convert_tokens_to_ids(corpus.ASSISTANT)) & learned
    weights = int(learned.sum()) + (own_decoder.FIRST_TOKEN_WEIGHT - 1) * int(first.sum())
    with torch.no_grad():
        return float(own_decoder.loss_of(model, tokenizer, batch)) * weights, weights
