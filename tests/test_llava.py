"""LLaVA from parts: what is trained, saved, loaded, merged and quantised, around decoders of several families.

Run with: pytest tests/test_llava.py
"""

import re

import pytest
import tiny
import torch
from peft import peft_model
from peft.utils import save_and_load
from transformers import AutoConfig, AutoModelForCausalLM

from centurio_lib.model import batches, components, conversation, forward, llava

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
SIZES = {"vocab_size": 0, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "initializer_range": 0.3}
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8}
FAMILIES = {  # kind of config -> what it needs besides SIZES
    "phi3": {"max_position_embeddings": 512, "original_max_position_embeddings": 512}, "llama": {}, "qwen2": {},
    "gemma3_text": GEMMA, "gemma2": GEMMA, "cohere": {}}
TUNINGS = ["lora", "full", "projector"]
ANSWER_ONLY = 4  # of tiny.samples: a conversation without an image


@pytest.fixture(scope="module")
def batch_and_features(tmp_path_factory):
    """All samples as one packed batch, and the features of its images."""
    shown = tiny.features_of(tmp_path_factory.mktemp("features"))
    made = tiny.conversations(shown.tokens)
    return batches.collate([made[:3], made[3:]], tiny.tokenizer().pad_token_id), shown


def decoder_of(kind: str) -> torch.nn.Module:
    """A random decoder of a family."""
    known, special = tiny.tokenizer(), ("pad_token_id", "bos_token_id", "eos_token_id")
    sizes = SIZES | {"vocab_size": len(known)} | {name: getattr(known, name) for name in special}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, **FAMILIES[kind])).eval()


def around(language_model) -> torch.nn.Module:
    """LLaVA around a decoder."""
    return llava.assemble(tiny.vision(), language_model, tiny.tokenizer(), -1, seed=0).eval()


def tuned(tuning: str, seed: int = 0, tied: bool = False):
    """A model set to be tuned, its trained weights moved away from where they start."""
    setup = tiny.SETUP.model_copy(update={"tuning": tuning})
    return tiny.moved(llava.tune(tiny.model(tied=tied), tiny.PROFILE, setup), 0.1, seed)


@torch.no_grad()
def logits(model, batch_and_features) -> torch.Tensor:
    return tiny.logits(llava.plain(model), *batch_and_features)


# === any decoder ===
@pytest.mark.parametrize("kind", FAMILIES)
@torch.no_grad()
def test_text_gets_the_logits_of_the_decoder_alone(kind):
    """Also where the decoder scales or caps its logits after the head, or takes its mask as numbers."""
    language_model, sample = decoder_of(kind), tiny.conversations(lambda shown: [4] * len(shown))[ANSWER_ONLY]
    ids = torch.from_numpy(sample.ids)[None]
    alone = language_model(input_ids=ids).logits
    model = around(language_model)
    assert torch.allclose(model(input_ids=ids).logits, alone, **CLOSE)
    assert torch.allclose(tiny.logits(model, batches.collate([[sample]], 0), None), alone, **CLOSE)
    assert torch.allclose(language_model(input_ids=ids).logits, alone)  # the decoder itself is unchanged


@pytest.mark.parametrize("kind", FAMILIES)
def test_packing_images_and_lora_work_around_any_decoder(kind, batch_and_features):
    model, (batch, shown) = around(decoder_of(kind)), batch_and_features
    made = tiny.conversations(shown.tokens)
    with torch.no_grad():
        together = tiny.logits(model, batch, shown)[0, :len(made[0].ids)]
        alone = tiny.logits(model, batches.collate([[made[0]]], 0), shown)[0]
        assert torch.allclose(together, alone, **CLOSE)
    layers, wrapped = llava.linear_layers(model), llava.tune(model, tiny.PROFILE, tiny.SETUP)
    loss, labels = forward.loss_sum(llava.plain(wrapped), batch, shown[batch.images])
    (loss / labels).backward()
    learned = [name for name, p in llava.trainable(wrapped).items() if "lora_B" in name and p.grad.any()]
    assert len(learned) == len(layers) == {"phi3": 8}.get(kind, 14)


