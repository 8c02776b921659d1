"""One training stage on a tiny model: the schedule, token-weighted steps, and resuming after an interruption.

Run with: pytest tests/test_train.py
"""

import math
from itertools import pairwise

import killed
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from centurio_lib.base_models import own_encoder
from centurio_lib.model import batches, checkpoint, llava, train
from centurio_lib.model.checkpoint import CheckpointError
from centurio_lib.model.conversation import ConversationError
from centurio_lib.params.base_models import EncoderSize

KEY, OTHER_KEY = "a" * 64, "a" * 12 + "b" * 52  # of one file name
STAGE = tiny.PROFILE.instruct.model_copy(update={
    "max_seq_len": 64, "micro_batch_size": 2, "packed": True, "grad_accum_steps": 2,
    "epochs": 2, "lr": 1e-3, "projector_lr": 1e-2,
    "checkpoint_every": 2})


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Features of the pictures."""
    return tiny.features_of(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def made(shown):
    """Sixty conversations."""
    return tiny.conversations(shown.tokens, copies=10)


def fresh(seed: int = 0):
    """A model with a new LoRA adapter, dropout on, as notebook 11 starts."""
    model = tiny.model(seed)
    torch.manual_seed(seed)
    return llava.tune(model, tiny.PROFILE, tiny.SETUP)


def trained(made, shown, folder, seed: int = 0, stage=STAGE, key: str = KEY, model=None):
    """A model after a stage, and the stage's log."""
    model = model or fresh(seed)
    log = train.run(model, 0, made, shown, stage, seed, folder, key, say=lambda text: None)
    return model, log


def killed_after(steps: int, made, shown, folder) -> None:
    """Train and stop after some steps of this process, as kill does."""
    with killed.before(train, "optimise", steps + 1):
        trained(made, shown, folder)


def weights(model) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in llava.trainable(model).items()}


def same(one, other) -> bool:
    """Whether two models were trained to exactly the same weights."""
    a, b = weights(one), weights(other)
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


# === the schedule ===
@given(st.integers(1, 3000))
def test_rate_warms_up_for_3_percent_and_falls_to_nearly_0(steps):
    rates = [train.learning_rate(step, steps) for step in range(steps)]
    warmup = max(1, round(0.03 * steps))
    assert rates[:warmup] == pytest.approx([(i + 1) / warmup for i in range(warmup)])
    assert all(a >= b for a, b in pairwise(rates[warmup - 1:])) and min(rates) > 0
    assert steps < 100 or rates[-1] < 0.001
    assert train.learning_rate(steps, steps) == pytest.approx(0 if steps > warmup else 1)


def test_rate_is_a_half_cosine_after_the_warm_up():
    assert train.learning_rate(30 + 485, 1000) == pytest.approx(0.5)
    assert train.learning_rate(30 + 97, 1000) == pytest.approx(0.5 * (1 + math.cos(math.pi / 10)))


def test_projector_has_a_rate_of_its_own_and_nothing_decays():
    model = fresh()
    optimizer = train.optimizer_of(model, STAGE)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert {"projector" in name: rate[id(p)] for name, p in llava.trainable(model).items()} == {True: 1e-2, False: 1e-3}
    assert len(rate) == len(llava.trainable(model))
    assert all(group["weight_decay"] == 0 for group in optimizer.param_groups)


def test_rates_of_the_steps_follow_the_schedule(made, shown, tmp_path, monkeypatch):
    used, optimise = [], train.optimise

    def watched(model, optimizer, *rest):
        used.append(optimizer.param_groups[0]["lr"])
        return optimise(model, optimizer, *rest)

    monkeypatch.setattr(train, "optimise", watched)
    _, log = trained(made, shown, tmp_path)
    assert used == pytest.approx([1e-2 * train.learning_rate(i, len(log)) for i in range(len(log))])


