"""Gemma 3 in miniature as the package index has it: a GGUF file in two parts, each in a wheel, and its
terms in a third.

The model is random, of Gemma 3's architecture (a window in five layers, full attention in the sixth); its
tokenizer is of the real one's kind (SentencePiece's BPE with bytes, spaces as "▁", unused tokens), learned
on prompts in 100 languages.
"""

import hashlib
import zipfile
from pathlib import Path

import gguf
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from centurio_lib import paths
from centurio_lib.base_models import language_models
from centurio_lib.base_models.language_models import Backbone, Part
from centurio_lib.data import prompts
from centurio_lib.languages import languages

TEXTS = [
    *(ask(code) for code in languages() for ask in (prompts.name, prompts.describe)),
    " Hund, 狗 собака: สุนัข কুকুর user\nmodel\n",
]
UNUSED = [f"<unused{n}>" for n in range(3)]
CONTROL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *UNUSED, "<start_of_turn>", "<end_of_turn>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LAYERS = 6
SIZE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "sliding_window": 6,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
}
METADATA = "Metadata-Version: 2.1\nName: tiny-{}\nVersion: 1.0.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
TERMS = b"<html>terms</html>"


def tokens() -> list[str]:
    """The vocabulary: control tokens, bytes, then pieces in the order of their merges, as Gemma has them."""
    learned = Tokenizer(models.BPE())
    learned.normalizer = normalizers.Replace(" ", "▁")
    learned.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    learned.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=600, show_progress=False))
    pieces = sorted(learned.get_vocab().items(), key=lambda item: item[1])
    return [*CONTROL, *BYTES, *(piece for piece, _ in pieces)]


def model(size: int) -> Gemma3ForCausalLM:
    """A random Gemma 3."""
    torch.manual_seed(0)
    return Gemma3ForCausalLM(
        Gemma3TextConfig(vocab_size=size, pad_token_id=0, eos_token_id=1, bos_token_id=2, **SIZE)
    )


def write_gguf(path: Path) -> Gemma3ForCausalLM:
    """A GGUF file of the model, unquantised, norms as llama.cpp writes them. Returns the model."""
    known = tokens()
    made, file = model(len(known)), gguf.GGUFWriter(path, "gemma3")
    c = made.config
    for add, value in (
        (file.add_context_length, 512),
        (file.add_embedding_length, c.hidden_size),
        (file.add_block_count, LAYERS),
        (file.add_feed_forward_length, c.intermediate_size),
        (file.add_head_count, c.num_attention_heads),
        (file.add_head_count_kv, c.num_key_value_heads),
        (file.add_key_length, c.head_dim),
        (file.add_value_length, c.head_dim),
        (file.add_layer_norm_rms_eps, c.rms_norm_eps),
        (file.add_sliding_window, c.sliding_window),
        (file.add_rope_freq_base, 1e6),
        (file.add_tokenizer_model, "llama"),
        (file.add_token_list, known),
        (file.add_token_scores, [-1000.0 * (i > 9) for i in range(len(known))]),
        (file.add_token_types, [3 if t in CONTROL else 6 if t in BYTES else 1 for t in known]),
        (file.add_bos_token_id, 2),
        (file.add_eos_token_id, 1),
        (file.add_unk_token_id, 3),
        (file.add_pad_token_id, 0),
        (file.add_add_bos_token, True),
    ):
        add(value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, LAYERS)
    for name, tensor in made.state_dict().items():
        if name != "lm_head.weight":
            shift = 1 if "norm" in name else 0  # llama.cpp adds what Gemma's norms add themselves
            file.add_tensor(
                names.get_name(name.removesuffix(".weight")) + ".weight", (tensor + shift).numpy()
            )
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return made


def wheels(
    content: bytes, folder: Path, licence: language_models.Licence, trimmed: bool, name: str = "gemma-tiny"
) -> Backbone:
    """Wheels of a file in two parts and of its terms, in a folder. Returns their row of the catalogue."""
    folder.mkdir(parents=True, exist_ok=True)
    half, parts = len(content) // 2, []
    held = {
        "terms": ("terms", "tiny/TERMS.html", TERMS),
        "one": ("weights", "tiny/part00", content[:half]),
        "two": ("weights", "tiny/part01", content[half:]),
    }
    for package, (holds, member, inside) in held.items():
        part = Part(f"tiny-{package}", "1.0.0", "", holds, member)
        about = f"tiny_{package}-1.0.0.dist-info"
        with zipfile.ZipFile(folder / part.wheel_name, "w") as archive:
            for name_inside, text in (
                (member, inside),
                (f"{about}/METADATA", METADATA.format(package)),
                (f"{about}/WHEEL", WHEEL),
                (f"{about}/RECORD", ""),
            ):
                archive.writestr(zipfile.ZipInfo(name_inside), text)  # of one date, so of one sha256
        parts.append(
            part._replace(wheel=hashlib.sha256((folder / part.wheel_name).read_bytes()).hexdigest())
        )
    real = language_models.backbones()["gemma3-270m"]
    return Backbone(
        name,
        "A tiny Gemma",
        licence,
        hashlib.sha256(content).hexdigest(),
        real.template,
        UNUSED[0],
        trimmed,
        parts,
    )


def install(monkeypatch, folder: Path) -> dict[str, Backbone]:
    """Make the miniature two models of the catalogue, whole and trimmed; packages and cache lie in a
    folder.
    """
    monkeypatch.setattr(paths, "PACKAGES", folder / "packages")
    monkeypatch.setattr(paths, "DATASETS", folder / "cache")
    write_gguf(folder / "tiny.gguf")
    content, licence = (folder / "tiny.gguf").read_bytes(), language_models.backbones()["gemma3-270m"].licence
    known = {
        name: wheels(content, paths.PACKAGES, licence, trimmed, name)
        for name, trimmed in (("gemma-tiny", False), ("gemma-tiny-trimmed", True))
    }
    monkeypatch.setattr(language_models, "backbones", lambda: known)
    return known