def test_embeddings_grow_only_where_the_placeholder_needs_it(tmp_path):
    tiny.language_model().save_pretrained(tmp_path)
    base = tiny.PROFILE.base.model_copy(update={"language_model": str(tmp_path)})
    known = tiny.tokenizer()
    assert components.load_language_model(base, known).get_input_embeddings().num_embeddings == len(known)
    grown = components.load_language_model(base, [None] * (len(known) + 1)).get_input_embeddings().num_embeddings
    assert grown > len(known) and grown % 64 == 0


def test_parts_are_used_as_they_are_and_the_projector_comes_from_the_seed():
    vision, language_model = tiny.vision(), tiny.language_model()
    one, two = (llava.assemble(vision, language_model, tiny.tokenizer(), -1, seed) for seed in (0, 1))
    assert one.model.vision_tower is vision and one.model.language_model is language_model.model
    weights = [m.model.multi_modal_projector.linear_1.weight for m in (one, two)]
    assert not torch.equal(*weights)
    assert torch.equal(weights[0], tiny.model(seed=0).model.multi_modal_projector.linear_1.weight)
    assert not any(p.is_meta for p in one.parameters())


# === what is trained ===
def test_lora_is_on_every_linear_layer_of_the_decoder_and_nowhere_else():
    model = tuned("lora")
    layers = [f"model.language_model.layers.{i}.{part}" for i in range(2)
              for part in ("self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj")]
    names = [re.sub(r"^base_model\.model\.", "", name) for name in llava.trainable(model)]
    lora = {name.split(".lora_")[0] for name in names if ".lora_" in name}
    assert lora == set(layers)
    assert all(".lora_" in name or name.startswith("model.multi_modal_projector.") for name in names)
    assert {name.split(".")[-2] for name in names if "projector" in name} == {"linear_1", "linear_2"}


@pytest.mark.parametrize("rank", [4, 16])
def test_alpha_is_twice_the_rank_of_the_setup_or_the_profile(rank):
    setup = tiny.SETUP.model_copy(update={"lora_rank": None if rank == tiny.PROFILE.lora_rank else rank})
    config = llava.tune(tiny.model(), tiny.PROFILE, setup).peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout, config.bias) == (rank, 2 * rank, 0.05, "none")


@pytest.mark.parametrize("tied", [True, False])
def test_full_tuning_trains_all_but_the_vision_tower(tied):
    model = tuned("full", tied=tied)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen and all(name.startswith("model.vision_tower.") for name in frozen)


def test_projector_tuning_trains_the_projector_alone():
    assert all(name.startswith("model.multi_modal_projector.") for name in llava.trainable(tuned("projector")))
    assert len(llava.trainable(tuned("projector"))) == 4


@pytest.mark.parametrize("tuning", TUNINGS)
def test_untouched_by_a_step_is_all_that_is_frozen(tuning, batch_and_features):
    model, (batch, shown) = tuned(tuning), batch_and_features
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss, _ = forward.loss_sum(llava.plain(model), batch, shown[batch.images])
    loss.backward()
    torch.optim.SGD(llava.trainable(model).values(), lr=0.01).step()
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == set(llava.trainable(model))


# === saving and loading ===
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("tuning", TUNINGS)
def test_saved_and_loaded_gives_the_same_logits(tuning, tied, batch_and_features, tmp_path):
    model = tuned(tuning, tied=tied)
    llava.save(model, tmp_path)
    untuned = tiny.model(tied=tied)
    assert not torch.allclose(logits(untuned, batch_and_features), logits(model, batch_and_features), atol=0.1)
    loaded = llava.load(untuned, tmp_path)
    assert torch.equal(logits(loaded.eval(), batch_and_features), logits(model, batch_and_features))
    assert not llava.trainable(loaded)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_training_goes_on_with_the_same_weights(tuning, tmp_path):
    """The instruct stage continues the adapter of pre-training."""
    model = tuned(tuning)
    loaded = llava.load(tiny.model(), llava.save(model, tmp_path), train=True)
    before, after = llava.trainable(model), llava.trainable(loaded)
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_merged_model_is_a_plain_one_with_the_same_logits(tuning, batch_and_features):
    model = tuned(tuning)
    before = logits(model, batch_and_features)
    merged = llava.merged(model)
    assert type(merged).__name__ == "LlavaForConditionalGeneration" and not merged.training
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert torch.allclose(logits(merged, batch_and_features), before, **CLOSE)


