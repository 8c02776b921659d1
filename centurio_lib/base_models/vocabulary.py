"""Trim a language model's vocabulary to the tokens of some texts, whose tokenization stays the same.

The trimmed vocabulary holds the tokens of the texts, every piece that these can be merged from, single bytes (for any
other text), and special tokens. A merge stays if its result and both its pieces stay. Each symbol that byte-pair
encoding makes of a text is a piece of one of its tokens, so no merge of these texts is lost, and none is added. Tokens
keep their order; embeddings are gathered. Probabilities are then over fewer tokens: trim once, before every run.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from centurio_lib import storage
from centurio_lib.data.prompts import IMAGE

BYTE = re.compile(r"<0x[0-9A-F]{2}>")
LAST_OF_BYTES = "\u0143"  # last of the characters that stand for bytes in byte-level encodings; ASCII is among them
BATCH = 1000  # texts tokenized at a time
TOKENIZER = "tokenizer.json"
EMBEDDINGS = "model.embed_tokens.weight"


class VocabularyError(ValueError):
    """A vocabulary cannot be trimmed, or a text would get other tokens; the message names it."""


def needed(tokenizer, texts: Iterable[str]) -> set[str]:
    """Every token of some texts."""
    rows, used = list(texts), set()
    for first in range(0, len(rows), BATCH):
        for ids in tokenizer(rows[first : first + BATCH], add_special_tokens=False)["input_ids"]:
            used.update(ids)
    return set(tokenizer.convert_ids_to_tokens(sorted(used)))


def closed(tokens: Iterable[str], merges: list[list[str]]) -> set[str]:
    """Tokens and every piece that they can be merged from, down to single characters."""
    made_of: dict[str, list[list[str]]] = {}
    for pair in merges:
        made_of.setdefault("".join(pair), []).append(pair)
    found, todo = set(), list(tokens)
    while todo:
        token = todo.pop()
        if token not in found:
            found.add(token)
            todo += [piece for pair in made_of.get(token, []) for piece in pair]
    return found


def trimmed(stated: dict, wanted: set[str]) -> tuple[dict, list[int]]:
    """Trim the content of a `tokenizer.json` to the wanted tokens, and give the old id of each token.

    Raises VocabularyError for a tokenizer that is no byte-pair encoding.
    """
    model, added = stated["model"], stated["added_tokens"]
    if model["type"] != "BPE":
        raise VocabularyError(f"a {model['type']} tokenizer cannot be trimmed: choose the backbone with its whole "
                              "vocabulary")
    known = model["vocab"] | {token["content"]: token["id"] for token in added}
    single = {token for token in known if BYTE.fullmatch(token) or (len(token) == 1 and token <= LAST_OF_BYTES)}
    kept = closed((wanted | single) & set(known), model["merges"])
    old = sorted(known[token] for token in kept)
    new = {before: after for after, before in enumerate(old)}
    vocabulary = {token: new[i] for token, i in model["vocab"].items() if i in new}
    pairs = [pair for pair in model["merges"] if "".join(pair) in kept and kept.issuperset(pair)]
    small = {"model": model | {"vocab": vocabulary, "merges": pairs},
             "added_tokens": [token | {"id": new[token["id"]]} for token in added if token["id"] in new],
             "post_processor": _renumbered(stated["post_processor"], new)}
    return stated | small, old


def trim(tokenizer, source: Path, folder: Path, texts: list[str]) -> int:
    """Write a model with a vocabulary trimmed to some texts and special tokens. Returns the number of tokens.

    `source` holds `model.safetensors`, `config.json` and the tokenizer; the caller copies the other files of the
    tokenizer. Raises VocabularyError for embeddings that are not tied.
    """
    config = storage.read_json(source / "config.json")
    weights = load_file(source / "model.safetensors")
    if "lm_head.weight" in weights:
        raise VocabularyError(f"{source} has an output head of its own: only models with tied embeddings are trimmed")
    stated = storage.read_json(source / TOKENIZER)
    wanted = needed(tokenizer, texts) | spelled_out(tokenizer)
    small, old = trimmed(stated, wanted)
    rows = {EMBEDDINGS: weights[EMBEDDINGS][torch.tensor(old)]}  # (tokens, d_lm)
    ids = {key: old.index(config[key]) for key in ("bos_token_id", "eos_token_id", "pad_token_id")
           if config.get(key) is not None}
    write(folder / TOKENIZER, small)
    storage.write_json(folder / "config.json", config | ids | {"vocab_size": len(old)})
    with storage.atomic(folder / "model.safetensors") as temporary:
        save_file(weights | rows, temporary, {"format": "pt"})
    return len(old)


def write(path: Path, stated: dict) -> Path:
    """Write a `tokenizer.json` in one line, since one line for each entry would triple its size."""
    with storage.atomic(path) as temporary:
        temporary.write_text(json.dumps(stated, ensure_ascii=False), encoding="utf-8")
    return path


def spelled_out(tokenizer) -> set[str]:
    """Special tokens: of the tokenizer's settings, of its chat template, and the image placeholder."""
    named = {str(token) for token in tokenizer.special_tokens_map.values() if isinstance(token, str)}
    template = tokenizer.chat_template or ""
    return (
        named
        | {IMAGE}
        | {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special and str(t) in template}
    )


def check(before, after, texts: list[str]) -> int:
    """Compare two tokenizers on texts and return their number. Raises VocabularyError naming a text that differs."""
    known = after.get_vocab()
    new = {i: known.get(token) for token, i in before.get_vocab().items()}
    for first in range(0, len(texts), BATCH):
        mine = texts[first : first + BATCH]
        cut = [tokenizer(mine, add_special_tokens=False)["input_ids"] for tokenizer in (before, after)]
        for text, ids, small in zip(mine, *cut, strict=True):
            if [new[i] for i in ids] != small:
                raise VocabularyError(f"{text[:80]!r} is cut otherwise by the trimmed vocabulary")
    return len(texts)


def _renumbered(processor: dict | None, new: dict[int, int]) -> dict | None:
    """Renumber the special tokens of a post-processor."""
    if not processor or "special_tokens" not in processor:
        return processor
    named = processor["special_tokens"].items()
    return processor | {"special_tokens": {name: token | {"ids": [new[i] for i in token["ids"]]}
                                           for name, token in named}}
