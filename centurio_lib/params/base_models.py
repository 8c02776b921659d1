"""Base models of a profile: their names, and the sizes and lessons of models that it builds."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from centurio_lib.params.validation import MOST, Count, Natural, Rate, Share, Side, Strict

SMALLEST_VOCABULARY = 300  # the 256 bytes and the special tokens of a tokenizer, and some merges
DEEPEST = 100  # hidden states that a name of the hub may have


def _heads_divide(size: "EncoderSize | DecoderSize", parts: int, said: str):
    if size.hidden_size % (parts * size.heads):
        raise ValueError(f"hidden_size {size.hidden_size} is no multiple of {said} {size.heads} heads")
    return size


class EncoderSize(Strict):
    """SigLIP vision tower of a profile that builds one."""

    hidden_size: Count = Field(description="width of the model")
    layers: Count = Field(description="transformer blocks")
    heads: Count = Field(description="attention heads")
    patch_size: Side = Field(description="side of a patch, in pixels")
    concepts_per_kind: Count | None = Field(description="concepts that it is pre-trained on, of emoji and of flags; "
                                                        "null: all that are drawn in every style")
    steps: Natural = Field(description="optimiser steps")
    batch_size: Count = Field(description="images of a step")
    lr: Rate = Field(description="learning rate")

    @model_validator(mode="after")
    def heads_divide(self):
        """Refuse heads that do not divide the width."""
        return _heads_divide(self, 1, "its")


class ReadingLesson(Strict):
    """A round in which an encoder that the profile builds learns to read English (base_models/reading_lessons.py)."""

    sheets: Count = Field(description="sheets of lettering that are drawn; each is printed anew whenever it is shown")
    min_font_px: Annotated[float, Field(gt=0)] = Field(description="smallest font size, pixels of an em")
    paper_share: Share = Field(0.25, description="share of sheets on textured paper; the others are plain")
    worn: bool = Field(False, description="whether sheets on paper are blurred, noisy and compressed, as documents are")
    plot_share: Share = Field(0.0, description="share of sheets that are bar and pie charts with English labels")
    steps: Natural = Field(description="optimiser steps")
    batch_size: Count = Field(description="sheets of a step, and as many drawings")
    lr: Rate = Field(description="learning rate")


class DecoderSize(Strict):
    """Phi-3 decoder and its tokenizer, of a profile that builds these."""

    hidden_size: Count = Field(description="width of the model")
    layers: Count = Field(description="transformer blocks")
    heads: Count = Field(description="attention heads")
    vocab_size: Annotated[int, Field(ge=SMALLEST_VOCABULARY, le=MOST)] = Field(
        description="tokens of its tokenizer")
    steps: Natural = Field(description="optimiser steps")
    batch_size: Count = Field(description="rows of a step")
    max_seq_len: Count = Field(description="tokens of a row")
    lr: Rate = Field(description="learning rate")

    @model_validator(mode="after")
    def heads_divide(self):
        """Refuse heads that do not divide the width into even parts, which rotary positions pair."""
        return _heads_divide(self, 2, "twice its")


class SpellingLessons(Strict):
    """Spelling lessons of a decoder that the profile builds (base_models/spelling_lessons.py)."""

    steps: Natural = Field(description="optimiser steps")
    lr: Rate = Field(description="learning rate")


class Base(Strict):
    """Base models of a profile, and how the vision encoder is joined to the language model."""

    vision: str = Field(description="vision encoder: a folder of the repository, or a name on the hub")
    language_model: str = Field(description="a folder of the repository, or a name on the hub")
    vision_layer: Annotated[int, Field(ge=-DEEPEST, le=-1)] = Field(
        description="hidden state that LLaVA reads: -1 the last block, -2 the one before (paper)")
    image_size: Side = Field(description="side that images are seen at, in pixels")
    dtype: Literal["float32", "bfloat16", "fastest"] = Field(
        description="of the frozen weights; fastest: bfloat16 where a trial finds it faster, on GPUs always")
    vision_revision: str | None = Field(None, description="commit of a hub name: pins the weights")
    language_model_revision: str | None = Field(None, description="commit of a hub name: pins the weights")
    text_image_size: Side | None = Field(None, description="side of images with text; null: image_size")
    cache_features: bool = Field(True, description="compute a frozen encoder's features once and keep them on disk")
    system_prompt: str | None = Field(None, description="of every conversation; null: what the chat template does")
    text_after_images: str = Field("", description="between images and the first question")
    encoder: EncoderSize | None = Field(None, description="size of an own vision encoder; null: none is built")
    reading_lessons: list[ReadingLesson] = Field([], description="rounds of an own encoder, easy ones first")
    decoder: DecoderSize | None = Field(None, description="size of an own decoder; null: none is built")
    spelling_lessons: SpellingLessons | None = Field(None, description="of an own decoder; null: none")

    @field_validator("encoder", "decoder")
    @classmethod
    def built_here(cls, size: EncoderSize | DecoderSize | None, info: ValidationInfo):
        """Refuse to train a new part in the place of a model of the hub."""
        part, lessons = {"encoder": ("vision", "reading_lessons: []"),
                         "decoder": ("language_model", "spelling_lessons: null")}[info.field_name]
        name = info.data.get(part, "data/")
        if size and not name.startswith(("data/", "models/")):
            raise ValueError(f"base.{part} = {name!r} is no folder of the study (data/ or models/), so that no "
                             f"{info.field_name} is built: set {info.field_name}: null and {lessons}")
        return size

    @model_validator(mode="after")
    def encoder_fits(self):
        """Refuse a hidden state that an own encoder lacks, and sides that are no whole number of its patches."""
        if not self.encoder:
            return self
        if -self.vision_layer > self.encoder.layers:
            raise ValueError(f"vision_layer {self.vision_layer} is none of the encoder's {self.encoder.layers} blocks")
        for key in ("image_size", "text_image_size"):
            if (getattr(self, key) or 0) % self.encoder.patch_size:
                raise ValueError(f"{key} {getattr(self, key)} is no multiple of the encoder's patch_size "
                                 f"{self.encoder.patch_size}")
        return self
