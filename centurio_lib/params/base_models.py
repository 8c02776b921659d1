"""Base models of a profile: their names, and the sizes and lessons of models that it builds."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from centurio_lib.params.validation import Count, Share, Strict


class EncoderSize(Strict):
    """SigLIP vision tower of a profile that builds one."""

    hidden_size: Count = Field(description="width of the model")
    layers: Count = Field(description="transformer blocks")
    heads: Count = Field(description="attention heads")
    patch_size: Count = Field(description="side of a patch, in pixels")
    concepts_per_kind: Count | None = Field(description="concepts that it is pre-trained on, of emoji and of flags; "
                                                        "null: all that are drawn in every style")
    steps: Annotated[int, Field(ge=0)] = Field(description="optimiser steps")
    batch_size: Count = Field(description="images of a step")
    lr: float = Field(description="learning rate")


class ReadingLesson(Strict):
    """A round in which an encoder that the profile builds learns to read English (base_models/reading_lessons.py)."""

    sheets: Count = Field(description="sheets of lettering that are drawn; each is printed anew whenever it is shown")
    min_font_px: float = Field(description="smallest font size, pixels of an em")
    paper_share: Share = Field(0.25, description="share of sheets on textured paper; the others are plain")
    worn: bool = Field(False, description="whether sheets on paper are blurred, noisy and compressed, as documents are")
    plot_share: Share = Field(0.0, description="share of sheets that are bar and pie charts with English labels")
    steps: Annotated[int, Field(ge=0)] = Field(description="optimiser steps")
    batch_size: Count = Field(description="sheets of a step, and as many drawings")
    lr: float = Field(description="learning rate")


class DecoderSize(Strict):
    """Phi-3 decoder and its tokenizer, of a profile that builds these."""

    hidden_size: Count = Field(description="width of the model")
    layers: Count = Field(description="transformer blocks")
    heads: Count = Field(description="attention heads")
    vocab_size: Count = Field(description="tokens of its tokenizer")
    steps: Annotated[int, Field(ge=0)] = Field(description="optimiser steps")
    batch_size: Count = Field(description="rows of a step")
    max_seq_len: Count = Field(description="tokens of a row")
    lr: float = Field(description="learning rate")


class SpellingLessons(Strict):
    """Spelling lessons of a decoder that the profile builds (base_models/spelling_lessons.py)."""

    steps: Annotated[int, Field(ge=0)] = Field(description="optimiser steps")
    lr: float = Field(description="learning rate")


class Base(Strict):
    """Base models of a profile, and how the vision encoder is joined to the language model."""

    vision: str = Field(description="vision encoder: a folder of the repository, or a name on the hub")
    language_model: str = Field(description="a folder of the repository, or a name on the hub")
    vision_layer: int = Field(description="hidden state that LLaVA reads: -1 the last block, -2 the one before (paper)")
    image_size: Count = Field(description="side that images are seen at, in pixels")
    dtype: Literal["float32", "bfloat16"] = Field(description="of the frozen weights")
    vision_revision: str | None = Field(None, description="commit of a hub name: pins the weights")
    language_model_revision: str | None = Field(None, description="commit of a hub name: pins the weights")
    text_image_size: Count | None = Field(None, description="side of images with text; null: image_size")
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
