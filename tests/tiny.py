"""Tiny models and made-up data that several test files share: all made in code, within a second or two.

The models are of the study's own architectures with random weights, large enough that their logits differ clearly.
Every made-up word stands for exactly one (concept, language) pair, so that a text tells which pairs it names.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from transformers import Phi3Config, Phi3ForCausalLM, SiglipVisionConfig, SiglipVisionModel

from centurio_lib import image_file, params
from centurio_lib.base_models import own_decoder
from centurio_lib.data import artwork, prompts, splits
from centurio_lib.languages import languages
from centurio_lib.model import batches, conversation, forward, llava
from centurio_lib.model import image_features as features

PIXELS, PATCH, TEXT_PIXELS = 32, 16, 48
IMAGE_IDS = [f"i{n}" for n in range(8)]
TEXT_IDS = [f"t{n}" for n in range(4)]  # images of text, which are larger
PROFILE = params.profile("smoke").model_copy(update={"tuning": "lora", "lora_rank": 4, "load_4bit": False})
SETUP = params.setup("T5").model_copy(update={"tuning": None, "lora_rank": None})

STYLES = {"held": "openmoji", "one": "noto", "two": "twemoji"}
DATA = PROFILE.data.model_copy(update={"variants": 2, "test_variants": 2, "held_out_style": STYLES["held"],
                                       "held_out_pairs": 0.25, "seed": 0})


# === models ===
@cache
def tokenizer():
    """The study's own kind of tokenizer, learned on a few prompts."""
    texts = [prompts.name(code) for code in languages()] + [prompts.describe(code) for code in languages()]
    return own_decoder.train_tokenizer([*texts, " Hund 狗 собака สุนัข কুকুর"], 420)


def language_model(seed: int = 0, tied: bool = False) -> Phi3ForCausalLM:
    """A Phi-3 decoder of two layers whose weights are large enough for clear preferences."""
    torch.manual_seed(seed)
    known = tokenizer()
    return Phi3ForCausalLM(Phi3Config(
        vocab_size=len(known), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, original_max_position_embeddings=512,
        initializer_range=0.3, tie_word_embeddings=tied, pad_token_id=known.pad_token_id,
        bos_token_id=known.bos_token_id, eos_token_id=known.eos_token_id))


def vision(seed: int = 0) -> SiglipVisionModel:
    """A SigLIP tower of three layers and four tokens an image."""
    torch.manual_seed(seed)
    return SiglipVisionModel(SiglipVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, image_size=PIXELS,
        patch_size=PATCH, vision_use_head=False)).eval()


def model(seed: int = 0, layer: int = -1, tied: bool = False):
    """An untuned LLaVA."""
    return llava.assemble(vision(), language_model(seed, tied), tokenizer(), layer, seed).eval()


def pictures(seed: int = 0, side: int = PIXELS, image_ids: list[str] = IMAGE_IDS) -> pd.DataFrame:
    """Pictures of random pixels: columns image_id, image."""
    random = np.random.default_rng(seed)
    made = [Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in image_ids]
    return pd.DataFrame({"image_id": image_ids, "image": [artwork.to_bytes(image) for image in made]})


