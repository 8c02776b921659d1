"""The paper's four families: chat template, label mask, packing, around tokenizers and models in the hub's own formats.

Run with: pytest tests/test_families.py
"""

import families
import numpy as np
import pytest
import tiny
import torch
from families import FAMILIES
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForImageTextToText, AutoProcessor, SiglipModel

from centurio_lib import image_file, params
from centurio_lib.data.hub import hub
from centurio_lib.model import batches, components, conversation, export, generate, image_features, llava
from centurio_lib.model.conversation import IMAGE, ConversationError

SAID = st.text(st.characters(exclude_characters="<[", exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(scope="module", params=FAMILIES)
def name(request):
    """A family's name."""
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where miniatures lie."""
    return tmp_path_factory.mktemp("families")


@pytest.fixture(scope="module")
def tokenizer(name, folder):
    """The family's tokenizer as a run loads it."""
    return components.load_tokenizer(families.base(name, folder))


def tokenized(tokenizer, *texts: str, images: tuple = ()):
    """One conversation as tokens, an image as three."""
    sample = ("one", list(images), tiny.turns(*texts))
    return conversation.tokenize(tokenizer, [sample], lambda ids: [3] * len(ids))[0]


def learned_text(tokenizer, sample) -> str:
    """Text of the label tokens of a conversation."""
    return tokenizer.decode(sample.ids[sample.label_mask], skip_special_tokens=False)


# === chat template and label mask ===
def test_conversation_is_written_as_the_family_writes_it(name, tokenizer):
    """System line, place of the image and what follows it, as the authors' code has them."""
    family, sample = FAMILIES[name], tokenized(tokenizer, "Q?", "A", images=("i0",))
    asked = tokenizer.decode(sample.ids[~sample.label_mask], skip_special_tokens=False)
    expected = family.asked.replace(IMAGE, 3 * IMAGE)
    # SentencePiece's special tokens swallow the line break after them, so that decoding does not show it
    assert asked.replace("\n", "") == expected.replace("\n", "") and (name == "phi" or asked == expected)


def test_exactly_the_answers_and_the_end_of_their_turn_are_learned(name, tokenizer):
    sample = tokenized(tokenizer, "What is this?", "a dog", "In German?", "Hund", "In Thai?", "สุนัข", images=("i0",))
    end = FAMILIES[name].end
    assert learned_text(tokenizer, sample) == f"a dog{end}Hund{end}สุนัข{end}"
    assert sample.label_mask[-1] and tokenizer.eos_token == end
    headers = np.flatnonzero(np.diff(sample.label_mask.astype(int)) == 1)
    assert len(headers) == 3


@given(texts=st.lists(SAID, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0),
       n_images=st.integers(0, 3))
def test_mask_holds_for_any_text_in_any_script(name, tokenizer, texts, n_images):
    """Templates strip answers and tokenizers normalise them; whatever they make of one is learned, and nothing else."""
    sample = tokenized(tokenizer, *texts, images=[f"i{i}" for i in range(n_images)])
    ends = sample.ids == tokenizer.eos_token_id
    assert sample.label_mask[ends].sum() == len(texts) // 2
    learned = learned_text(tokenizer, sample).split(FAMILIES[name].end)
    said = [tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts[1::2]]
    assert [text.strip() for text in learned] == [text.strip() for text in said] + [""]
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    assert (sample.ids == image).sum() == 3 * n_images and not sample.label_mask[sample.ids == image].any()


def test_question_of_evaluation_is_what_training_showed(tokenizer):
    sample = tokenized(tokenizer, "What is this?", "dog", images=("i0", "i1"))
    asked = conversation.prompt(tokenizer, "What is this?", [3, 3])
    assert asked.tolist() == sample.ids[:len(asked)].tolist()
    assert sample.label_mask.tolist() == [False] * len(asked) + [True] * (len(sample.ids) - len(asked))


def test_images_of_several_turns_stay_where_the_text_has_them(name, tokenizer):
    sample = tokenized(tokenizer, f"{IMAGE} and {IMAGE}: same?", "no", f"And {IMAGE}?", "yes", images=("a", "b", "c"))
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    runs = np.flatnonzero(np.diff((sample.ids == image).astype(int)) == 1)
    assert len(runs) == 3 and (sample.ids == image).sum() == 9


# === bad input ===
def test_tokenizer_without_a_chat_template_is_refused(name, folder, tmp_path):
    base = families.base(name, folder)
    plain = families.TOKENIZERS[name]()
    plain.chat_template = None
    plain.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / name / "config.json").read_bytes())
    with pytest.raises(ConversationError, match="has no chat template: name an instruction-tuned language model"):
        components.load_tokenizer(base.model_copy(update={"language_model": str(tmp_path)}))


