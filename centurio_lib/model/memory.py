"""GPU memory of a training stage, computed from the shapes of its base models before it starts.

Bytes a weight: NF4 0.5 and its scales (one byte for 64 weights, four for 256 scales); other frozen weights by the
profile's dtype; trained weights 16 (weight, gradient and Adam's two moments in float32). Activations with
checkpointing: each layer's input, and the inputs of the backward pass of one layer and of the output head.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib import paths, storage
from centurio_lib.params import Profile, Setup, Stage
from centurio_lib.params.validation import Strict, load, validated

MODELS = paths.PARAMS / "models.yaml"
GIB = 2**30
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)  # bytes a weight
TRAINED = 16  # bytes a weight
CONTEXT = 0.75 * GIB  # CUDA, its libraries and their workspaces
SLACK = 1.05  # factor for memory that the allocator holds and cannot use
LABELS = 0.25  # share of labels among a row's tokens: an image is 729 of about a thousand
LOGIT = 16  # bytes a label and entry of the vocabulary: logits in half and full precision, their softmax and gradient
NORMS = {"cohere": 1, "gemma3_text": 4}  # of a layer, by model type, where they are not two
# bytes a token and channel of one encoder layer (Korthikanti et al. 2022: 34; norms in float32 besides)
ENCODER_SAVED = 42


class MemoryShortage(RuntimeError):
    """A training stage needs more memory than its GPU has; the message names a change that fits."""


class LanguageModel(Strict):
    """Shape of a decoder."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int  # rows of the embeddings
    tokens: int  # of the tokenizer
    tied: bool
    fused: bool = False
    bias: bool = False
    norms: int = 2  # of a layer
    head: int | None = None  # width of an attention head; None: the heads share the hidden width
    head_norms: bool = False  # whether queries and keys are normed

    @property
    def head_width(self) -> int:
        """Width of an attention head."""
        return self.head or self.hidden // self.heads

    @property
    def linear(self) -> list[tuple[int, int]]:
        """Input and output width of each linear layer of one block."""
        d, q, kv = self.hidden, self.heads * self.head_width, self.kv_heads * self.head_width
        joined = [(d, q + 2 * kv), (q, d), (d, 2 * self.intermediate), (self.intermediate, d)]
        apart = [(d, q), (d, kv), (d, kv), (q, d), (d, self.intermediate), (d, self.intermediate),
                 (self.intermediate, d)]
        return joined if self.fused else apart

    @property
    def rows(self) -> int:
        """Rows of the embeddings, with the image placeholder."""
        return self.vocabulary if self.tokens < self.vocabulary else -(-(self.tokens + 1) // 64) * 64

    @property
    def quantised(self) -> int:
        """Weights of all linear layers but the head."""
        return self.layers * sum(n * m for n, m in self.linear)

    @property
    def other(self) -> int:
        """Weights of embeddings, output head and norms."""
        kv = self.kv_heads * self.head_width
        each = self.norms * self.hidden + (self.hidden + 2 * kv) * self.bias + 2 * self.head_width * self.head_norms
        small = self.layers * each + self.hidden
        return self.rows * self.hidden * (1 if self.tied else 2) + small

    def lora(self, rank: int) -> int:
        """Weights of adapters of a rank on every linear layer."""
        return self.layers * sum(rank * (n + m) for n, m in self.linear)


class Vision(Strict):
    """Shape of a SigLIP tower without its pooling head."""

    hidden: int
    layers: int
    intermediate: int
    patch: int
    side: int

    @property
    def tokens(self) -> int:
        """Tokens of one image."""
        return (self.side // self.patch) ** 2

    @property
    def weights(self) -> int:
        """Number of parameters."""
        d, inner = self.hidden, self.intermediate
        block = 4 * (d * d + d) + d * inner + inner + inner * d + d + 4 * d
        return self.layers * block + (3 * self.patch**2 + 1) * d + self.tokens * d + 2 * d


class Need(NamedTuple):
    """Load of a training stage: rows of a micro batch, tokens of a row, and the trained parts."""

    micro_batch_size: int
    max_seq_len: int
    rank: int | None  # of LoRA; None: all weights are trained
    load_4bit: bool
    gradient_checkpointing: bool
    tune_encoder: bool
    tiling: int = 1
    half: bool = True


def shapes(language_model: str, vision: str) -> tuple[LanguageModel, Vision]:
    """Shapes of base models, from config.json of local folders, or from params/models.yaml for the hub.

    Raises MemoryShortage for a model in neither place.
    """
    known = _stated(MODELS)
    own, tower = _config(language_model), _config(vision)
    for kind, name, found in (("language_models", language_model, own), ("vision", vision, tower)):
        if not found and name not in known[kind]:
            raise MemoryShortage(f"the shape of {name} is not known, so that its memory cannot be told: state it in "
                                 f"{MODELS}")
    return (_language_model(own) if own
            else validated(LanguageModel, known["language_models"][language_model], str(MODELS)),
            _vision(tower) if tower else validated(Vision, known["vision"][vision], str(MODELS)))


@cache
def _stated(path: Path) -> dict:
    """Content of a file of shapes, read once a process."""
    return load(path)


def _config(name: str) -> dict:
    """Content of config.json of a local folder; {} without the file."""
    folder = paths.model(name)
    return storage.read_json(folder / "config.json") if folder else {}


def _language_model(c: dict) -> LanguageModel:
    kind, heads = c["model_type"], c["num_attention_heads"]
    return LanguageModel(hidden=c["hidden_size"], layers=c["num_hidden_layers"], heads=heads,
                         kv_heads=c.get("num_key_value_heads") or heads, intermediate=c["intermediate_size"],
                         vocabulary=c["vocab_size"], tokens=c["vocab_size"], tied=bool(c.get("tie_word_embeddings")),
                         fused=kind == "phi3", bias=kind == "qwen2", norms=NORMS.get(kind, 2), head=c.get("head_dim"),
                         head_norms=kind == "gemma3_text")


def _vision(c: dict) -> Vision:
    c = c.get("vision_config", c)
    return Vision(hidden=c["hidden_size"], layers=c["num_hidden_layers"], intermediate=c["intermediate_size"],
                  patch=c["patch_size"], side=c["image_size"])


def parts(lm: LanguageModel, vision: Vision, need: Need) -> dict[str, float]:
    """Bytes of each part of a stage at its peak."""
    tokens, frozen = need.micro_batch_size * need.max_seq_len, 2 if need.half else 4
    lora = lm.lora(need.rank) if need.rank else 0
    views, wide = (1, 1) if need.tiling == 1 else (1 + need.tiling**2, 2)  # of an image, and how often its width
    images = max(1, tokens // vision.tokens) * views  # at most: rows full of images, with hardly a word between them
    projector = vision.hidden * wide * lm.hidden + lm.hidden**2 + 2 * lm.hidden
    whole = projector + (vision.weights if need.tune_encoder else 0)  # trained, and kept as it was besides
    labels = int(LABELS * tokens)
    found = {
        "language model, linear layers": lm.quantised * (NF4 if need.load_4bit else frozen) if need.rank
        else lm.quantised * TRAINED,
        "embeddings and head": lm.other * (frozen if need.rank else TRAINED),
        "image encoder": 0 if need.tune_encoder else vision.weights * frozen,
        "LoRA, its gradients and moments": lora * TRAINED,
        "projector and tuned encoder": whole * (4 + TRAINED),
        "LoRA in half precision": lora * 2 if need.half else 0,  # autocast stores a copy during a step
        "inputs of all layers": lm.layers * tokens * lm.hidden * frozen if need.gradient_checkpointing else 0,
        "activations": layer(lm, tokens, need) * (1 if need.gradient_checkpointing else lm.layers),
        "working copies": copies(lm, tokens, need),
        "output head": labels * lm.rows * LOGIT,
        "images": images * vision.tokens * vision.hidden * vision.layers * (ENCODER_SAVED if need.tune_encoder else 2),
        "mask": 3 * need.micro_batch_size * need.max_seq_len**2,
    }
    return found | {"context": CONTEXT, "slack": (SLACK - 1) * sum(found.values())}


def layer(lm: LanguageModel, tokens: int, need: Need) -> int:
    """Bytes that autograd stores for one decoder layer.

    Autograd stores the input and dropout mask of each adapter; queries, keys, values and the output of attention; the
    products of the gate; and norms in float32. Frozen weights add nothing.
    """
    half, head = (2 if need.half else 4), lm.head_width
    inputs = sum(n * half for n, _ in lm.linear)
    if need.rank:
        inputs += sum(n + need.rank * half for n, _ in lm.linear)
    attention = (2 * lm.heads + 2 * lm.kv_heads) * head * 2 * half
    return tokens * (inputs + attention + 2 * lm.hidden * 8 + 4 * lm.intermediate * half)


def copies(lm: LanguageModel, tokens: int, need: Need) -> int:
    """Temporary bytes of a layer: its widest weight unpacked, and gradients of its widest activations."""
    return (2 * max(n * m for n, m in lm.linear) if need.load_4bit else 0) + tokens * 2 * lm.intermediate * 4


def needed(profile: Profile, setup: Setup, stage: Stage) -> Need:
    """Load of a stage of a setup."""
    tuning, rank = setup.tuning or profile.tuning, setup.lora_rank or profile.lora_rank
    rank = {"lora": rank, "projector": 1, "full": None}[tuning]
    return Need(stage.micro_batch_size, stage.max_seq_len, rank, profile.load_4bit, profile.gradient_checkpointing,
                setup.tune_encoder, setup.tiling, profile.base.dtype != "float32")


def table(language_models: list[str], vision: str, need: Need) -> pd.DataFrame:
    """GiB of each part (rows) for some language models (columns), and in all."""
    made = {name: parts(*shapes(name, vision), need) for name in language_models}
    frame = pd.DataFrame(made) / GIB
    return pd.concat([frame, frame.sum().to_frame("in all").T])


def check(profile: Profile, setup: Setup, stage: Stage, gib: float) -> float:
    """GiB of a stage. Raises MemoryShortage above `gib`; the message names a change that fits."""
    lm, vision = shapes(profile.base.language_model, profile.base.vision)
    need = needed(profile, setup, stage)
    total = in_all(lm, vision, need)
    if total > gib:
        largest = ", ".join(f"{name} {size / GIB:.1f}" for name, size in
                            sorted(parts(lm, vision, need).items(), key=lambda item: -item[1])[:4])
        raise MemoryShortage(f"profile {profile.name}, setup {setup.name}: a stage needs about {total:.1f} GiB of a "
                             f"GPU, this one has {gib:.1f} free ({largest}): {advice(lm, vision, need, gib)}")
    return total


def in_all(lm: LanguageModel, vision: Vision, need: Need) -> float:
    """GiB of all parts."""
    return sum(parts(lm, vision, need).values()) / GIB


def advice(lm: LanguageModel, vision: Vision, need: Need, gib: float) -> str:
    """The fewest changes, in a fixed order, with which a stage fits; the first changes leave results alone."""
    changes = {"gradient_checkpointing: true": {"gradient_checkpointing": True},
               "micro_batch_size: 1": {"micro_batch_size": 1},
               "load_4bit: true": {"load_4bit": True},
               "max_seq_len: 1792 (one image and 1024 tokens of text)": {"max_seq_len": min(need.max_seq_len, 1792)},
               "lora_rank: 64": {"rank": min(need.rank or 64, 64)}}
    made, changed = [], need
    for said, change in changes.items():
        if changed._replace(**change) != changed:
            made, changed = [*made, said], changed._replace(**change)
            if in_all(lm, vision, changed) <= gib:
                rows = next(n for n in range(need.micro_batch_size, 0, -1)
                            if in_all(lm, vision, changed._replace(micro_batch_size=n)) <= gib)
                made = [one.replace("micro_batch_size: 1", f"micro_batch_size: {rows}") for one in made]
                changed = changed._replace(micro_batch_size=rows)
                return f"it fits with {', '.join(made)} ({in_all(lm, vision, changed):.1f} GiB)"
    return (f"it does not fit even with {', '.join(made) or 'all that can be set'}: "
            "take a larger GPU or a smaller language model")