def text_pictures() -> pd.DataFrame:
    """Larger pictures of random pixels, one of them not square."""
    made = pictures(1, TEXT_PIXELS, TEXT_IDS)
    narrow = image_file.read(made.image[2]).crop((0, 0, TEXT_PIXELS // 2, TEXT_PIXELS))
    made.at[2, "image"] = artwork.to_bytes(narrow)
    return made


def features_of(folder: Path, layer: int = -1) -> features.Features:
    """Features of the pictures and of the larger ones, which have more tokens."""
    return features.Features([features.cached(folder, vision(), pictures(), layer, PIXELS),
                              features.cached(folder, vision(), text_pictures(), layer, TEXT_PIXELS)])


def live_features(llava_model, layer: int = -1) -> features.Features:
    """The same, by the model's own encoder each time."""
    return features.Features([features.Live(llava_model, pictures(), layer, PIXELS),
                              features.Live(llava_model, text_pictures(), layer, TEXT_PIXELS)])


def turns(*texts: str) -> list[dict]:
    """A conversation: question, answer, question, answer..."""
    return [{"role": ("user", "assistant")[i % 2], "text": text} for i, text in enumerate(texts)]


def samples(copies: int = 1) -> list[tuple[str, list[str], list[dict]]]:
    """Conversations of very different lengths about no, one, two and five images."""
    kinds = [([0], turns("What is this?", "dog", "What is this, in German?", "Hund")), ([1, 2], turns("Both?", "true")),
             ([3], turns("Describe the image.", "a very long answer about a dog: animal, pet, puppy, friend")),
             ([4, 5, 6, 7, 0], turns("Which one differs?", "C")), ([], turns("Hello?", "Hello, how are you?")),
             ([5], turns("Which country has this flag? Answer in Thai.", "ประเทศไทย"))]
    return [(f"s{copy}-{n}", [IMAGE_IDS[(i + copy) % 8] for i in shown], said)
            for copy in range(copies) for n, (shown, said) in enumerate(kinds)]


def text_samples(copies: int = 1) -> list[tuple[str, list[str], list[dict]]]:
    """Conversations about larger images, one of them beside a smaller one."""
    kinds = [(["t0"], turns("Read the text in the image.", "Hund")),
             (["t1", "i2"], turns("Both?", "true", "What?", "สุนัข")),
             (["t2"], turns("What is the label of the biggest bar?", "dog")),
             (["i1", "t3"], turns("Which?", "C"))]
    return [(f"t{copy}-{n}", shown, said) for copy in range(copies) for n, (shown, said) in enumerate(kinds)]


def conversations(tokens_of: Callable[[list[str]], list[int]], copies: int = 1, text: bool = False,
                  spelled: bool = False) -> list[conversation.Conversation]:
    """The samples as tokens, those about images of text besides where asked for."""
    chosen = samples(copies) + (text_samples(copies) if text else [])
    return conversation.tokenize(tokenizer(), chosen, tokens_of, [spelled] * len(chosen))


def logits(llava_model, batch, image_features) -> torch.Tensor:
    """Logits (rows, tokens, vocabulary) of a batch by the study's own forward pass."""
    shown = image_features[batch.images] if batch.images else None
    return llava_model.lm_head(forward.hidden_states(llava_model, batch, shown))


def packed_and_alone(tuned, rows: list[list], shown) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """For each packed conversation: its id, its logits in the row (tokens, vocabulary), and its logits alone."""
    pad = tokenizer().pad_token_id
    together = logits(tuned, batches.collate(rows, pad), shown)
    for row, packed in zip(rows, together, strict=True):
        starts = np.cumsum([0, *(len(sample.ids) for sample in row)])
        for sample, start in zip(row, starts, strict=False):
            alone = logits(tuned, batches.collate([[sample]], pad), shown)[0]
            yield sample.sample_id, packed[start:start + len(sample.ids)], alone


def moved(tuned, by: float, seed: int = 0):
    """A model set to be tuned, its trained weights moved away from where they start by noise of some deviation."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in llava.trainable(tuned).values():
            p.add_(by * torch.randn_like(p))
    return tuned.eval()


# === words and images of a study ===
@cache
def texts(n_emoji: int = 24, n_flags: int = 10) -> pd.DataFrame:
    """A `texts` table in all 100 languages: every name and keyword is a word of its own, see `named`."""
    concepts = [(f"e{i:02}", "emoji", f"group{i % 3}") for i in range(n_emoji)]
    concepts += [(f"F{i:02}", "flag", "Flags") for i in range(n_flags)]
    rows = [(concept, kind, group, code) for concept, kind, group in concepts for code in languages()]
    frame = pd.DataFrame(rows, columns=["concept", "kind", "group", "language"])
    keywords = [[f"k{i:05}{letter}" for letter in "abc" if kind == "emoji"] for i, kind in enumerate(frame.kind)]
    return frame.assign(name=[f"w{i:05}n" for i in range(len(frame))], keywords=keywords)


@cache
def pairs() -> list[tuple[str, str]]:
    """The (concept, language) pair that each made-up word stands for, by its number."""
    return list(zip(texts().concept, texts().language, strict=True))


def named(text: str) -> set[tuple[str, str]]:
    """The (concept, language) pairs whose name or keyword a text holds."""
    return {pairs()[int(number)] for number in re.findall(r"[wk](\d{5})[nabc]", text)}


@cache
def images() -> pd.DataFrame:
    """An `images` table of every concept in three styles, without bytes."""
    rows = [(f"{kind}/{concept}/{style}/{variant}", concept, kind, style, variant, split)
            for concept, kind in texts()[["concept", "kind"]].drop_duplicates().itertuples(index=False)
            for style in STYLES.values() for variant in range(DATA.variants + DATA.test_variants)
            if (split := splits.image_split(style, variant, DATA))]
    return pd.DataFrame(rows, columns=["image_id", "concept", "kind", "style", "variant", "split"]).assign(image=b"")