def test_template_that_begins_answers_elsewhere_is_refused(name, folder, tmp_path):
    families.TOKENIZERS[name]().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / name / "config.json").read_bytes())
    template = tmp_path / "chat_template.jinja"
    template.write_text(template.read_text()
                        .replace("{% if add_generation_prompt %}", "{% if add_generation_prompt %}think")
                        .replace("{%- if add_generation_prompt %}", "{%- if add_generation_prompt %}think"))
    base = families.base(name, folder).model_copy(update={"language_model": str(tmp_path), "system_prompt": None})
    with pytest.raises(ConversationError, match="what is learned cannot be told from it"):
        components.load_tokenizer(base)


# === the model around it ===
@pytest.fixture(scope="module")
def profile(name, folder):
    """The family's own profile, but for sizes: LoRA of rank 256 and alpha 512 on layers of 32."""
    base = families.base(name, folder)
    return params.profile(FAMILIES[name].profile).model_copy(update={"base": base, "load_4bit": False, "lora_rank": 4})


SETUP = params.setup("PT50")


@pytest.fixture(scope="module")
def shown(profile):
    """Features of the pictures by the miniature encoder, of the last block but one."""
    vision = components.load_vision(profile.base)
    values = image_features.encode(vision, tiny.pictures(), profile.base.vision_layer, profile.base.image_size)
    return image_features.Features([image_features.StoredFeatures(values, tiny.IMAGE_IDS)])


@pytest.fixture(scope="module")
def made(tokenizer, shown):
    """The tiny samples as this family's tokens."""
    return conversation.tokenize(tokenizer, tiny.samples(), shown.tokens)


def adapter(profile, folder, seed: int = 0):
    """A folder with an adapter whose weights have moved away from where they start."""
    model = tiny.moved(llava.tune(llava.build(profile, 0)[0], profile, SETUP), 0.05, seed)
    return llava.save(model, folder), model


@torch.no_grad()
def logits(model, tokenizer, made, shown) -> torch.Tensor:
    """Logits of all samples in two packed rows."""
    return tiny.logits(llava.plain(model), batches.collate([made[:3], made[3:]], tokenizer.pad_token_id), shown)


def test_features_are_those_of_the_last_block_but_one_without_a_class_token(profile, folder):
    whole, pixels = SiglipModel.from_pretrained(folder / "vision"), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        inner = whole.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
        ours = image_features.states(components.load_vision(profile.base), pixels, profile.base.vision_layer)
    assert ours.shape == (2, 4, 16) and torch.equal(ours, inner[2]) and len(inner) == 4  # 32 // 14 = 2 patches a side


