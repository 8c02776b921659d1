"""Training the image encoder: gradients, groups of the optimiser, saving, resuming; several image sizes in one batch.

Run with: pytest tests/test_tuned_encoder.py
"""

import killed
import numpy as np
import pytest
import tiny
import torch

from centurio_lib.model import batches, conversation, forward, generate, image_features, llava, train

TUNINGS = ["lora", "full", "projector"]
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
KEY = "a" * 64
STAGE = tiny.PROFILE.instruct.model_copy(update={
    "max_seq_len": 64, "micro_batch_size": 2, "packed": True, "grad_accum_steps": 2,
    "epochs": 2, "lr": 1e-3, "projector_lr": 1e-2,
    "checkpoint_every": 2, "encoder_lr": 1e-2, "encoder_weight_decay": 0.1})
PAD = 0


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> image_features.Features:
    """Features of pictures of two sizes, by the frozen encoder."""
    return tiny.features_of(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def made(shown):
    """Conversations about pictures of both sizes."""
    return tiny.conversations(shown.tokens, copies=2, text=True)


def fresh(tuning: str = "lora", tune_encoder: bool = True):
    """A model set to be tuned, and features by its own encoder, asked for before peft puts a copy in its place."""
    setup = tiny.SETUP.model_copy(update={"tuning": tuning, "tune_encoder": tune_encoder})
    model = tiny.model()
    live = tiny.live_features(model)
    torch.manual_seed(0)
    return llava.tune(model, tiny.PROFILE, setup), live


def trained(made, folder, tuning: str = "lora"):
    """A model after a stage, its features, and the stage's log."""
    model, live = fresh(tuning)
    log = train.run(model, PAD, made, live, STAGE, 0, folder, KEY, say=lambda text: None)
    return model.eval(), live, log


@torch.no_grad()
def logits(model, made, shown) -> torch.Tensor:
    return tiny.logits(llava.plain(model), batches.collate([made[:3], made[-4:]], PAD), shown)


def encoder_of(model) -> dict[str, torch.Tensor]:
    """Weights of the encoder that a model uses, by their own names."""
    tower = llava.plain(model).model.vision_tower
    return dict(getattr(tower, "modules_to_save", {"default": tower})["default"].named_parameters())


# === images of several sizes ===
def test_a_batch_of_several_sizes_has_the_tokens_of_each(shown):
    counts = shown.tokens(["i0", "t0", "t2"])
    assert counts == [4, 9, 9] and shown[["i0", "t0", "t2"]].shape == (22, 16)
    tokens = conversation.prompt(tiny.tokenizer(), "Both?", counts)
    places = tokens == tiny.tokenizer().convert_tokens_to_ids(conversation.IMAGE)
    assert places.sum() == 22 and shown[["t0", "i0"]].shape == (13, 16)


def test_kept_features_are_those_of_the_encoder_at_any_size(shown):
    live = tiny.live_features(tiny.model())
    ids = ["t3", "i1", "t0", "t2", "i7", "t1"]
    assert live.tokens(ids) == shown.tokens(ids)
    assert torch.allclose(live[ids], shown[ids], **CLOSE) and not live[ids].isnan().any()


@torch.no_grad()
def test_packed_rows_of_several_sizes_equal_each_conversation_alone(made, shown):
    model, rows = tiny.model(), [made[:2] + made[-4:-2], [made[3], *made[-2:]]]
    for name, together, alone in tiny.packed_and_alone(model, rows, shown):
        assert torch.allclose(together, alone, atol=1e-4), name


@pytest.mark.parametrize("batch", [3, 8])
def test_answers_about_several_sizes_are_the_same_one_by_one(batch, shown):
    asked = [("What is this?", ["i0"]), ("Read the text in the image.", ["t0"]), ("Both?", ["t1", "i2"]), ("Hello", []),
             ("Which?", ["i1", "t3"]), ("What is the label?", ["t2"]), ("Read the text in the image.", ["t3"])]
    prompts = [conversation.prompt(tiny.tokenizer(), text, shown.tokens(images)) for text, images in asked]
    said = [generate.answers(tiny.model(), tiny.tokenizer(), prompts, [images for _, images in asked], shown,
                             [12] * len(asked), size) for size in (1, batch)]
    assert said[0] == said[1] and len(set(said[0])) > 4


# === what is trained ===
@pytest.mark.parametrize("tune_encoder", [True, False])
@pytest.mark.parametrize("tuning", TUNINGS)
def test_gradients_reach_the_encoder_only_when_it_is_tuned(tuning, tune_encoder, made):
    model, live = fresh(tuning, tune_encoder)
    batch = batches.collate([made[:3], made[-4:]], PAD)
    loss, labels = forward.loss_sum(llava.plain(model), batch, live[batch.images])
    (loss / labels).backward()
    reached = {name for name, p in encoder_of(model).items() if p.grad is not None and p.grad.any()}
    assert any("patch_embedding" in name for name in reached) == tune_encoder
    assert any("mlp.fc2" in name for name in reached) == tune_encoder
    assert any("position_embedding" in name for name in reached) == tune_encoder and bool(reached) == tune_encoder
    trained_names = " ".join(llava.trainable(model))
    assert ("vision_tower" in trained_names) == tune_encoder


def test_encoder_has_its_own_rate_and_its_norms_and_biases_do_not_decay():
    model, _ = fresh()
    optimizer = train.optimizer_of(model, STAGE)
    of = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    assert len(of) == len(llava.trainable(model))
    for name, p in llava.trainable(model).items():
        if "vision_tower" in name:
            vector = name.endswith("bias") or "norm" in name
            assert of[id(p)] == (1e-2, 0.0 if vector else 0.1), name
        else:
            assert of[id(p)] == (1e-2 if "projector" in name else 1e-3, 0.0), name


def test_a_frozen_encoder_leaves_no_group_behind():
    model, _ = fresh(tune_encoder=False)
    assert len(train.optimizer_of(model, STAGE).param_groups) == 2


# === saving, loading, resuming ===
@pytest.mark.parametrize("tuning", TUNINGS)
def test_saved_and_loaded_with_the_encoder_gives_the_same_logits(tuning, made, shown, tmp_path):
    """Under LoRA peft saves only what it was told of."""
    model, live, _ = trained(made, tmp_path / "run", tuning)
    untuned = tiny.model()
    before, after = logits(untuned, made, shown), logits(model, made, live)
    assert not torch.allclose(logits(model, made, shown), after, atol=0.01), "the encoder has moved"
    loaded_live = tiny.live_features(untuned)
    loaded = llava.load(untuned, llava.save(model, tmp_path / "adapter")).eval()
    assert torch.equal(logits(loaded, made, loaded_live), after) and not torch.allclose(before, after, atol=0.01)
    assert not llava.trainable(loaded)
    merged = llava.merged(loaded)
    assert torch.allclose(tiny.live_features(merged)[["t0", "i0"]], live[["t0", "i0"]], **CLOSE)
    assert torch.allclose(logits(merged, made, loaded_live), after, atol=1e-4)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_second_stage_goes_on_with_the_encoder_of_the_first(tuning, made, tmp_path):
    model, _, _ = trained(made, tmp_path / "run", tuning)
    again = llava.load(tiny.model(), llava.save(model, tmp_path / "adapter"), train=True)
    before, after = llava.trainable(model), llava.trainable(again)
    assert list(before) == list(after) and any("vision_tower" in name for name in after)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_resumed_training_with_the_encoder_ends_bit_for_bit_alike(tuning, made, tmp_path):
    undisturbed, _, log = trained(made, tmp_path / "undisturbed", tuning)
    with killed.before(train, "optimise", 4):
        trained(made, tmp_path / "killed", tuning)
    resumed, _, again = trained(made, tmp_path / "killed", tuning)
    one, two = llava.trainable(undisturbed), llava.trainable(resumed)
    assert log == again and len(log) > 5 and list(one) == list(two)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_training_with_the_encoder_lowers_the_loss(made, tmp_path):
    model, live = fresh("projector")
    stage = STAGE.model_copy(update={"epochs": 6, "grad_accum_steps": 1})
    log = train.run(model, PAD, made, live, stage, 0, tmp_path, KEY, say=lambda text: None)
    losses = [row["loss"] for row in log]
    assert np.mean(losses[-6:]) < np.mean(losses[:6])