def test_an_adapter_is_read_to_where_its_model_lies(tmp_path, monkeypatch):
    """And not onto a GPU that peft finds: the parent of several workers has to leave those alone."""
    llava.save(tuned("lora"), tmp_path)
    for module in (peft_model, save_and_load):
        monkeypatch.setattr(module, "infer_device", lambda: pytest.fail("peft chose a device by itself"))
    assert {p.device.type for p in llava.load(tiny.model(), tmp_path).parameters()} == {"cpu"}


def test_folder_without_an_adapter_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no adapter as safetensors"):
        llava.load(tiny.model(), tmp_path)


def test_tokenizer_without_a_template_is_refused(tmp_path):
    base = tiny.PROFILE.base.model_copy(update={"language_model": str(tmp_path)})
    tiny.language_model().config.save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    assert components.load_tokenizer(base).get_vocab() == tiny.tokenizer().get_vocab()
    next(tmp_path.glob("*.jinja")).unlink()
    with pytest.raises(conversation.ConversationError, match="has no chat template"):
        components.load_tokenizer(base)


# === four bits ===
@pytest.fixture(params=[0, 1], ids=["without AVX512-BF16", "with AVX512-BF16"])
def quantised(request, tmp_path, monkeypatch):
    """LLaVA around a decoder in NF4, on a CPU that answers the probe so."""
    pytest.importorskip("bitsandbytes")
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: request.param)
    tiny.language_model().save_pretrained(tmp_path)
    base = tiny.PROFILE.base.model_copy(update={"language_model": str(tmp_path), "dtype": "float32"})
    return around(components.load_language_model(base, tiny.tokenizer(), load_4bit=True))


def test_nf4_leaves_vision_tower_projector_and_head_as_they_are(quantised):
    kinds = {name: type(module).__name__ for name, module in quantised.named_modules()
             if isinstance(module, torch.nn.Linear)}
    in_four_bits = {name for name, kind in kinds.items() if kind == "Linear4bit"}
    assert in_four_bits == set(llava.linear_layers(quantised)) and len(in_four_bits) == 8
    assert {name.split(".")[1] if "." in name else name for name in set(kinds) - in_four_bits} == {
        "vision_tower", "multi_modal_projector", "lm_head"}
    config = quantised.model.language_model.config.quantization_config
    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)


def test_lora_trains_over_nf4_and_is_not_rounded_for_decoding(quantised, batch_and_features, tmp_path):
    model, (batch, shown) = llava.tune(quantised, tiny.PROFILE, tiny.SETUP).eval(), batch_and_features
    untuned = logits(model, batch_and_features)
    loss, labels = forward.loss_sum(llava.plain(model), batch, shown[batch.images])
    (loss / labels).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in llava.trainable(model).values())
    torch.optim.SGD(llava.trainable(model).values(), lr=1.0).step()
    tuned_logits = logits(model, batch_and_features)
    assert not torch.allclose(untuned, tuned_logits, atol=0.01)
    assert torch.equal(logits(llava.merged(model), batch_and_features), tuned_logits)
    assert llava.save(model, tmp_path / "adapter").joinpath("adapter_config.json").exists()


def test_nf4_is_close_to_the_decoder_that_it_stands_for(quantised, batch_and_features):
    exact, rounded = logits(tiny.model(), batch_and_features), logits(quantised, batch_and_features)
    assert 0 < (exact - rounded).abs().mean() < 0.5 * exact.std()
