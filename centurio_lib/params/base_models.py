"""Sizes and schedules of the base models that a profile builds itself: part of its parameters (params.py)."""

from typing import Annotated

from pydantic import Field

from centurio_lib.params.validation import Count, Share, Strict


class EncoderSize(Strict):
    """SigLIP vision tower, where the profile builds its own."""

    hidden: Count
    layers: Count
    heads: Count
    patch: Count
    things: Count | None  # of each kind that it is pre-trained on; None: all that are drawn in every style
    steps: Annotated[int, Field(ge=0)]
    batch: Count
    lr: float


class Reading(Strict):
    """A round in which an encoder that the profile builds learns to read English besides (reading_lessons.py)."""

    sheets: Count  # that are drawn; each is printed anew whenever it is shown
    smallest: float  # pixels of an em
    paper: Share = 0.25  # of the sheets, on textured paper; the others are plain
    worn: bool = False  # whether those on paper are blurred, noisy and compressed, as documents are
    plots: Share = 0.0  # of the sheets, bar and pie charts with English labels in place of lettering
    steps: Annotated[int, Field(ge=0)]
    batch: Count  # sheets of a step, and as many drawings
    lr: float


class DecoderSize(Strict):
    """Phi-3 decoder and its tokenizer, where the profile builds its own."""

    hidden: Count
    layers: Count
    heads: Count
    vocabulary: Count
    steps: Annotated[int, Field(ge=0)]
    batch: Count
    length: Count
    lr: float
