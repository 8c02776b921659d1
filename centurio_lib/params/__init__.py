"""Profiles, setups and tasks: pydantic models of `params/*.yaml`, resolved strictly before any work.

Unknown keys, wrong types and unknown languages are errors that name file, key and value. YAML has two traps that this
catches: an unquoted `no` (Norwegian) arrives as False, and `1e-4` arrives as a string.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from centurio_lib import paths
from centurio_lib.languages import languages, of_tiers
from centurio_lib.params.base_models import DecoderSize, EncoderSize, Reading
from centurio_lib.params.hub_data import Sources
from centurio_lib.params.text_images import Ocr, OcrMix, Smpqa
from centurio_lib.params.validation import Count, ParamsError, Share, Strict, load, validated

CLAIMS = paths.PARAMS / "claims.yaml"  # its model is in findings/claims.py

TEXT_TASKS = SMPQA_READ, SMPQA_GROUND, PAGE_READ = "smpqa_read", "smpqa_ground", "page_read"  # about text in images
Tuning = Literal["lora", "full", "projector"]  # what is trained of the language model; the projector always is


class Data(Strict):
    """Which pictures and words a profile holds."""

    concepts: dict[str, Count]  # kind of thing (name of a source in data/sources/things) -> how many of it
    variants: Count  # placements of one drawing that training may draw from
    test_variants: Count  # further placements, never trained on
    held_out_style: str  # never trained on: the `new-style` split
    held_out_pairs: Share  # share of (concept, language) pairs never trained on: the `new-language` split
    seed: int
    sources: Sources | None = None  # None: mixes are made of the pictures and words above


class Spelling(Strict):
    """How a decoder that the profile builds learns to spell besides (base_models/spelling_lessons.py)."""

    steps: Annotated[int, Field(ge=0)]
    lr: float


class Base(Strict):
    """What a profile starts from: folders in the repo (or hub names), and how they are put together."""

    vision: str
    language_model: str
    vision_layer: int  # hidden state that LLaVA reads: -1 the last block, -2 the one before (paper)
    pixels: Count
    dtype: Literal["float32", "bfloat16"]
    vision_revision: str | None = None  # commit of a hub name, without which a repetition may start from other weights
    language_model_revision: str | None = None
    text_pixels: Count | None = None  # side of images with text; None: that of all others
    keep_features: bool = True  # whether a frozen encoder's features are computed once and kept on disk
    system: str | None = None  # system line of every conversation; None: what the chat template does without one
    after_images: str = ""  # between images and the first question
    encoder: EncoderSize | None = None
    reading: list[Reading] = []  # rounds, easy ones first
    decoder: DecoderSize | None = None
    spelling: Spelling | None = None

    @field_validator("encoder", "decoder")
    @classmethod
    def built_here(cls, size: EncoderSize | DecoderSize | None, info: ValidationInfo):
        """Refuse to train an own part in the place of one of the hub."""
        part, beside = {"encoder": ("vision", "reading: []"), "decoder": ("language_model", "spelling: null")}[
            info.field_name]
        name = info.data.get(part, "data/")
        if size and not name.startswith(("data/", "models/")):
            raise ValueError(f"base.{part} = {name!r} is no folder of the study (data/ or models/), so that no "
                             f"{info.field_name} is built: set {info.field_name}: null and {beside}")
        return size


class Stage(Strict):
    """One training stage (paper, appendix A: AdamW, cosine, 3 % warm-up, no weight decay)."""

    samples: Count  # total size, fixed whatever the languages
    row_tokens: Count  # length of a row of packed conversations
    rows: Count  # rows of one forward pass
    packed: bool  # several conversations in a row, kept apart by the mask; else one in a row, grouped by length
    accumulate: Count  # forward passes of one optimiser step
    epochs: Count
    lr: float
    projector_lr: float
    conversations: Count | None = None  # of one optimiser step, whatever their length; None: `accumulate` passes
    text_tokens: Count | None = None  # longest conversation, an image counts as one; longer ones are dropped. None: any
    checkpoint_every: Count  # optimiser steps
    ocr_samples: Annotated[int, Field(ge=0)] = 0  # documents besides, of setups with `ocr` (paper: 500k, then 50k)
    text_heavy: Annotated[int, Field(ge=0)] = 0  # plots with English labels besides, of instruct mixes with text
    encoder_lr: float = 0.0  # of setups that tune the image encoder (paper: 1.0e-6),
    encoder_decay: float = 0.0  # and the decay of its weights; norms and biases have none


class Evaluation(Strict):
    """How many items each task asks in each language and split (of SMPQA: plots), and how they are decoded.

    Of a published test set (params/test_sets.yaml) its first ones, or `all`. `identifier` judges language fidelity.
    """

    items: dict[str, Count | Literal["all"]]
    batch: Count
    batch_tokens: Count | None = None  # of a batch with padding and answers, at most; None: any number
    seed: int
    identifier: Literal["cld2", "glotlid"] = "cld2"


class Study(Strict):
    """What `make study` runs for a profile."""

    questions: list[str]
    seeds: Count
    setups: list[str] | None = None  # those that the questions compare; None: all that they name


class Profile(Strict):
    """The scale of a whole study."""

    name: str
    about: str
    data: Data
    base: Base
    pretrain: Stage
    instruct: Stage
    tuning: Tuning
    lora_rank: Count
    load_4bit: bool
    checkpointing: bool = False  # whether the language model's activations are computed again on the way back
    gpus: Count = 1  # processes that share a training stage, a GPU each
    threads: Count  # of one run
    base_threads: Count  # of building the base models
    evaluation: Evaluation
    ocr: Ocr = Ocr()
    smpqa: Smpqa = Smpqa()
    text_in_images: bool = False  # whether instruct mixes hold the text-heavy share
    spelled: bool = False  # whether what is read is answered in the tokenizer's smallest pieces (model/conversation.py)
    study: Study


class Setup(Strict):
    """One training configuration of the paper. In the file a setup states only what differs from its parent."""

    name: str
    question: str
    table: str  # of the paper
    tiers: list[Annotated[int, Field(ge=1, le=5)]] = []
    languages: list[str] = []  # besides those of the tiers
    english_share: Share = 0.5
    allocation: Literal["uniform", "stratified-1", "stratified-2"] = "uniform"
    pretrain_english_share: Share | None = None  # None: no pre-training stage
    tuning: Tuning | None = None  # None: the profile's
    lora_rank: Count | None = None  # None: the profile's
    text_in_images: bool | None = None  # None: the profile's
    ocr: OcrMix | None = None  # None: no documents
    tune_encoder: bool = False  # whether the image encoder is trained too
    tiling: Annotated[int, Field(ge=1, le=4)] = 1  # tiles a side that an image is seen in besides (model/tiling.py)

    @field_validator("languages", mode="before")
    @classmethod
    def known(cls, codes: Any) -> Any:
        """Refuse what YAML made of an unquoted `no`, and codes outside the 100."""
        for code in codes if isinstance(codes, list) else []:
            if code is False or code is True:
                raise ValueError(f"a language code arrived as {code}: YAML reads an unquoted no as False, write \"no\"")
            if code not in languages():
                raise ValueError(f"unknown language code {code!r} (the 100 codes are in centurio_lib/languages.csv)")
        return codes

    @property
    def mix(self) -> list[str]:
        """Codes of the non-English languages of the mix, in the order of languages.csv."""
        wanted = {*of_tiers(self.tiers), *self.languages} - {"en"}
        return [code for code in languages() if code in wanted]


@cache
def profile(name: str) -> Profile:
    """A profile of params/profiles. Raises ParamsError for an unknown name or a bad value."""
    return validated(Profile, stated(name) | {"name": name}, str(profile_path(name)))


def profile_path(name: str) -> Path:
    """File of a profile."""
    return paths.PARAMS / "profiles" / f"{name}.yaml"


def stated(name: str, below: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a profile and its `parent` state, section by section: the profile's own keys win.

    Raises ParamsError where it is its own ancestor.
    """
    if name in below:
        raise ParamsError(f"{profile_path(below[0])}: profile {name!r} is its own ancestor")
    own = load(profile_path(name))
    parent = own.pop("parent", None)
    above = stated(parent, (*below, name)) if parent else {}
    sections = {key: above[key] | value for key, value in own.items()
                if isinstance(value, dict) and isinstance(above.get(key), dict)}
    return above | own | sections


