"""A tiny NLLB on disk: an M2M100 checkpoint with random weights and a SentencePiece tokenizer learned on a
few sentences.
"""

import json
from pathlib import Path

import sentencepiece
import torch
from transformers import AutoTokenizer, M2M100Config, M2M100ForConditionalGeneration

from centurio_lib.languages import languages

WORDS = "the cat dog house sees a red blue boat and runs under over many small trees near old river with three".split()


def lines(n: int = 400) -> list[str]:
    """Made-up English sentences, all different."""
    n_words = len(WORDS)
    picked = [[WORDS[k % n_words] for k in (i, i // 3, i // 7, i * 5)] for i in range(n)]
    return [f"The {a} {b} {c} of {d}, number {i}." for i, (a, b, c, d) in enumerate(picked)]


def tokenizer(folder: Path, vocabulary: int = 200):
    """Learn a SentencePiece BPE model and save it as NLLB's tokenizer is saved. Returns the tokenizer as it
    loads.
    """
    text = folder / "text.txt"
    text.write_text("\n".join(lines()), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=vocabulary,
        model_type="bpe",
        character_coverage=1.0,
        minloglevel=2,
    )
    codes = sorted({lang.nllb for lang in languages().values() if lang.nllb})
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "NllbTokenizer", "additional_special_tokens": codes, "src_lang": "eng_Latn"}
        )
    )
    (folder / "sentencepiece.bpe.vocab").unlink()
    text.unlink()
    loaded = AutoTokenizer.from_pretrained(folder)
    loaded.save_pretrained(folder)
    return loaded


def checkpoint(folder: Path, **size) -> Path:
    """A whole checkpoint in a folder; `size` overrides fields of its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    known = tokenizer(folder)
    torch.manual_seed(0)
    config = M2M100Config(
        **(
            {
                "vocab_size": len(known),
                "d_model": 32,
                "encoder_layers": 2,
                "decoder_layers": 2,
                "encoder_attention_heads": 2,
                "decoder_attention_heads": 2,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "max_position_embeddings": 256,
                "activation_function": "relu",
                "scale_embedding": True,
                "init_std": 0.3,
                "decoder_start_token_id": 2,
                "tie_word_embeddings": False,
            }
            | size
        )
    )
    config.tokenizer_class = "NllbTokenizer"
    M2M100ForConditionalGeneration(config).eval().save_pretrained(folder)
    return folder
