"""Benchmarks on a tiny model: all ways have the same losses and answers, or nothing is reported. No speed is asserted.

Run with: pytest tests/test_speed.py
"""

import pandas as pd
import pytest
import tiny
import torch

from centurio_lib.model import llava, onednn
from centurio_lib.speed import answering, compare, timing
from centurio_lib.speed.compare import TRAINING, UnequalError

STAGE = tiny.PROFILE.instruct.model_copy(update={"micro_batch_size": 2, "max_seq_len": 128})
PLAIN, LABEL_ROWS, GROUPED, CACHED, FUSED, ONEDNN, PACKED = TRAINING


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Features of the made-up pictures."""
    return tiny.features_of(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def given(features):
    """A model with a fresh adapter, and 24 samples in two optimiser steps."""
    model = llava.tune(tiny.model(), tiny.PROFILE, tiny.SETUP)
    samples = tiny.conversations(features.tokens, copies=4)
    return compare.lesson(model, tiny.tokenizer(), samples, features, tiny.pictures(), STAGE, seed=0)


@pytest.fixture(scope="module")
def table(given):
    """The table of all ways of training."""
    return compare.training(given, repeats=1).set_index("way")


def made_up_items(n: int = 6) -> pd.DataFrame:
    """Items of tasks that leave different room for answers, about one to three pictures, in no order of length."""
    tasks = ["flag", "image_pair", "multiple_choice"]
    options = [[], ["a", "b"], ["Hund", "Hut"]]
    return pd.DataFrame([{"task": tasks[i % 3], "images": tiny.IMAGE_IDS[i:i + 1 + i % 3],
                          "prompt": "What is this? " * (1 + i * 5 % 4), "options": options[i % 3]} for i in range(n)])


def test_losses_of_all_ways_are_equal_after_an_update_too(given):
    found = {name: compare.losses(way, given) for name, way in TRAINING.items()}
    compare.check_losses(found, torch.float32)
    first, last = found[PLAIN]
    assert abs(first - last) > 1e-3  # the update shows, so equal losses mean equal gradients
    for name, values in found.items():
        assert values == pytest.approx([first, last], rel=1e-5), name


def test_every_way_starts_from_the_same_weights(given):
    compare.losses(TRAINING[PACKED], given)
    moved = llava.trainable(given.model)
    assert any(not torch.equal(p, given.weights[name]) for name, p in moved.items())
    compare.restart(TRAINING[PLAIN], given)
    assert all(torch.equal(p, given.weights[name]) for name, p in llava.trainable(given.model).items())


def test_wrong_features_are_found_out(given, features):
    class Shuffled:
        parts = features.parts

        def __getitem__(self, image_ids):
            return features[image_ids[::-1]]

    with pytest.raises(UnequalError, match="cached"):
        compare.training(given._replace(features=Shuffled()), repeats=1)


def test_rounding_passes_and_more_does_not():
    compare.check_losses({"plain": [2.0, 1.0], "ours": [2.000001, 0.999999]}, torch.float32)
    with pytest.raises(UnequalError, match="'ours'"):
        compare.check_losses({"plain": [2.0, 1.0], "ours": [2.0, 1.001]}, torch.float32)


@pytest.mark.parametrize("name", TRAINING)
def test_every_sample_is_in_one_forward_pass_of_its_step(given, name):
    for micro, samples in zip(compare.passes(TRAINING[name], given), given.steps, strict=True):
        labels = sorted(token for batch in micro for token in batch.labels[batch.labels != -100].tolist())
        assert labels == sorted(token for c in samples for token in c.ids[c.label_mask].tolist())
        assert all(batch.ids.numel() <= STAGE.micro_batch_size * STAGE.max_seq_len for batch in micro)


def test_table_says_what_each_lever_does(table, given):
    assert list(table.index) == list(TRAINING) and (table.n == 24).all()
    assert table.padding[GROUPED] < table.padding[PLAIN] == table.padding[LABEL_ROWS] < 100
    assert table.peak_mib[LABEL_ROWS] < table.peak_mib[PLAIN]  # no logits of prompt and image tokens
    assert table.held_mib[CACHED] > table.held_mib[GROUPED]  # what a cache costs is counted
    assert (table.peak_mib > table.held_mib).all()
    assert list(table.index[table.used]) == [PACKED if STAGE.packed else ONEDNN]
    assert table.of_plain[PLAIN] == 1 and (table.labels_per_s > table.per_s).all()


def test_memory_is_repeatable(given):
    assert compare.memory(TRAINING[PACKED], given) == compare.memory(TRAINING[PACKED], given)


def test_peak_is_what_tensors_held_together():
    def work():
        first = torch.ones(1000)
        second = first.clone()  # 8000 bytes with the first
        del first
        return second[:10] * torch.ones(10)  # 4080: the first is gone

    assert compare.peak_bytes(work) == 8000
    assert compare.peak_bytes(lambda: None) == 0


def test_speeds_are_of_median_rounds():
    found = compare.speeds("training", {"plain": [4.0, 2.0, 90.0], "ours": [1.0, 2.0, 0.5]}, n=8)
    assert found.per_s.tolist() == [2, 8] and found.of_plain.tolist() == [1, 4]
    assert found.slowest.tolist() == [8 / 90, 4] and found.fastest.tolist() == [4, 16]
    assert found.of_previous.tolist()[1:] == [4]


def test_rounds_are_interleaved_and_preparation_is_apart():
    seen = []

    def prepare(name: str):
        seen.append(f"prepare {name}")
        return lambda: seen.append(name) or name

    seconds, made = timing.rounds({name: lambda name=name: prepare(name) for name in "ab"}, 2)
    assert seen == ["prepare a", "a", "prepare b", "b"] * 2
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2} and made == {"a": "a", "b": "b"}


@pytest.fixture
def exam(features):
    """Six questions, some of them closed."""
    return answering.exam(tiny.model(), tiny.tokenizer(), made_up_items(), features, tiny.pictures(), batch=3)


def test_ways_of_evaluation_give_the_same_answers(exam):
    table = answering.evaluation(exam, repeats=1)
    assert (table.n == 6).all() and list(table.way) == list(answering.ANSWERING)
    assert list(table.way[table.used]) == [answering.USED]


@pytest.mark.parametrize("name", answering.ANSWERING)
def test_each_way_of_answering_keeps_closed_questions_to_their_options(exam, name):
    given = answering.timed(answering.ANSWERING[name], exam)()
    assert all(text in allowed for text, allowed in zip(given, exam.asked.options, strict=True) if allowed)
    quick = any(isinstance(module, onednn.Linear) for module in exam.model.modules())
    assert quick == answering.ANSWERING[name].onednn


def test_batches_in_the_items_order_are_of_closed_or_of_open_questions(exam):
    for size in (1, 2, 100):
        batches = answering.in_order(exam.asked, size)
        assert [i for batch in batches for i in batch] == list(range(6))
        assert all(len(batch) <= size and len({bool(exam.asked.options[i]) for i in batch}) == 1 for batch in batches)


def test_other_answers_are_an_error(exam, monkeypatch):
    monkeypatch.setattr(answering.generate, "answers", lambda *_: ["something else"] * 6)
    with pytest.raises(UnequalError, match="answer 0 is 'something else' by '\\+ ended rows"):
        answering.evaluation(exam, repeats=1)


def test_plain_answers_keep_to_their_own_room(exam, features):
    asked = exam.asked._replace(max_new_tokens=[1, 5, 2, 9, 3, 4], options=[[]] * 6)
    one_by_one = [answering.plain_answers(exam.model, exam.tokenizer, answering.Questions(*([v] for v in values)),
                                          exam.pictures)[0] for values in zip(*asked, strict=True)]
    for source in (exam.pictures, features):
        assert answering.plain_answers(exam.model, exam.tokenizer, asked, source) == one_by_one
    assert len(exam.tokenizer(one_by_one[0])["input_ids"]) <= 2 < len(exam.tokenizer(one_by_one[3])["input_ids"])


def test_live_features_are_the_cached_ones(features, given):
    ids = given.steps[0][1].images
    assert torch.allclose(given.pictures[ids], features[ids], atol=1e-5)
    assert given.pictures.pixels([]) is None
