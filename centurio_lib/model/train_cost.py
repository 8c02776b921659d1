"""Operations of training and answering, computed from the shapes of the models before anything is run.

A weight costs two operations a token in a forward pass, two more to pass gradients back through it, and two more where
it is trained (Kaplan et al. 2020, without embeddings). Checkpointing repeats the forward pass. What a card reaches of
its speed is in params/gpus.yaml.
"""

from typing import NamedTuple

from centurio_lib.model.cards import Card
from centurio_lib.model.memory import GIB, LanguageModel, Need, Vision, in_all

FILLED = 0.93  # share of a packed row that holds tokens
LABELS = 0.3  # share of text that is learned
LAYER_S = 1.2e-3  # seconds of a layer in one step of decoding, which waits for its kernels to start (assumed)
WRITTEN = 0.5  # share of the longest answer that the longest of a batch has
ADAPTER_BYTES = 4  # a weight on disk


class Sample(NamedTuple):
    """A sample in the mean: its images, tokens of one image, tokens of text."""

    images: float
    image_tokens: int
    text: float

    @property
    def tokens(self) -> float:
        """Tokens of text and images."""
        return self.images * self.image_tokens + self.text


def training(lm: LanguageModel, vision: Vision, need: Need, sample: Sample) -> float:
    """Operations of training on one sample."""
    again = 1 if need.gradient_checkpointing else 0
    through, learned = 4 + 2 * again, 6 + 2 * again  # operations a token and weight: frozen, trained
    if need.rank is None:
        weights = lm.quantised * learned
    else:
        weights = lm.quantised * through + lm.lora(need.rank) * learned
    attention = 4 * need.max_seq_len * lm.heads * lm.head_width * lm.layers * (3 + again)  # over a whole masked row
    head = LABELS * sample.text * lm.rows * lm.hidden * 4
    return sample.tokens * (weights + attention) / FILLED + head + sample.images * seeing(vision, need, sample)


def seeing(vision: Vision, need: Need, sample: Sample) -> float:
    """Operations of the encoder for one image, three times as many where it is trained."""
    views = 1 if need.tiling == 1 else 1 + need.tiling**2
    tokens = sample.image_tokens
    once = 2 * vision.weights * tokens + 4 * tokens**2 * vision.hidden * vision.layers
    return views * once * (3 if need.tune_encoder else 1)


def prefill(lm: LanguageModel, vision: Vision, sample: Sample) -> float:
    """Operations that a prompt takes before its answer begins."""
    need = Need(1, 0, 1, True, False, False)
    return 2 * (lm.quantised + lm.other) * sample.tokens + sample.images * seeing(vision, need, sample)


def kv_bytes(lm: LanguageModel) -> int:
    """Bytes of a token in the cache of keys and values, in half precision."""
    return 2 * lm.layers * lm.kv_heads * lm.head_width * 2


def answering_s(lm: LanguageModel, vision: Vision, card: Card, sample: Sample, longest: int, batch: int) -> float:
    """Seconds of answering one prompt in a batch; `longest`: the most tokens that an answer may have."""
    steps = 1 + WRITTEN * longest
    moved = lm.quantised * 0.5 + batch * sample.tokens * kv_bytes(lm)
    step_s = max(lm.layers * LAYER_S, moved / (card.gb_s * 1e9))
    return prefill(lm, vision, sample) / card.flops + steps * step_s / batch


def answering_gib(lm: LanguageModel, vision: Vision, batch_tokens: int, load_4bit: bool) -> float:
    """GiB of answering: a merged model, the cache of keys and values, and the states of one layer."""
    need = Need(1, 1, 1, load_4bit, True, False)
    return in_all(lm, vision, need) + batch_tokens * (kv_bytes(lm) + 6 * lm.intermediate * 2) / GIB


def adapter_gb(lm: LanguageModel, vision: Vision, need: Need) -> float:
    """GB of a trained stage on disk: adapter, projector, and the encoder where it is trained."""
    projector = vision.hidden * lm.hidden + lm.hidden**2
    trained = (lm.lora(need.rank) if need.rank else lm.quantised) + projector
    return (trained + (vision.weights if need.tune_encoder else 0)) * ADAPTER_BYTES / 1e9


def checkpoint_gb(lm: LanguageModel, vision: Vision, need: Need) -> float:
    """GB of a checkpoint: what is trained, and Adam's two moments."""
    return adapter_gb(lm, vision, need) / ADAPTER_BYTES * 12