# === one step ===
def test_accumulated_step_equals_one_step_on_all_of_it(shown, made):
    """Micro-batches with very different numbers of labels: each token weighs the same."""
    few, many = [[made[1], made[3]]], [made[2:3], made[4:6]]
    assert sum(int(c.label_mask.sum()) for row in many for c in row) > 4 * sum(int(c.label_mask.sum()) for c in few[0])
    changes = []
    for micro in ([few, many], [few + many]):
        model = fresh().eval()  # without dropout
        optimizer = torch.optim.SGD(llava.trainable(model).values(), lr=1.0)
        before = weights(model)
        loss, labels = train.optimise(model, optimizer, [batches.collate(rows, 0) for rows in micro], shown)
        changes.append((loss, labels, {name: w - before[name] for name, w in weights(model).items()}))
    (loss_a, labels_a, moved_a), (loss_b, labels_b, moved_b) = changes
    assert labels_a == labels_b and loss_a == pytest.approx(loss_b, rel=1e-5)
    assert sum(float(m.abs().sum()) for m in moved_a.values()) > 0.1
    for name in moved_a:
        assert torch.allclose(moved_a[name], moved_b[name], atol=1e-5), name


def test_gradients_are_clipped_over_all_that_is_trained(shown, made):
    model = fresh()
    optimizer = torch.optim.SGD(llava.trainable(model).values(), lr=1.0)
    before = weights(model)
    train.optimise(model, optimizer, [batches.collate([made[:3]], 0)], shown)
    moved = torch.cat([(w - before[name]).flatten() for name, w in weights(model).items()])
    assert float(moved.norm()) == pytest.approx(1.0, rel=1e-3)
    assert all(p.grad is None for p in llava.trainable(model).values())


# === a stage ===
@pytest.mark.parametrize("packed", [True, False])
def test_every_label_counts_once_an_epoch(packed, made, shown, tmp_path):
    stage = STAGE.model_copy(update={"packed": packed, "epochs": 3})
    _, log = trained(made, shown, tmp_path, stage=stage)
    assert sum(row["labels"] for row in log) == 3 * sum(int(c.label_mask.sum()) for c in made)
    assert [row["step"] for row in log] == list(range(1, len(log) + 1))


def test_epochs_and_seeds_have_orders_of_their_own(made):
    def order(seed: int) -> list[int]:
        return [i for step in train.steps_of(made, STAGE, seed) for rows in step for row in rows for i in row]
    first, second = order(0)[:len(made)], order(0)[len(made):]
    assert sorted(first) == sorted(second) == list(range(len(made)))
    assert first != second and order(0) != order(1) and order(0) == order(0)


def test_training_lowers_the_loss_and_leaves_the_rest_alone(made, shown, tmp_path):
    model = fresh()
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
    stage = STAGE.model_copy(update={"epochs": 8, "lr": 1e-2, "grad_accum_steps": 1})
    _, log = trained(made, shown, tmp_path, stage=stage, model=model)
    losses = [row["loss"] for row in log]
    assert np.mean(losses[-8:]) < 0.7 * np.mean(losses[:8])
    assert frozen and all(torch.equal(p, frozen[name]) for name, p in model.named_parameters() if name in frozen)


def test_same_seed_same_weights_and_another_seed_others(made, shown, tmp_path):
    one, two, other = (trained(made, shown, tmp_path, seed)[0] for seed in (0, 0, 1))
    assert same(one, two) and not same(one, other)


def test_conversation_longer_than_the_language_model_can_place_is_refused(made, shown, tmp_path):
    longest = made[0]._replace(sample_id="long", ids=np.zeros(513, int), label_mask=np.ones(513, bool), images=[])
    with pytest.raises(ConversationError, match="sample long has 513 tokens, the language model has positions for 512"):
        trained([*made[1:], longest], shown, tmp_path)


