"""Half precision and checkpointing as the paper's profile sets them, on a miniature: what is trained stays in full.

Run with: pytest tests/test_precision.py
"""

import families
import pytest
import tiny
import torch

from centurio_lib import params
from centurio_lib.model import batches, conversation, image_features, llava, precision, train

SETUP = params.setup("OCR50")
KEY = "a" * 64


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The paper's profile around miniatures, in bfloat16 and 4 bits, each optimiser step on six conversations."""
    own = params.profile("paper")
    base = families.base("phi", tmp_path_factory.mktemp("models")).model_copy(update={"dtype": "bfloat16"})
    stage = own.instruct.model_copy(update={"max_seq_len": 256, "global_batch_size": 4, "checkpoint_every": 2,
                                            "encoder_lr": 1e-6})
    return own.model_copy(update={"base": base, "lora_rank": 8, "instruct": stage})


def built(profile, setup=SETUP):
    """Model, tokenizer, live features and conversations."""
    untuned, tokenizer = llava.build(profile, 0)
    shown = image_features.Features(
        [image_features.Live(untuned, tiny.pictures(), profile.base.vision_layer, profile.base.image_size)]
    )
    made = conversation.tokenize(tokenizer, tiny.samples(2), shown.tokens)
    torch.manual_seed(0)
    return llava.tune(untuned, profile, setup), tokenizer, shown, made


def test_everything_trained_is_in_full_and_all_else_in_half(profile):
    model = built(profile.model_copy(update={"load_4bit": False}))[0]
    dtypes = {bool(p.requires_grad): set() for p in model.parameters()}
    for name, p in model.named_parameters():
        if "original_module" not in name:
            dtypes[p.requires_grad].add(p.dtype)
    assert dtypes == {True: {torch.float32}, False: {torch.bfloat16}}


def test_smallest_rate_of_the_paper_moves_the_encoder(profile, tmp_path):
    """An update of 1e-6 would be lost in rounding to bfloat16. LoRA, projector and encoder go at rates of their own."""
    model, tokenizer, shown, made = built(profile)
    before = {n: p.detach().clone() for n, p in llava.trainable(model).items()}
    log = train.run(model, tokenizer.pad_token_id, made, shown, profile.instruct, 0, tmp_path, KEY,
                    say=lambda text: None)
    assert len(log) == len(made) / 4 and all(row["loss"] > 0 for row in log)
    moved = {n: float((p - before[n]).abs().max()) for n, p in llava.trainable(model).items()}
    tower = [m for n, m in moved.items() if "vision_tower" in n and ".layers.0." in n]
    assert tower and all(0 < m < 1e-5 for m in tower)
    assert all(m > 1e-5 for n, m in moved.items() if "projector" in n)


def test_saved_and_loaded_in_half_precision_is_bit_for_bit_what_was_trained(profile, tmp_path):
    model = tiny.moved(built(profile)[0], 1e-6)
    loaded = llava.load(llava.build(profile, 0)[0], llava.save(model, tmp_path), train=True)
    before, after = llava.trainable(model), llava.trainable(loaded)
    assert list(before) == list(after) and all(torch.equal(before[n], after[n]) for n in before)


def test_checkpointing_changes_no_gradient_and_is_on_the_language_model_alone(profile):
    found = []
    for checkpointing in (True, False):
        one = profile.model_copy(update={"gradient_checkpointing": checkpointing, "load_4bit": False})
        model, tokenizer, shown, made = built(one)
        plain = llava.plain(model)
        on = {n for n, m in plain.named_modules() if getattr(m, "gradient_checkpointing", False)}
        assert bool(on) == checkpointing and all(n.startswith("model.language_model") for n in on)
        torch.manual_seed(1)  # of the dropout
        optimizer = torch.optim.SGD(llava.trainable(model).values(), lr=1.0)
        before = {n: p.detach().clone() for n, p in llava.trainable(model).items()}
        train.optimise(model.train(), optimizer, [batches.collate([made[:3]], tokenizer.pad_token_id)], shown)
        found.append({n: p.detach() - before[n] for n, p in llava.trainable(model).items()})
    assert all(torch.equal(found[0][n], found[1][n]) for n in found[0])
    assert sum(float(g.abs().sum()) for g in found[0].values()) > 0


def test_steps_hold_as_many_conversations_as_the_paper_says(profile):
    made = tiny.conversations(lambda shown: [4] * len(shown), copies=11)
    stage = profile.instruct.model_copy(update={"global_batch_size": 32, "max_seq_len": 128})
    steps = train.steps_of(made, stage, seed=0)
    sizes = [sum(len(row) for batch in step for row in batch) for step in steps]
    assert sizes == [32, 32, 2] and sorted(i for s in steps for b in s for r in b for i in r) == list(range(66))
    assert steps == train.steps_of(made, stage, seed=0) != train.steps_of(made, stage, seed=1)


def test_too_long_conversations_are_left_out_whole_and_none_is_cut():
    made = tiny.conversations(lambda shown: [4] * len(shown))
    image = tiny.tokenizer().convert_tokens_to_ids(conversation.IMAGE)
    longest = max(made, key=lambda c: len(c.ids))
    kept = conversation.fitting(made, image, 10_000, len(longest.ids) - 1)
    assert len(kept) == len(made) - 1 and all(any(c is k for c in made) for k in kept)
    many = made[3]  # of five images: short in text
    text = int((many.ids != image).sum()) + 5
    assert any(c is many for c in conversation.fitting(made, image, text, 10_000))
    assert not any(c is many for c in conversation.fitting(made, image, text - 1, 10_000))
    assert conversation.fitting(made, image, 1, 10_000) == []


@pytest.mark.parametrize(("gain", "expected"), [(2.0, "bfloat16"), (1.31, "bfloat16"), (1.1, "float32"),
                                                (0.2, "float32")])
def test_fastest_takes_half_precision_where_a_trial_finds_it_clearly_faster(gain, expected, monkeypatch, profile):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: gain)
    assert precision.name("fastest") == expected and precision.name("float32") == "float32"
    base = profile.base.model_copy(update={"dtype": "fastest"})
    model = llava.build(profile.model_copy(update={"base": base, "load_4bit": False}), 0)[0]
    assert model.dtype == model.model.vision_tower.dtype == getattr(torch, expected)


def test_fastest_takes_half_precision_on_a_gpu_without_a_trial(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(precision, "bfloat16_gain", lambda: pytest.fail("no trial is needed"))
    assert precision.dtype("fastest") is torch.bfloat16


def test_a_trial_draws_no_number_of_the_study_and_is_made_once():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    precision.bfloat16_gain.cache_clear()
    first = precision.bfloat16_gain()
    assert torch.rand(1) == expected
    assert 0.01 < first < 100 and precision.bfloat16_gain() == first
