"""Conversations, batches and the forward pass on tiny models: the mask, packing, and the plain transformers way.

Run with: pytest tests/test_model.py
"""

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import IMAGE_IDS
from transformers import SiglipImageProcessor

from centurio_lib import image_file
from centurio_lib.model import batches, conversation, forward, image_features
from centurio_lib.model.conversation import IMAGE, ConversationError

TOKENS = (tiny.PIXELS // tiny.PATCH) ** 2  # of an image
TEXT_TOKENS = (tiny.TEXT_PIXELS // tiny.PATCH) ** 2
CLOSE = {"atol": 1e-4, "rtol": 1e-4}
# no "<", which begins special tokens; no lone surrogates
SAID = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """An untuned model, the features of the pictures, and the samples as conversations."""
    shown = tiny.features_of(tmp_path_factory.mktemp("features"))
    return tiny.model(), shown, tiny.conversations(shown.tokens)


def learned_text(sample) -> str:
    """Text of the label tokens of a conversation."""
    return tiny.tokenizer().decode(sample.ids[sample.label_mask], skip_special_tokens=False)


def tokenized(*texts: str, images: tuple = ()):
    """One conversation as tokens."""
    return conversation.tokenize(tiny.tokenizer(), [("one", list(images), tiny.turns(*texts))], tokens_of)[0]


def tokens_of(image_ids: list[str]) -> list[int]:
    """A function that gives each image the same number of tokens."""
    return [TOKENS] * len(image_ids)


def pixels(image_ids: list[str]) -> torch.Tensor:
    """Pixel values of some pictures: (images, 3, height, width)."""
    of = dict(zip(IMAGE_IDS, tiny.pictures().image, strict=True))
    return image_features.pixels_of([image_file.read(of[i]) for i in image_ids])


def plainly(model, sample) -> torch.Tensor:
    """Logits (tokens, vocabulary) of one conversation by transformers' own forward pass with pixels."""
    shown = {"pixel_values": pixels(sample.images)} if sample.images else {}
    return model(input_ids=torch.from_numpy(sample.ids)[None], **shown).logits[0]


# === the label mask ===
def test_exactly_the_answers_and_their_end_are_learned():
    sample = tokenized("What is this?", "dog", "In German?", "Hund", images=("i0",))
    assert learned_text(sample) == " dog<|end|> Hund<|end|>"
    whole = tiny.tokenizer().decode(sample.ids, skip_special_tokens=False)
    assert whole == (f"<|user|>{IMAGE * TOKENS} What is this?<|end|><|assistant|> dog<|end|>"
                     "<|user|> In German?<|end|><|assistant|> Hund<|end|>")


def test_assistant_header_is_not_learned_and_the_end_token_is():
    sample, known = tokenized("Q", "A"), tiny.tokenizer()
    is_header = sample.ids == known.convert_tokens_to_ids("<|assistant|>")
    assert is_header.sum() == 1 and not sample.label_mask[is_header].any()
    assert sample.ids[-1] == known.eos_token_id and sample.label_mask[-1]


@given(st.lists(SAID, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0), st.integers(0, 5))
def test_mask_holds_for_any_text_in_any_script(texts, n_images):
    sample = tokenized(*texts, images=IMAGE_IDS[:n_images])
    assert learned_text(sample) == "".join(f" {answer}<|end|>" for answer in texts[1::2])
    assert (sample.ids == tiny.tokenizer().convert_tokens_to_ids(IMAGE)).sum() == n_images * TOKENS
    assert not sample.label_mask[sample.ids == tiny.tokenizer().convert_tokens_to_ids(IMAGE)].any()


def test_question_of_evaluation_is_what_training_showed():
    sample = tokenized("What is this?", "dog", images=("i0", "i1"))
    asked = conversation.prompt(tiny.tokenizer(), "What is this?", [TOKENS] * 2)
    assert asked.tolist() == sample.ids[:len(asked)].tolist()
    assert sample.label_mask.tolist() == [False] * len(asked) + [True] * (len(sample.ids) - len(asked))


def test_sample_without_an_answer_is_refused():
    with pytest.raises(ConversationError, match="sample one has no token to learn"):
        tokenized("What is this?")


@pytest.mark.parametrize("texts", [(f"What is {IMAGE}, and {IMAGE}?", "dog"), (f"{IMAGE * 3}What?", "dog")])
def test_placeholders_in_the_text_that_are_not_as_many_as_images_are_refused(texts):
    with pytest.raises(ConversationError,
                       match=r"one has \d image placeholders, but 1 images: its text holds <image> once"):
        tokenized(*texts, images=("i0",))


def test_placeholders_in_the_text_stay_where_they_are():
    sample = tokenized("What is it?", "dog", f"And {IMAGE} beside {IMAGE}?", "cat", images=("i0", "i1"))
    whole = tiny.tokenizer().decode(sample.ids, skip_special_tokens=False)
    assert whole.startswith("<|user|> What is it?<|end|>") and whole.count(f" {IMAGE * TOKENS} ") == 2
    assert learned_text(sample) == " dog<|end|> cat<|end|>"


@pytest.mark.parametrize("texts", [("What is this?", f"a {IMAGE}"), ("What?<|end|><|assistant|>dog", "dog"),
                                   ("Q", "A<|end|>")])
def test_text_that_spells_a_special_token_is_refused(texts):
    with pytest.raises(ConversationError, match=r"sample one: the text of a turn must not hold <"):
        tokenized(*texts, images=("i0",))


def test_features_and_placeholders_that_disagree_are_refused(parts):
    model, shown, _ = parts
    ids = torch.from_numpy(tokenized("Q", "A", images=("i0", "i1")).ids)[None]
    with pytest.raises(ValueError, match="8 image tokens, but features for 4"):
        forward.embed(model, ids, shown[["i0"]])


# === features ===
def test_features_are_kept_and_belong_to_their_image(tmp_path):
    first = tiny.features_of(tmp_path)
    paths, vision = sorted(tmp_path.glob("*.safetensors")), tiny.vision()
    written = [path.stat().st_mtime_ns for path in paths]
    again = tiny.features_of(tmp_path)
    assert [path.stat().st_mtime_ns for path in paths] == written and len(paths) == 2
    assert first.tokens(["i0", "t1", "i0"]) == [TOKENS, TEXT_TOKENS, TOKENS]
    for image_id in IMAGE_IDS:  # LLaVA reads the last block before the final norm
        alone = vision(pixel_values=pixels([image_id])).last_hidden_state
        assert torch.allclose(vision.post_layernorm(again[[image_id]]), alone, **CLOSE)
    mixed = ["i3", "t0", "i1", "t2", "i3"]
    assert torch.equal(again[mixed], torch.cat([again[[image_id]] for image_id in mixed]))


def test_pixels_are_what_siglips_own_processor_makes():
    images = [image_file.read(content) for content in tiny.pictures().image]
    processor = SiglipImageProcessor(size={"height": tiny.PIXELS, "width": tiny.PIXELS})
    theirs = torch.as_tensor(np.stack(processor(images)["pixel_values"]))
    assert torch.allclose(image_features.pixels_of(images), theirs, **CLOSE)


def test_another_encoder_layer_or_picture_has_features_of_its_own(tmp_path):
    tiny.features_of(tmp_path)
    tiny.features_of(tmp_path, layer=-2)
    image_features.cached(tmp_path, tiny.vision(seed=1), tiny.pictures(), -1, tiny.PIXELS)
    image_features.cached(tmp_path, tiny.vision(), tiny.pictures(seed=1), -1, tiny.PIXELS)
    image_features.cached(tmp_path, tiny.vision(), tiny.pictures(), -1, tiny.TEXT_PIXELS)
    assert len(list(tmp_path.glob("features-*.safetensors"))) == 4 + 3


def test_unknown_and_corrupt_images_are_named(tmp_path):
    with pytest.raises(KeyError, match="no features for image 'other'"):
        tiny.features_of(tmp_path)[["i0", "other"]]
    broken = tiny.pictures()
    broken.at[3, "image"] = broken.image[3][:100]
    with pytest.raises(ValueError, match="i3 is not a readable image"):
        image_features.cached(tmp_path, tiny.vision(), broken, -1, tiny.PIXELS)
    assert len(list(tmp_path.glob("*"))) == 2  # the broken ones left nothing behind


# === rows and batches ===
@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_packing_fills_rows_and_loses_nothing(lengths):
    rows = batches.pack(lengths, 50)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in row) <= 50 for row in rows)
    # first fit: no two rows would fit into one
    sizes = sorted(sum(lengths[i] for i in row) for row in rows)
    assert len(sizes) < 2 or sizes[0] + sizes[1] > 50


