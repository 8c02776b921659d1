"""Params of text in images: documents, plots, and which documents a setup trains on.

They are parts of profiles and setups (params.py).
"""

from typing import Annotated

from pydantic import Field, field_validator

from centurio_lib.languages import languages
from centurio_lib.params.validation import Count, Share, Strict

LONGEST_LABEL = 12  # characters of a plot's label, as they are seen


class Ocr(Strict):
    """Synthetic documents (data/text_images/documents.py): how they look, and how many of each language."""

    pixels: Count = 384
    smallest: float = 14.0  # pixels of an em
    largest: float = 40.0
    tilt: Share = 0.03  # largest shift of a corner, as a share of the side
    blur: Share = 0.05  # largest radius, in ems
    noise: float = 12.0  # largest standard deviation, of 255
    quality: Annotated[int, Field(ge=1, le=95)] = 55  # least of JPEG
    english: Annotated[int, Field(ge=0)] = 100  # training samples of English,
    latin: Annotated[int, Field(ge=0)] = 10  # of each other language in Latin script,
    other: Annotated[int, Field(ge=0)] = 20  # of each in another script
    running: Share = 0.7  # of the documents of a language that has both running text and names; the others show names
    passages: Count | None = None  # most of a document; None: as many as fit, up to 7 a column
    test: Count = 5  # of each language, of text that is never trained on
    languages: list[str] = []  # only these; none named: all that have text
    articles: Annotated[int, Field(ge=0)] = 0  # of each language's Wikipedia that text is taken from besides; 0: none
    shard: Count = 250  # samples of a file
    seed: int = 0


class Smpqa(Strict):
    """Plots of SMPQA (data/text_images/smpqa.py): how large, and how many of each language and kind."""

    pixels: Count = 384  # longer side
    em: float = 20.0  # size of the labels, in pixels
    longest: Annotated[int, Field(ge=4, le=LONGEST_LABEL)] = 12  # characters of a label: small plots have room for few
    test: Count = 50  # bar plots, and as many pies, of each language (paper)
    english: Annotated[int, Field(ge=0)] = 100  # training plots of each kind, in English alone
    languages: list[str] = []  # only these; none named: all that have words
    shard: Count = 200
    seed: int = 0


class OcrMix(Strict):
    """Documents that a setup trains on besides, and which languages they are in (paper, Table 4)."""

    english_share: Share
    other_weight: Annotated[float, Field(gt=0)] = 1.0  # share of a language in another script against one in Latin
    scale: Annotated[float, Field(gt=0)] = 1.0  # times the stages' `ocr_samples`
    scripts: dict[str, Annotated[float, Field(gt=0)]] = {}  # share of a language in this script, whatever is said above

    @field_validator("scripts")
    @classmethod
    def known(cls, weights: dict[str, float]) -> dict[str, float]:
        """Refuse scripts of none of the 100 languages."""
        scripts = {lang.script for lang in languages().values()}
        if unknown := sorted(set(weights) - scripts):
            raise ValueError(f"unknown scripts {unknown}: there are {', '.join(sorted(scripts))}")
        return weights
