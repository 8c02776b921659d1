"""The paper's four families of language models and its encoder in miniature, on disk as the hub has them.

Tokenizers have the kind, special tokens and chat template of the real ones (from their model cards), few words; models
are random. SigLIP lies in its folder with its text half, under the names of the original checkpoint.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    CohereTokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
    SiglipConfig,
    SiglipModel,
)

from centurio_lib import params
from centurio_lib.data import prompts
from centurio_lib.languages import languages

TEXTS = [ask(code) for code in languages() for ask in (prompts.name, prompts.describe)]
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "initializer_range": 0.3, "max_position_embeddings": 512}
PHI = ("{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\n' + "
       "message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + "
       "'<|end|>\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}"
       "{% endif %}{% endfor %}"
       "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")
LLAMA = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
         "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}"
         "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
QWEN = ("{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\n' + messages[0]['content'] + "
        "'<|im_end|>\n' }}{%- else %}{{- '<|im_start|>system\n"
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}"
        "{%- endif %}{%- for message in messages %}{%- if not (message.role == 'system' and loop.first) %}"
        "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}")
AYA = ("{{ bos_token }}{% for message in messages %}{% set content = message['content'] %}"
       "{% if message['role'] == 'user' %}"
       "{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}"
       "{% elif message['role'] == 'assistant' %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'  + content.strip() + "
       "'<|END_OF_TURN_TOKEN|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}"
       "{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}")


class Family(NamedTuple):
    """A family: its model type and what that needs besides SIZES, its profile, how it writes questions and answers."""

    kind: str
    profile: str
    asked: str  # the text before the first answer, for an image and the question "Q?"
    end: str  # of an answer
    more: dict = {}


FAMILIES = {
    "phi": Family("phi3", "paper", "<|system|>\nYou are a helpful AI assistant.<|end|>\n<|user|>\n<image>\nQ?<|end|>\n"
                  "<|assistant|>\n", "<|end|>", {"original_max_position_embeddings": 512}),
    "llama": Family("llama", "paper-llama3",
                    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
                    "You are a helpful AI assistant.<|eot_id|>"
                    "<|start_header_id|>user<|end_header_id|>\n\n<image>\nQ?<|eot_id|>"
                    "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    "qwen": Family("qwen2", "paper-qwen", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                   "<|im_start|>user\n<image>\nQ?<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"),
    "aya": Family("cohere", "paper-aya", "<BOS_TOKEN>"
                  "<|START_OF_TURN_TOKEN|><|USER_TOKEN|><image>Q?<|END_OF_TURN_TOKEN|>"
                  "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>", {"logit_scale": 0.125}),
}


def special(*texts: str, rstrip: bool = False) -> list[AddedToken]:
    """Special tokens, of which Phi's swallow the white space after them."""
    return [AddedToken(text, special=True, normalized=False, rstrip=rstrip) for text in texts]


def learned(pre_tokenizer, first: list[str]) -> tuple[dict, list]:
    """Vocabulary and merges of a BPE learned on prompts in 100 languages, some tokens first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet() if first[:1] != ["<unk>"] else []
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=700, special_tokens=first, show_progress=False,
                                                             initial_alphabet=alphabet))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def phi_tokenizer() -> LlamaTokenizer:
    """SentencePiece's BPE with bytes for what it does not know, its special tokens with rstrip."""
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocabulary, merges = learned(pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never", split=False), known)
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges, eos_token="<|endoftext|>", pad_token="<|endoftext|>",
                               add_prefix_space=False, chat_template=PHI)
    tokenizer.add_tokens(special("<|endoftext|>")
                         + special("<|assistant|>", "<|system|>", "<|end|>", "<|user|>", rstrip=True))
    return tokenizer


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE whose tokenizer.json says all, with no padding token."""
    pieces = Regex(r"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+")
    words = pre_tokenizers.Sequence([pre_tokenizers.Split(pieces, "isolated"),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    vocabulary, merges = learned(words, [])
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    backend.pre_tokenizer, backend.decoder = words, decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>",
                                        chat_template=LLAMA)
    tokenizer.add_tokens(special("<|start_header_id|>", "<|end_header_id|>"))
    return tokenizer


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Byte-level BPE with NFC and Qwen's own words, ended by <|im_end|>."""
    vocabulary, merges = learned(Qwen2Tokenizer().backend_tokenizer.pre_tokenizer, [])
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=merges, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                               chat_template=QWEN)
    tokenizer.add_tokens(special("<|im_start|>", "<|im_end|>"))
    return tokenizer


def aya_tokenizer() -> CohereTokenizer:
    """Byte-level BPE with NFC and single digits."""
    vocabulary, merges = learned(CohereTokenizer().backend_tokenizer.pre_tokenizer, ["<PAD>", "<UNK>", "<BOS_TOKEN>"])
    tokenizer = CohereTokenizer(vocab=vocabulary, merges=merges, chat_template=AYA)
    tokenizer.add_tokens(special("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>",
                                 "<|CHATBOT_TOKEN|>"))
    return tokenizer


TOKENIZERS = {"phi": phi_tokenizer, "llama": llama_tokenizer, "qwen": qwen_tokenizer, "aya": aya_tokenizer}


def write_language_model(name: str, folder: Path) -> Path:
    """A random language model of a family and its tokenizer, in a folder."""
    family, tokenizer = FAMILIES[name], TOKENIZERS[name]()
    torch.manual_seed(0)
    ids = {"pad_token_id": None, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = AutoConfig.for_model(family.kind, **(SIZES | ids | {"vocab_size": len(tokenizer)} | family.more))
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_vision(folder: Path, side: int = 32, patch: int = 14) -> Path:
    """A random SigLIP of both halves, in a folder; `side` is no multiple of `patch`, as 384 is none of 14."""
    torch.manual_seed(0)
    layers = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    SiglipModel(SiglipConfig(text_config=layers | ids | {"vocab_size": 50, "projection_size": 16},
                             vision_config=layers | {"image_size": side, "patch_size": patch})).save_pretrained(folder)
    return folder


def base(name: str, folder: Path) -> params.Base:
    """The base of a family's profile, with the miniatures in place of the models of the hub; they are written once."""
    where = {"vision": folder / "vision", "language_model": folder / name}
    if not where["vision"].exists():
        write_vision(where["vision"])
    if not where["language_model"].exists():
        write_language_model(name, where["language_model"])
    own = params.profile(FAMILIES[name].profile).base
    return own.model_copy(update={key: str(path) for key, path in where.items()} | {
        "vision_revision": None, "language_model_revision": None, "image_size": 32, "dtype": "float32"})
