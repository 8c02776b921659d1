"""NLLB twice: through CTranslate2, which is fast, and through plain transformers, the reference.

Both see the same tokens in the same batches. CTranslate2 reads a copy of the checkpoint in its own format, made once,
or a folder that others converted, such as OpenNMT/nllb-200-distilled-1.3B-ct2-int8. It computes in int8 on a CPU and in
float16 on a GPU unless told otherwise.
"""

import ctypes
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from centurio_lib import storage
from centurio_lib.data import length_batches
from centurio_lib.data.hub import hub
from centurio_lib.params.hub_data import Translation

SOURCE = "eng_Latn"
CUBLAS = ("libcublasLt.so.12", "libcublas.so.12")  # that CTranslate2 asks for on a GPU, the first needed by the second


class TranslationError(RuntimeError):
    """A translator cannot be had or does not know a language; the message says what to do."""


class Translator(Protocol):
    """Translates English sentences, each by itself."""

    longest: int  # tokens of a sentence

    def length(self, sentences: list[str]) -> list[int]: ...

    def __call__(self, sentences: list[str], target: str) -> list[str]: ...


class _Nllb:
    """Shared parts of both translators: tokenizer, batches, limit of new tokens."""

    def __init__(self, folder: Path, options: Translation):
        self.options, self.longest = options, options.max_sentence_tokens
        self.tokenizer = _tokenizer(folder)

    def length(self, sentences: list[str]) -> list[int]:
        """Number of tokens of each sentence, language and end included."""
        return [len(ids) for ids in self.tokenizer(sentences)["input_ids"]] if sentences else []

    def __call__(self, sentences: list[str], target: str) -> list[str]:
        """Translations in order. Raises TranslationError for a language that the tokenizer does not know."""
        if target not in self.tokenizer.get_vocab():
            raise TranslationError(
                f"the translator knows no language {target!r}: see `nllb` in centurio_lib/languages.csv"
            )
        lengths, texts = self.length(sentences), [""] * len(sentences)
        longest_first = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
        for places in length_batches.batches(longest_first, lengths, self.options.max_batch_tokens):
            max_new_tokens = 2 * lengths[places[0]] + 8
            answers = self.answers([sentences[i] for i in places], target, max_new_tokens)
            for place, ids in zip(places, answers, strict=True):
                texts[place] = self.tokenizer.decode(ids, skip_special_tokens=True).strip()
        return texts

    def answers(self, sentences: list[str], target: str, max_new_tokens: int) -> list[list[int]]:
        """Tokens of the translations of one batch, `max_new_tokens` at most."""
        raise NotImplementedError


class Plain(_Nllb):
    """Translator through transformers."""

    def __init__(self, folder: Path, options: Translation, device: str | None = None):
        super().__init__(folder, options)
        if hub.is_ready(folder):
            raise TranslationError(f"{folder} was converted for CTranslate2, and transformers does not read it: set "
                                   "data.sources.translation.engine: ctranslate2, or name the checkpoint itself")
        self.device = device or _device()
        dtype = torch.float32 if self.device == "cpu" else torch.float16
        self.model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=dtype, use_safetensors=True,
                                                           trust_remote_code=False)
        self.model.to(self.device).eval()

    @torch.no_grad()
    def answers(self, sentences: list[str], target: str, max_new_tokens: int) -> list[list[int]]:
        """See `_Nllb.answers`."""
        batch = self.tokenizer(sentences, return_tensors="pt", padding=True).to(self.device)
        answered = self.model.generate(
            **batch,
            forced_bos_token_id=self.tokenizer.convert_tokens_to_ids(target),
            num_beams=self.options.num_beams,
            do_sample=False,
            max_length=None,
            max_new_tokens=max_new_tokens,
        )
        padding = self.tokenizer.pad_token_id
        # without the two tokens that begin every answer: start and language
        return [[token for token in row if token != padding] for row in answered[:, 2:].tolist()]


