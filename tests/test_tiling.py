"""Multi-scale tiling: tiles are where they were, tokens stay as many and are twice as wide, a model learns and is kept.

Run with: pytest tests/test_tiling.py
"""

import numpy as np
import pytest
import tiny
import torch

from centurio_lib.data import artwork
from centurio_lib.model import batches, conversation, generate, image_features, llava, tiling, train

STAGE = tiny.PROFILE.instruct.model_copy(update={
    "max_seq_len": 64, "micro_batch_size": 2, "packed": True, "grad_accum_steps": 1,
    "epochs": 2, "lr": 1e-3, "projector_lr": 1e-2,
    "encoder_lr": 1e-3, "checkpoint_every": 2})


def model():
    """An untuned LLaVA whose tokens are of a whole view and of tiles."""
    return llava.assemble(tiny.vision(), tiny.language_model(), tiny.tokenizer(), -1, 0, tiling=2).eval()


def live(llava_model, k: int = 2) -> image_features.Features:
    """Features of pictures of both sizes."""
    return image_features.Features([image_features.Live(llava_model, tiny.pictures(), -1, tiny.PIXELS, k),
                              image_features.Live(llava_model, tiny.text_pictures(), -1, tiny.TEXT_PIXELS, k)])


@pytest.mark.parametrize("k", [2, 3])
def test_tiles_are_cut_row_after_row(k):
    side = 4
    pixels = torch.arange(2 * 3 * (k * side) ** 2, dtype=torch.float).reshape(2, 3, k * side, k * side)
    tiles = tiling.cut(pixels, k)
    assert tiles.shape == (2, k * k, 3, side, side)
    for row in range(k):
        for column in range(k):
            block = pixels[:, :, row * side:(row + 1) * side, column * side:(column + 1) * side]
            assert torch.equal(tiles[:, row * k + column], block)


@pytest.mark.parametrize("side", [2, 3])
def test_features_of_tiles_come_to_lie_where_the_tiles_were(side):
    """Each pixel's place is its feature: the map averages places that lie together; odd sides cross the seams."""
    whole = torch.stack(torch.meshgrid(torch.arange(2.0 * side), torch.arange(2.0 * side), indexing="ij"))[None]
    tiles = tiling.cut(whole, 2)  # (1, 4, 2, side, side)
    states = tiles.flatten(3).transpose(2, 3)  # (1, 4, tokens, 2)
    found = tiling.joined(states, 2)
    wanted = [[2 * row + 0.5, 2 * column + 0.5] for row in range(side) for column in range(side)]
    assert found.tolist() == [wanted]


@torch.no_grad()
def test_first_half_is_the_whole_view_and_the_second_that_of_tiles():
    pictures, vision = tiny.text_pictures(), tiny.vision()
    plain = image_features.look(vision, pictures, -1, tiny.TEXT_PIXELS)
    tiled = image_features.look(vision, pictures, -1, tiny.TEXT_PIXELS, 2)
    assert tiled.shape == (*plain.shape[:2], 2 * plain.shape[2]) and torch.equal(tiled[..., :plain.shape[2]], plain)
    large = image_features.pixels_of([image_features.stretched(pictures.image[0], "t0", 2 * tiny.TEXT_PIXELS)])
    seen = image_features.states(vision, tiling.cut(large, 2)[0], -1)[None]  # (1, 4, tokens, d_vision)
    assert torch.allclose(tiled[:1, :, plain.shape[2]:], tiling.joined(seen, 2), atol=1e-5)
    assert tiling.passes(2) == 5 and tiling.passes(1) == tiling.width(1) == 1


def test_detail_that_a_whole_view_loses_is_in_the_tiles():
    """A pattern finer than the whole view's pixels: it looks plain grey there."""
    board = np.indices((96, 96)).sum(0) % 2 * 255
    fine = artwork.Image.fromarray(np.repeat(board[..., None], 3, -1).astype(np.uint8))
    seen = [np.asarray(image_features.stretched(artwork.to_bytes(fine), "t", side)).std() for side in (48, 96)]
    assert seen[0] < 10 < 100 < seen[1]


def test_another_tiling_has_features_of_its_own_on_disk(tmp_path):
    kept = [image_features.cached(tmp_path, tiny.vision(), tiny.pictures(), -1, tiny.PIXELS, k) for k in (1, 2, 2)]
    assert len(list(tmp_path.glob("*"))) == 2 and [part.values.shape[-1] for part in kept] == [16, 32, 32]
    assert [part.tokens for part in kept] == [4, 4, 4]
    assert torch.allclose(kept[1].values, live(model())[tiny.IMAGE_IDS].reshape(8, 4, 32), atol=1e-5)


def test_projector_starts_from_the_same_seed_without_tiles():
    one, two = (llava.assemble(tiny.vision(), tiny.language_model(), tiny.tokenizer(), -1, 0, k) for k in (1, 2))
    wide = [m.model.multi_modal_projector.linear_1.weight.shape[1] for m in (one, two)]
    assert wide == [16, 32]
    assert torch.equal(one.model.multi_modal_projector.linear_1.weight,
                       tiny.model().model.multi_modal_projector.linear_1.weight)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_model_with_tiles_learns_is_saved_and_answers_alike_in_any_batch(tuning, tmp_path):
    setup = tiny.SETUP.model_copy(update={"tuning": tuning, "tune_encoder": True, "tiling": 2})
    base = model()
    shown = live(base)
    made = tiny.conversations(shown.tokens, text=True)
    tuned = llava.tune(base, tiny.PROFILE, setup)
    log = train.run(tuned, 0, made, shown, STAGE, 0, tmp_path / "run", "a" * 64, say=lambda text: None)
    assert np.isfinite([row["loss"] for row in log]).all()
    again = model()
    loaded = llava.merged(llava.load(again, llava.save(tuned.eval(), tmp_path / "adapter")))
    asked = [("What is this?", ["i0"]), ("Read the text.", ["t0"]), ("Both?", ["t1", "i2"]), ("Hello", [])]
    with torch.no_grad():
        batch = batches.collate([made[:2], made[-2:]], 0)
        one, two = (tiny.logits(llava.plain(m), batch, live(llava.plain(m))) for m in (tuned, loaded))
    assert torch.allclose(one, two, atol=1e-4)
    prompts = [conversation.prompt(tiny.tokenizer(), text, shown.tokens(images)) for text, images in asked]
    said = [generate.answers(loaded, tiny.tokenizer(), prompts, [images for _, images in asked], live(loaded),
                             [8] * len(asked), size) for size in (1, 4)]
    assert said[0] == said[1]
