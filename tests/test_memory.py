"""Predicted memory: the counts are those of the real architectures; a stage that does not fit is refused with advice.

Models of the true shapes are made without memory (torch's meta device). Run with: pytest tests/test_memory.py
"""

import families
import pytest
import torch
from families import FAMILIES
from transformers import AutoConfig, AutoModelForCausalLM, SiglipVisionConfig, SiglipVisionModel

from centurio_lib import params
from centurio_lib.model import components, forward, llava, memory

SIGLIP = "google/siglip-so400m-patch14-384"
NEED = memory.Need(1, 1024, 256, True, True, False)
NAMES = {name: params.profile(family.profile).base.language_model for name, family in FAMILIES.items()}
SETUP = params.setup("L100")


@pytest.fixture(params=FAMILIES)
def name(request):
    """A family's name."""
    return request.param


def real(name: str) -> torch.nn.Module:
    """A language model of the true shape without weights."""
    lm, _ = memory.shapes(NAMES[name], SIGLIP)
    config = AutoConfig.for_model(FAMILIES[name].kind, vocab_size=lm.rows, hidden_size=lm.hidden,
                                  intermediate_size=lm.intermediate, num_hidden_layers=lm.layers,
                                  num_attention_heads=lm.heads, num_key_value_heads=lm.kv_heads,
                                  tie_word_embeddings=lm.tied, pad_token_id=0)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


# === counts ===
def test_weights_are_those_of_the_architecture(name):
    model, (lm, _) = real(name), memory.shapes(NAMES[name], SIGLIP)
    layers = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"}
    assert lm.quantised == sum(m.weight.numel() for m in layers.values())
    assert lm.quantised + lm.other == sum(p.numel() for p in model.parameters())
    assert lm.lora(256) == sum(256 * (m.in_features + m.out_features) for m in layers.values())


@pytest.mark.parametrize(("name", "billions"), [("phi", 3.82), ("llama", 8.03), ("qwen", 7.62), ("aya", 8.03)])
def test_sizes_are_those_that_the_models_are_known_by(name, billions):
    lm, _ = memory.shapes(NAMES[name], SIGLIP)
    assert (lm.quantised + lm.other) / 1e9 == pytest.approx(billions, abs=0.01)


def test_encoder_is_siglip_so400m():
    _, vision = memory.shapes(NAMES["phi"], SIGLIP)
    config = SiglipVisionConfig(hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16,
                                image_size=384, patch_size=14, vision_use_head=False)
    with torch.device("meta"):
        assert vision.weights == sum(p.numel() for p in SiglipVisionModel(config).parameters())
    assert vision.tokens == 729


def test_activations_of_a_layer_are_what_autograd_keeps(name, tmp_path):
    """Measured on a miniature: what one layer's forward pass with LoRA saves, weights left out."""
    base = families.base(name, tmp_path).model_copy(update={"dtype": "bfloat16"})
    own = params.profile(FAMILIES[name].profile).model_copy(update={"base": base, "load_4bit": False, "lora_rank": 8})
    model = llava.tune(llava.build(own.model_copy(update={"gradient_checkpointing": False}), 0)[0], own, SETUP).train()
    plain = llava.plain(model)
    block, weights, kept = plain.model.language_model.layers[0], {p.data_ptr() for p in model.parameters()}, {}

    def note(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    tokens, config = 64, plain.config.text_config
    states = torch.randn(1, tokens, config.hidden_size, dtype=torch.bfloat16, requires_grad=True)
    rope = plain.model.language_model.rotary_emb(states, torch.arange(tokens)[None])
    with forward.computing(plain), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        block(states, attention_mask=None, position_embeddings=rope)
    lm = memory.LanguageModel(hidden=32, layers=2, heads=4, kv_heads=2, intermediate=64, vocabulary=700, tokens=690,
                              tied=False, fused=name == "phi")
    adapters = 2 * lm.lora(8) // lm.layers  # their copies in half precision, which are counted as a part of their own
    measured = sum(kept.values()) - adapters
    predicted = memory.layer(lm, tokens, memory.Need(1, tokens, 8, False, True, False))
    assert predicted == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize(("rows", "max_seq_len", "tiling", "images"), [
    (1, 1024, 1, 1), (1, 2560, 1, 3), (2, 1024, 1, 2), (1, 500, 1, 1), (1, 2560, 2, 15)])
def test_a_row_is_counted_with_as_many_images_as_it_has_room_for(rows, max_seq_len, tiling, images):
    """A packed row of 2560 tokens holds three of 729; a tiled one is seen whole and in four parts."""
    need = NEED._replace(micro_batch_size=rows, max_seq_len=max_seq_len, tiling=tiling)
    found = memory.parts(*memory.shapes(NAMES["phi"], SIGLIP), need)["images"]
    assert found == images * 729 * 1152 * 27 * 2


# === the verdict ===
def test_all_four_fit_24_gib_as_the_paper_profile_sets_them():
    table = memory.table(list(NAMES.values()), SIGLIP, NEED)
    assert (table.loc["in all"] < 23).all() and table.loc["in all", NAMES["phi"]] < 16
    twice = memory.table(list(NAMES.values()), SIGLIP, NEED._replace(micro_batch_size=2))
    assert (twice.loc["in all"] > table.loc["in all"]).all()
    for family in FAMILIES.values():
        profile = params.profile(family.profile)
        assert memory.check(profile, SETUP, profile.instruct, 24.0) < 24


def test_stage_that_does_not_fit_is_refused_with_what_would():
    profile = params.profile("paper-llama3").model_copy(update={"load_4bit": False, "gradient_checkpointing": False})
    with pytest.raises(memory.MemoryShortage, match=r"needs about \d+\.\d GiB of a GPU, this one has 24\.0 .*"
                                                    r"it fits with gradient_checkpointing: true, load_4bit: true"):
        memory.check(profile, SETUP, profile.instruct, 24.0)
    with pytest.raises(memory.MemoryShortage, match=r"it does not fit even with max_seq_len: 1792.*larger GPU"):
        memory.check(params.profile("paper-llama3"), SETUP, profile.instruct, 4.0)


def test_shape_of_a_local_folder_is_read_from_it(name, tmp_path):
    base = families.base(name, tmp_path)
    lm, vision = memory.shapes(base.language_model, base.vision)
    model = components.load_language_model(base, [None] * (lm.tokens + 1))  # with the row of the image placeholder
    assert lm.quantised + lm.other == model.num_parameters()
    assert vision.weights == components.load_vision(base).num_parameters()


def test_unknown_model_is_an_error_that_says_where_to_state_its_shape():
    smoke = params.profile("smoke")  # whose own models may have been built here
    profile = smoke.model_copy(update={"base": smoke.base.model_copy(update={"language_model": "data/nowhere/model"})})
    with pytest.raises(memory.MemoryShortage, match=r"shape of \S+ is not known.*models\.yaml"):
        memory.check(profile, SETUP, profile.instruct, 24.0)
