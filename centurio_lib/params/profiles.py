"""Profiles: each file of `params/profiles` states the scale of a whole study."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from centurio_lib import paths, storage
from centurio_lib.params.base_models import Base
from centurio_lib.params.hub_data import Sources
from centurio_lib.params.names import Names
from centurio_lib.params.names import name as checked_name
from centurio_lib.params.text_images import Ocr, Smpqa
from centurio_lib.params.validation import (
    MOST,
    Count,
    Natural,
    ParamsError,
    Rate,
    Share,
    Strict,
    Threads,
    load,
    validated,
)

Tuning = Literal["lora", "full", "projector"]


class Data(Strict):
    """Pictures and words of a profile."""

    concepts: Annotated[dict[str, Count], Field(min_length=1)] = Field(
        description="how many of each kind of thing, a source in data/sources")
    variants: Count = Field(description="placements of one drawing that training may draw from")
    test_variants: Count = Field(description="further placements, never trained on")
    held_out_style: str = Field(description="drawing style that is never trained on: the split `new-style`")
    held_out_pairs: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of (concept, language) pairs that are never trained on: the split `new-language`")
    seed: Natural = Field(description="of all data")
    multi_image: dict[Literal["pair", "odd_one_out"], Annotated[float, Field(ge=0)]] = Field(
        {"pair": 0.25, "odd_one_out": 0.15},
        description="instruction samples that show several images, for each sample of one image, by family")
    sources: Sources | None = Field(None, description="data sets of the hub; null: mixes are made of the pictures and "
                                                      "words above")


class Stage(Strict):
    """One training stage (paper, appendix A: AdamW, cosine schedule, 3 % warm-up, no weight decay)."""

    samples: Count = Field(description="total size of the mix, the same for any number of languages")
    max_seq_len: Count = Field(description="tokens of a row, images included")
    micro_batch_size: Count = Field(description="rows of one forward pass")
    packed: bool = Field(description="true: several conversations share a row and do not see each other; false: one "
                                     "conversation a row, batches of like length")
    grad_accum_steps: Count = Field(description="forward passes of one optimiser step, unless global_batch_size is set")
    epochs: Count = Field(description="passes over the mix")
    lr: Rate = Field(description="learning rate of the language model (LoRA or all weights)")
    projector_lr: Rate = Field(description="learning rate of the projector")
    global_batch_size: Count | None = Field(None, description="conversations of one optimiser step, over all GPUs; "
                                                              "null: grad_accum_steps forward passes")
    max_text_tokens: Count | None = Field(None, description="longer conversations are dropped, an image counts as one "
                                                            "token; null: none is")
    checkpoint_every: Count = Field(description="optimiser steps between two checkpoints")
    ocr_samples: Natural = Field(0, description="documents added to `samples` in setups with `ocr` "
                                        "(paper: 500k, then 50k)")
    text_heavy_samples: Natural = Field(0, description="plots with English labels added to the "
                                               "instruct mix of setups with text in images")
    encoder_lr: Share = Field(0.0, description="learning rate of the vision encoder, of setups that tune it "
                                               "(paper: 1.0e-6)")
    encoder_weight_decay: Share = Field(0.0, description="of the vision encoder; norms and biases have none")


class Evaluation(Strict):
    """Test items of a trained model, and the decoding of its answers."""

    items: Annotated[dict[str, Count | Literal["all"]], Field(min_length=1)] = Field(
        description="items by task, in each language and split; of SMPQA plots. Of a third-party benchmark the first, "
                    "or all")
    batch_size: Count = Field(description="prompts of a batch")
    max_batch_tokens: Count | None = Field(None, description="tokens of a batch, padding and answers included; null: "
                                                             "any number")
    seed: Natural = Field(description="of the items that the study draws itself")
    language_identifier: Literal["cld2", "glotlid"] = Field("cld2", description="judges language fidelity")


class Study(Strict):
    """Setups, questions and seeds of `make study`."""

    questions: Annotated[Names, Field(min_length=1)] = Field(description="of params/setups.yaml")
    seeds: Count = Field(description="seeds of each setup")
    setups: Annotated[Names, Field(min_length=1)] | None = Field(
        None, description="those that the questions compare; null: all that they name")


class Profile(Strict):
    """The scale of a whole study."""

    name: str = Field(description="name of the file")
    about: str = Field(description="one sentence")
    data: Data
    base: Base
    pretrain: Stage
    instruct: Stage
    tuning: Tuning = Field(description="what is trained of the language model; the projector always is")
    lora_rank: Count = Field(description="rank of LoRA; its alpha is twice that")
    load_4bit: bool = Field(description="QLoRA: frozen weights in NF4")
    gradient_checkpointing: bool = Field(False, description="compute activations again on the way back: less memory")
    gpus: Threads = Field(1, description="GPUs that share a training stage, a process each")
    threads: Threads = Field(description="CPU threads of one run")
    base_threads: Threads = Field(description="CPU threads of building the base models")
    evaluation: Evaluation
    ocr: Ocr = Ocr()
    smpqa: Smpqa = Smpqa()
    text_in_images: bool = Field(False, description="whether instruct mixes hold the text-heavy share")
    spell_answers: bool = Field(False, description="whether what is read is answered in the tokenizer's smallest "
                                                   "pieces (model/conversation.py)")
    study: Study


@cache
def profile(name: str) -> Profile:
    """A profile of params/profiles. Raises ParamsError for an unsafe or unknown name, or a bad value."""
    return validated(Profile, stated(name) | {"name": name}, str(profile_path(name)))


def profile_path(name: str) -> Path:
    """File of a profile."""
    return paths.PARAMS / "profiles" / f"{name}.yaml"


def stated(name: str, below: tuple[str, ...] = ()) -> dict[str, Any]:
    """Merge the keys of a profile and its `parent`, section by section; the profile's keys win.

    Raises ParamsError for a cycle of parents.
    """
    if name in below:
        raise ParamsError(f"{profile_path(below[0])}: profile {name!r} is its own ancestor")
    own = load(profile_path(checked_name(name, "profile")))
    parent = own.pop("parent", None)
    above = stated(parent, (*below, name)) if parent else {}
    sections = {key: above[key] | value for key, value in own.items()
                if isinstance(value, dict) and isinstance(above.get(key), dict)}
    return above | own | sections


# what a profile says of itself, of its machine and of how many runs; the rest changes what is trained or asked
BESIDES = {"name", "about", "study", "gpus", "threads", "base_threads", "gradient_checkpointing"}


def recipe(config: Profile) -> str:
    """Digest of all that the setups of a study share (data, base models, stages, items): their seeds vary alike.

    How often checkpoints are written is no part of it. Nor is what stays at its default, so that a new key changes no
    recipe.
    """
    return storage.digest(config.model_dump(mode="json", exclude_defaults=True, exclude=dict.fromkeys(BESIDES, True) | {
        stage: {"checkpoint_every"} for stage in ("pretrain", "instruct")}))[:16]


def seed(value: Any) -> int:
    """A seed. Raises ParamsError unless it is a whole number from 0."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        raise ParamsError(f"seed = {value!r}: a whole number from 0 to {MOST} is wanted")
    return value