# === interruptions ===
@pytest.mark.parametrize("steps", [[1], [2], [5], [3, 1, 2]], ids=str)
def test_resumed_training_ends_bit_for_bit_where_an_undisturbed_one_does(steps, made, shown, tmp_path):
    """Killed before, at and after checkpoints, and several times; LoRA's dropout draws random numbers all along."""
    undisturbed, log = trained(made, shown, tmp_path / "undisturbed")
    assert len(log) > sum(steps) + 2
    for count in steps:
        killed_after(count, made, shown, tmp_path / "killed")
    said = []
    resumed = fresh()
    again = train.run(resumed, 0, made, shown, STAGE, 0, tmp_path / "killed", KEY, say=said.append)
    assert same(undisturbed, resumed) and log == again
    assert any("resumed at step" in text for text in said) == (steps != [1])
    assert not list(tmp_path.rglob("checkpoint-*")) and not list(tmp_path.rglob("*.tmp"))


def test_dropout_is_on_in_training(made, shown, tmp_path, monkeypatch):
    """Else resuming would be tested without the random numbers that make it hard."""
    with_dropout, _ = trained(made, shown, tmp_path)
    monkeypatch.setattr(llava, "LORA_DROPOUT", 0.0)
    assert not same(with_dropout, trained(made, shown, tmp_path)[0])


def test_random_state_after_a_checkpoint_matters_to_the_result(made, shown, tmp_path, monkeypatch):
    """Resuming without it ends elsewhere: the test above can fail."""
    undisturbed, _ = trained(made, shown, tmp_path / "undisturbed")
    killed_after(3, made, shown, tmp_path / "killed")
    monkeypatch.setattr(torch, "set_rng_state", lambda state: None)
    assert not same(undisturbed, trained(made, shown, tmp_path / "killed")[0])


@pytest.fixture
def interrupted(made, shown, tmp_path):
    """The checkpoint of a killed run."""
    killed_after(3, made, shown, tmp_path)
    path, = tmp_path.glob("checkpoint-*")
    assert path == checkpoint.path_of(tmp_path, KEY)
    return path


def test_checkpoint_of_another_run_is_refused(interrupted, made, shown):
    assert checkpoint.path_of(interrupted.parent, OTHER_KEY) == interrupted
    with pytest.raises(CheckpointError, match="checkpoint of another setup or of other params: remove it"):
        trained(made, shown, interrupted.parent, key=OTHER_KEY)


def test_run_of_another_key_does_not_see_the_checkpoint(interrupted, made, shown, tmp_path):
    undisturbed, _ = trained(made, shown, tmp_path / "elsewhere", key="c" * 64)
    beside, _ = trained(made, shown, interrupted.parent, key="c" * 64)
    assert same(undisturbed, beside) and interrupted.exists()


@pytest.mark.parametrize("kept", [0, 5, 0.5, 0.99])
def test_damaged_checkpoint_is_an_error_that_says_what_to_do(interrupted, kept, made, shown):
    whole = interrupted.read_bytes()
    interrupted.write_bytes(whole[:kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(CheckpointError, match=r"is damaged .*remove it, the run then starts again"):
        trained(made, shown, interrupted.parent)


def test_encoder_resumes_where_it_was_killed(tmp_path):
    size = EncoderSize(hidden_size=8, layers=1, heads=1, patch_size=8, concepts_per_kind=None,
                       steps=230, batch_size=2, lr=1e-3)
    pictures = [Image.new("RGBA", (16, 16), colour) for colour in ("red", "green", "blue", "white")]
    drawn = own_encoder.Drawings(pictures, np.arange(4), np.eye(4, dtype=np.float32))

    def ended(folder) -> dict[str, torch.Tensor]:
        model, heads = own_encoder.new(size, 16, 4, 4, seed=0)
        own_encoder.train(model, heads, drawn, size, 0, folder, KEY, say=lambda text: None)
        return model.state_dict()

    undisturbed = ended(tmp_path / "undisturbed")
    with killed.before(own_encoder.artwork, "place", 215 * size.batch_size):
        ended(tmp_path / "killed")
    resumed = ended(tmp_path / "killed")
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)