def test_conversation_longer_than_a_row_is_refused():
    with pytest.raises(ConversationError, match="51 tokens does not fit a row of 50: raise max_seq_len"):
        batches.pack([3, 51], 50)


@pytest.mark.parametrize("packed", [True, False])
def test_epoch_holds_every_conversation_once_in_an_order_of_its_seed(packed):
    made = tiny.conversations(tokens_of, copies=20)
    plan = batches.plan(made, 128, 2, packed, seed=0)
    assert sorted(i for batch in plan for row in batch for i in row) == list(range(len(made)))
    for batch in plan:
        lengths = [sum(len(made[i].ids) for i in row) for row in batch]
        assert len(lengths) * max(lengths) <= 2 * 128
        assert len(lengths) <= 2 if packed else {len(row) for row in batch} == {1}
    assert plan == batches.plan(made, 128, 2, packed, seed=0)
    assert plan != batches.plan(made, 128, 2, packed, seed=1)


def test_unpacked_batches_hold_conversations_of_like_length():
    made = tiny.conversations(tokens_of, copies=20)
    plan = batches.plan(made, 128, 2, False, seed=0)
    spread = [np.ptp([len(made[i].ids) for (i,) in batch]) for batch in plan]
    assert np.mean(spread) < 0.3 * np.ptp([len(c.ids) for c in made])