class Fast(_Nllb):
    """Translator through CTranslate2. `converted` holds the checkpoint in its format (see `converted`)."""

    def __init__(
        self, folder: Path, options: Translation, converted: Path, device: str | None = None, threads: int = 1
    ):
        import ctranslate2

        super().__init__(folder, options)
        device = device or _device()
        if device != "cpu":
            open_cublas()
        precision = options.precision or ("int8" if device == "cpu" else "float16")
        self.model = ctranslate2.Translator(
            str(converted), device=device, compute_type=precision, intra_threads=threads
        )

    def answers(self, sentences: list[str], target: str, max_new_tokens: int) -> list[list[int]]:
        """See `_Nllb.answers`."""
        tokens = [self.tokenizer.convert_ids_to_tokens(ids) for ids in self.tokenizer(sentences)["input_ids"]]
        answered = self.model.translate_batch(
            tokens,
            target_prefix=[[target]] * len(tokens),
            beam_size=self.options.num_beams,
            max_decoding_length=max_new_tokens,
            max_input_length=0,
            return_scores=False,
        )
        return [self.tokenizer.convert_tokens_to_ids(one.hypotheses[0][1:]) for one in answered]


def open_cublas() -> None:
    """Open CUDA 12's cuBLAS, which CTranslate2 looks for by name when it first computes: an extra's, or the system's.

    PyTorch brings that of CUDA 13. Raises TranslationError where there is none.
    """
    try:
        folder = f"{distribution('nvidia-cublas-cu12').locate_file('nvidia/cublas/lib')}/"
    except PackageNotFoundError:
        folder = ""  # where the system looks
    try:
        for name in CUBLAS:
            ctypes.CDLL(folder + name)
    except OSError as error:
        raise TranslationError(
            f"CTranslate2 wants cuBLAS of CUDA 12 on a GPU, and PyTorch brings CUDA 13 ({error}): pip install -e "
            "'.[gpu]' (nvidia-cublas-cu12), or set data.sources.translation.engine: transformers"
        ) from error


def converted(folder: Path, cache: Path) -> Path:
    """A checkpoint in CTranslate2's format: its own folder where that is ready, else a copy under `cache`, made once.

    A copy is whole or not there at all.
    """
    if hub.is_ready(Path(folder)):
        return Path(folder)
    from ctranslate2.converters import TransformersConverter

    weights = sorted(Path(folder).glob("*.safetensors"))
    stamp = [[path.name, path.stat().st_size, path.resolve().stat().st_mtime_ns] for path in weights]
    target = cache / f"ctranslate2-{storage.digest([str(folder), stamp])[:12]}"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            TransformersConverter(str(folder), trust_remote_code=False).convert(f"{temporary}/model")
            shutil.move(f"{temporary}/model", target)
    return target


def checkpoint(options: Translation) -> Path:
    """Folder of the translator's checkpoint, or of one that is ready for CTranslate2. Raises hub.HubError."""
    return hub.model(options.model, options.revision, ready=True)


def load(options: Translation, cache: Path, threads: int = 1) -> Translator:
    """The translator that a profile asks for. Raises hub.HubError where its checkpoint cannot be had."""
    folder = checkpoint(options)
    torch.set_num_threads(threads)
    makers: dict[str, Callable[[], Translator]] = {
        "transformers": lambda: Plain(folder, options),
        "ctranslate2": lambda: Fast(folder, options, converted(folder, cache), threads=threads),
    }
    return makers[options.engine]()


def _tokenizer(folder: Path):
    """NLLB's tokenizer. Raises TranslationError for a folder without one, which some converted models lack."""
    try:
        return AutoTokenizer.from_pretrained(folder, src_lang=SOURCE, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TranslationError(f"{folder} holds no tokenizer that loads ({str(error)[:160]}): put tokenizer.json and "
                               "tokenizer_config.json of the model that it was converted from there") from error


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