@cache
def setups() -> dict[str, Setup]:
    """Every setup of params/setups.yaml, parents resolved."""
    path = paths.PARAMS / "setups.yaml"
    return setups_of(load(path)["setups"], str(path))


def setups_of(stated: dict[str, dict], source: str) -> dict[str, Setup]:
    """Setups from what the file states. Raises ParamsError for an unknown parent, or a cycle, or a bad value."""
    def resolved(name: str, below: tuple = ()) -> dict:
        if name not in stated or name in below:
            raise ParamsError(f"{source}: {below[-1] if below else name}: parent {name!r} is "
                              f"{'its own ancestor' if name in below else 'no setup of the file'}")
        own = dict(stated[name])
        parent = own.pop("parent", None)
        return (resolved(parent, (*below, name)) if parent else {}) | own
    return {name: validated(Setup, resolved(name) | {"name": name}, f"{source}: {name}") for name in stated}


def setup(name: str) -> Setup:
    """A setup by name. Raises ParamsError naming those that exist."""
    if name not in setups():
        raise ParamsError(f"unknown setup {name!r}; params/setups.yaml has: {', '.join(setups())}")
    return setups()[name]


@cache
def questions() -> dict[str, list[str]]:
    """Setups that each ablation compares, in the order of its table: `questions` of params/setups.yaml."""
    path = paths.PARAMS / "setups.yaml"
    found = load(path)["questions"]
    for question, names in found.items():
        for name in names:
            if name not in setups():
                raise ParamsError(f"{path}: questions.{question} names unknown setup {name!r}")
    return found