@torch.no_grad()
def test_packed_logits_are_those_of_each_alone_and_neighbours_do_not_matter(profile, tokenizer, made, shown):
    """Text-only, single and multi-image samples share rows."""
    model = llava.build(profile, 0)[0].eval()
    together, at = logits(model, tokenizer, made, shown)[0], 0
    changed = [made[0], made[5], made[2]]
    other = tiny.logits(model, batches.collate([changed], tokenizer.pad_token_id), shown)[0]
    for sample in made[:3]:
        alone = tiny.logits(model, batches.collate([[sample]], 0), shown)[0]
        assert torch.allclose(together[at:at + len(sample.ids)], alone, atol=1e-4, rtol=1e-4)
        at += len(sample.ids)
    assert torch.allclose(other[:len(made[0].ids)], together[:len(made[0].ids)], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_batches_grouped_by_length_give_the_same_logits(profile, tokenizer, made, shown):
    model = llava.build(profile, 0)[0].eval()
    for rows in batches.plan(made, 256, 2, False, seed=0):
        batch = batches.collate([[made[i] for i in row] for row in rows], tokenizer.pad_token_id)
        for r, (i,) in enumerate(rows):
            alone = tiny.logits(model, batches.collate([[made[i]]], 0), shown)[0]
            assert torch.allclose(tiny.logits(model, batch, shown)[r, :len(made[i].ids)], alone, atol=1e-4, rtol=1e-4)


def test_lora_of_the_paper_is_on_the_linear_layers_of_the_language_model_alone(profile, name):
    own = params.profile(FAMILIES[name].profile)
    model = llava.tune(llava.build(profile, 0)[0], profile.model_copy(update={"lora_rank": own.lora_rank}), SETUP)
    config = model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout, config.bias) == (256, 512, 0.05, "none")
    layers = {n.split(".lora_")[0] for n in llava.trainable(model) if ".lora_" in n}
    wanted = ("qkv_proj o_proj gate_up_proj down_proj" if name == "phi"
              else "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj")
    assert {layer.rsplit(".", 1)[1] for layer in layers} == set(wanted.split())
    assert all("model.language_model.layers." in layer for layer in layers)


def test_export_loads_as_a_plain_model_with_the_same_logits(profile, tokenizer, made, shown, tmp_path):
    """Also where the output head scales its logits, which LLaVA leaves out."""
    saved, model = adapter(profile, tmp_path / "adapter")
    before = logits(model, tokenizer, made, shown)
    export.export(profile, tokenizer, llava.load(llava.build(profile, 0)[0], saved), tmp_path / "plain")
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "plain").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "plain")
    picture = image_file.read(tiny.pictures().image[0])
    chat = [{"role": "user", "content": IMAGE + tokenizer.init_kwargs["after_images"] + "What is this?"}]
    text = processor.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    inputs = processor(images=picture, text=text, return_tensors="pt", add_special_tokens=False)
    asked = conversation.prompt(tokenizer, "What is this?", shown.tokens(["i0"]))
    assert inputs["input_ids"][0].tolist() == asked.tolist()
    one = conversation.Conversation("one", asked, np.ones(len(asked), bool), ["i0"])
    with torch.no_grad():
        ours = tiny.logits(llava.plain(model), batches.collate([[one]], 0), shown)[0]
        assert torch.allclose(loaded(**inputs).logits[0], ours, atol=1e-4, rtol=1e-4)
        assert torch.allclose(logits(loaded, tokenizer, made, shown), before, atol=1e-4, rtol=1e-4)


def test_exported_processor_reads_messages_as_harnesses_write_them(profile, tokenizer, shown, tmp_path):
    """Lists of images and texts, or texts with marks; whatever asks it adds no token that training did not show."""
    export.processor(profile, tokenizer, llava.build(profile, 0)[0].config).save_pretrained(tmp_path)
    processor, picture = AutoProcessor.from_pretrained(tmp_path), image_file.read(tiny.pictures().image[0])
    image, asked = {"type": "image", "image": picture}, "What is this?"
    marked, after = f"{IMAGE} or {IMAGE}?", tokenizer.init_kwargs["after_images"]
    for text, content in (
        (asked, [image, {"type": "text", "text": asked}]),
        (asked, [image, {"type": "text", "text": f"{after}{asked}"}]),
        (marked, [image, {"type": "text", "text": " or "}, image, {"type": "text", "text": "?"}]),
        (asked, [{"type": "text", "text": asked}]),
    ):
        pictures = [part for part in content if part["type"] == "image"]
        ours = conversation.prompt(tokenizer, text, shown.tokens(["i0"] * len(pictures))).tolist()
        chat = [{"role": "user", "content": content}]
        read = processor.apply_chat_template(chat, tokenize=True, add_generation_prompt=True, return_dict=True,
                                             return_tensors="pt")
        assert read["input_ids"][0].tolist() == ours
        written = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        read = processor(images=[picture] * len(pictures) or None, text=written, return_tensors="pt")
        assert read["input_ids"][0].tolist() == ours