def test_mask_keeps_conversations_of_a_row_apart():
    owner = torch.tensor([[0, 0, 1, 1, -1]])
    assert batches.block_mask(owner)[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]


def test_each_conversation_of_a_row_has_positions_from_0_and_labels_of_its_own():
    """Positions matter to models whose attention is not purely relative."""
    made = tiny.conversations(tokens_of)
    batch = batches.collate([made[:2], [made[3]]], pad=9)
    first, second = (len(sample.ids) for sample in made[:2])
    assert batch.positions[0, :first + second].tolist() == [*range(first), *range(second)]
    for r, row in enumerate((made[:2], [made[3]])):
        ids, labels = (np.concatenate(parts) for parts in zip(
            *((s.ids, np.where(s.label_mask, s.ids, -100)) for s in row), strict=True))
        assert batch.ids[r, :len(ids)].tolist() == ids.tolist() and (batch.ids[r, len(ids):] == 9).all()
        assert batch.labels[r, :len(ids)].tolist() == labels.tolist() and (batch.labels[r, len(ids):] == -100).all()
    assert batch.images == [*made[0].images, *made[1].images, *made[3].images]


# === the forward pass ===
@torch.no_grad()
def test_packed_logits_equal_those_of_each_conversation_alone(parts):
    """Rows of several conversations with none, one and many images, one row padded."""
    model, shown, made = parts
    rows = [[made[0], made[3], made[4]], [made[1], made[2]], [made[5]]]
    assert len({sum(len(c.ids) for c in row) for row in rows}) == 3
    for name, together, alone in tiny.packed_and_alone(model, rows, shown):
        assert torch.allclose(together, alone, **CLOSE), name


@torch.no_grad()
def test_answers_look_at_their_images(parts):
    """The tests of equality would pass on a model that ignores them."""
    model, shown, made = parts
    other = made[0]._replace(images=["i7"])
    one, two = (tiny.logits(model, batches.collate([[s]], 0), shown) for s in (made[0], other))
    assert (one - two).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize("layer", [-1, -2])
def test_kept_features_give_the_logits_of_the_plain_forward_pass(layer, tmp_path):
    model, shown = tiny.model(layer=layer), tiny.features_of(tmp_path, layer)
    for sample in tiny.conversations(tokens_of):
        ours = tiny.logits(model, batches.collate([[sample]], 0), shown)[0]
        assert torch.allclose(ours, plainly(model, sample), **CLOSE), sample.sample_id


def test_loss_and_gradients_equal_transformers_own(parts):
    """Its loss over the same labels, with all tokens through the head and the conversations padded, not packed."""
    model, shown, made = parts
    batch = batches.collate([[sample] for sample in made], tiny.tokenizer().pad_token_id)
    lengths = torch.tensor([[len(sample.ids)] for sample in made])
    attention = (torch.arange(batch.ids.shape[1]) < lengths).long()
    model.zero_grad()
    total, labels = forward.loss_sum(model, batch, shown[batch.images])
    (total / labels).backward()
    ours = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    plain = model(input_ids=batch.ids, attention_mask=attention, labels=batch.labels, pixel_values=pixels(batch.images))
    plain.loss.backward()
    assert labels == sum(int(sample.label_mask.sum()) for sample in made)
    assert total.item() / labels == pytest.approx(plain.loss.item(), rel=1e-5)
    grown = {name: p.grad for name, p in model.named_parameters() if p.grad is not None and "vision" not in name}
    assert set(ours) == set(grown) and len(ours) > 10
    for name, gradient in ours.items():
        assert torch.allclose(gradient, grown[name], **CLOSE), name


def test_loss_of_packed_rows_is_that_of_single_ones(parts):
    model, shown, made = parts
    packed = batches.collate([made[:3], made[3:]], 0)
    single = batches.collate([[sample] for sample in made], 0)
    (one, n_one), (two, n_two) = (forward.loss_sum(model, b, shown[b.images]) for b in (packed, single))
    assert n_one == n_two and one.item() == pytest.approx(two.item(), rel=1e-5)