def trained_as(config: Profile, name: str) -> str:
    """The setup of the file under whose name a profile trains a setup: the first one that asks for the same."""
    def asked(one: Setup) -> dict:
        tuning = one.tuning or config.tuning
        rank = (one.lora_rank or config.lora_rank) if tuning == "lora" else None
        left_out = {"name", "question", "table"}
        resolved = {"tuning": tuning, "lora_rank": rank, "text_in_images": text_heavy(config, one)}
        return one.model_dump(exclude=left_out) | resolved
    wanted = asked(setup(name))
    return next(other for other, one in setups().items() if asked(one) == wanted)


def compared(config: Profile, question: str) -> list[str]:
    """Setups that a profile compares for a question, in the order of its table, each once and as it is trained.

    Raises ParamsError for an unknown question, an unknown setup, or where fewer than two are left.
    """
    if question not in questions():
        raise ParamsError(f"unknown question {question!r}; params/setups.yaml has: {', '.join(questions())}")
    chosen = None if config.study.setups is None else {trained_as(config, name) for name in config.study.setups}
    names = dict.fromkeys(trained_as(config, name) for name in questions()[question])
    found = [name for name in names if chosen is None or name in chosen]
    if len(found) < 2:
        raise ParamsError(f"profile {config.name}: question {question!r} compares {list(names)}, of which study.setups "
                          f"leaves {found}: name at least two, or leave the question out of study.questions")
    return found


def studied(config: Profile) -> list[str]:
    """Every setup that a profile's study trains, in the order of the file."""
    wanted = {name for question in config.study.questions for name in compared(config, question)}
    return [name for name in setups() if name in wanted]


def seed(value: Any) -> int:
    """A seed. Raises ParamsError unless it is a whole number from 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ParamsError(f"seed = {value!r}: a whole number from 0 is wanted")
    return value


def without_pretraining(config: Setup) -> bool:
    """Whether the setup has no pre-training stage (as RQ1 and RQ2 of the paper)."""
    return config.pretrain_english_share is None


def text_heavy(config: Profile, chosen: Setup) -> bool:
    """Whether the instruct mix of a setup holds the text-heavy share under a profile."""
    return config.text_in_images if chosen.text_in_images is None else chosen.text_in_images


def plots(config: Profile, chosen: Setup) -> bool:
    """Whether plots are that share of the setup's mix. Data sets of the hub hold text-heavy ones of their own."""
    return text_heavy(config, chosen) and config.data.sources is None


def reads(config: Profile, chosen: Setup) -> bool:
    """Whether a setup is trained on text in images in any form, and so is asked about it."""
    return text_heavy(config, chosen) or chosen.ocr is not None


def text_tests(config: Profile) -> list[str]:
    """Data stages whose test items setups that read are asked: "smpqa", and "ocr" where the profile asks for pages."""
    return ["smpqa", *(["ocr"] if PAGE_READ in config.evaluation.items else [])]


def text_pixels(config: Profile) -> int:
    """Side that documents and plots are seen at, in pixels."""
    return config.base.text_pixels or config.base.pixels


def check(config: Profile, chosen: Setup) -> None:
    """Raises ParamsError where a profile lacks what a setup asks for: rates, samples, or images of one size."""
    where, stages = f"profile {config.name}, setup {chosen.name}", {"instruct": config.instruct}
    if not without_pretraining(chosen):
        stages = {"pretrain": config.pretrain} | stages
    rates = {name: stage.encoder_lr for name, stage in stages.items()}
    if chosen.tune_encoder and not all(rate > 0 for rate in rates.values()):
        raise ParamsError(f"{where}: tune_encoder wants a rate above 0 in each stage; encoder_lr is {rates}")
    if chosen.ocr and not any(stage.ocr_samples for stage in stages.values()):
        raise ParamsError(f"{where}: ocr wants documents, but ocr_samples is 0 in {' and '.join(stages)}")
    if plots(config, chosen) and not config.instruct.text_heavy:
        raise ParamsError(f"{where}: text_in_images wants plots, but instruct.text_heavy is 0")
    pages = chosen.ocr or "ocr" in text_tests(config)
    drawn = {"smpqa.pixels": config.smpqa.pixels} | ({"ocr.pixels": config.ocr.pixels} if pages else {})
    for key, side in drawn.items() if reads(config, chosen) else ():
        if side != text_pixels(config):
            raise ParamsError(f"{where}: {key} = {side}, but text is seen at {text_pixels(config)} pixels: make them "
                              "equal, or set base.text_pixels")