def test_exported_model_that_answers_otherwise_is_refused():
    ours = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    assert export.difference(ours, ours.clone(), "float32") == 0
    assert 0 < export.difference(ours, 1.01 * ours, "bfloat16") < 0.02
    for theirs in (1.01 * ours, torch.full_like(ours, torch.nan)):
        with pytest.raises(export.ExportError,
                           match=r"logits differ from the trained one's by .* do not use that folder"):
            export.difference(ours, theirs, "float32")
    with pytest.raises(export.ExportError, match=r"reads the question as \(4, 7\) \(tokens, vocabulary\)"):
        export.difference(ours, ours[1:], "float32")


def test_model_with_tiles_is_not_exported(profile, tokenizer, tmp_path):
    with pytest.raises(export.ExportError, match="looks at tiles"):
        export.export(profile, tokenizer, llava.build(profile, 0, tiling=2)[0], tmp_path / "plain")


# === four bits ===
def test_adapter_on_four_bits_survives_an_evaluation_and_a_reload(profile, tokenizer, made, shown, tmp_path):
    """On some CPUs an evaluation rewrote the weights in place, so that what was trained no longer fitted them."""
    small = profile.model_copy(update={"load_4bit": True})
    untuned = llava.build(small, 0)[0]
    kinds = {n: type(m).__name__ for n, m in untuned.named_modules() if isinstance(m, torch.nn.Linear)}
    assert {n.split(".layers.")[0] for n, kind in kinds.items() if kind == "Linear4bit"} == {"model.language_model"}
    assert all(kind == "Linear" for n, kind in kinds.items() if ".language_model." not in n)  # tower, projector, head
    model = llava.tune(untuned, small, SETUP)
    with torch.no_grad():
        for n, p in llava.trainable(model).items():
            p.add_(0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(len(n))))
    layer = next(m for m in untuned.modules() if type(m).__name__ == "Linear4bit" and m.weight.shape[-1] == 1)
    packed = layer.weight.data.clone()
    before = logits(model.eval(), tokenizer, made, shown)
    generate.answers(llava.merged(model), tokenizer, [conversation.prompt(tokenizer, "Q?", [])], [[]], shown, [3], 1)
    assert torch.equal(layer.weight.data, packed) and torch.equal(logits(model, tokenizer, made, shown), before)
    saved = llava.save(model, tmp_path)
    again = llava.load(llava.build(small, 0)[0], saved).eval()
    assert torch.equal(logits(again, tokenizer, made, shown), before)


def test_adapter_of_another_base_model_is_refused(profile, name, folder, tmp_path):
    saved, _ = adapter(profile, tmp_path)
    other = families.base("phi" if name != "phi" else "qwen", folder)
    with pytest.raises(llava.AdapterError, match="holds an adapter of another base model than"):
        llava.load(llava.build(profile.model_copy(update={"base": other}), 0)[0], saved)


@pytest.mark.parametrize("load", [components.load_vision, components.load_tokenizer,
                                  lambda base: components.load_language_model(base, [])])
def test_model_that_cannot_be_had_says_which_licence_and_what_to_put_where(load, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    base = params.profile("paper-llama3").base.model_copy(update={"vision": "meta-llama/Meta-Llama-3-8B-Instruct"})
    with pytest.raises(hub.HubError, match=r"(?s)model meta-llama/Meta-Llama-3-8B-Instruct is not reachable"
                                           r".*hf download meta-llama/\S+ --revision .* --local-dir \S+meta-llama"):
        load(base)
