"""Params of text in images: documents, plots, and the documents in a setup's mix."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from centurio_lib.languages import languages
from centurio_lib.params.names import Codes
from centurio_lib.params.validation import Count, Natural, Share, Side, Strict

FontSize = Annotated[float, Field(gt=0, le=1000)]
LONGEST_LABEL = 12  # visible characters of a plot's label


class Ocr(Strict):
    """Synthetic documents (data/text_images/documents.py): layout, and number for each language."""

    image_size: Side = Field(384, description="side in pixels")
    min_font_px: FontSize = Field(14.0, description="smallest font size, pixels of an em")
    max_font_px: FontSize = Field(40.0, description="largest font size, pixels of an em")
    max_tilt: Share = Field(0.03, description="largest shift of a corner, as a share of the side")
    max_blur: Share = Field(0.05, description="largest radius of blur, in ems")
    max_noise: Annotated[float, Field(ge=0, le=255)] = Field(
        12.0, description="largest standard deviation of noise, of 255")
    english_samples: Natural = Field(100, description="training documents in English")
    latin_samples: Natural = Field(10, description="training documents in each other language of "
                                                                       "Latin script")
    other_script_samples: Natural = Field(20, description="training documents in each language of "
                                                                              "another script")
    running_text_share: Share = Field(0.7, description="share of documents with running text; the others show names. "
                                                       "Of languages that have both")
    max_passages: Count | None = Field(None, description="most passages of a document; null: all that fit, 7 a column")
    test_samples: Count = Field(5, description="documents of each language, of text that is never trained on")
    languages: Codes = Field([], description="codes; none named: all that have text")
    wikipedia_articles: Natural = Field(0, description="articles of each language that text is "
                                                                           "taken from besides; 0: none")
    shard_size: Count = Field(250, description="samples of a file")
    seed: Natural = Field(0, description="of texts, layout and noise")

    @model_validator(mode="after")
    def smallest_first(self):
        """Refuse a smallest font that is larger than the largest."""
        if self.min_font_px > self.max_font_px:
            raise ValueError(f"min_font_px {self.min_font_px} is above max_font_px {self.max_font_px}")
        return self


class Smpqa(Strict):
    """Plots of SMPQA (data/text_images/smpqa.py): size, and number for each language and kind."""

    image_size: Side = Field(384, description="longer side in pixels")
    font_px: FontSize = Field(20.0, description="size of the labels, in pixels")
    max_label_chars: Annotated[int, Field(ge=4, le=LONGEST_LABEL)] = Field(12, description="small plots hold few")
    test_plots: Count = Field(50, description="bar plots of each language, and as many pies (paper: 50)")
    english_plots: Natural = Field(100, description="training plots of each kind, English alone")
    languages: Codes = Field([], description="codes; none named: all that have words")
    shard_size: Count = Field(200, description="samples of a file")
    seed: Natural = Field(0, description="of words, values and colours")


class OcrMix(Strict):
    """Documents on top of a setup's mix, and their languages (paper, Table 4)."""

    english_share: Share = Field(description="share of documents in English")
    other_weight: Annotated[float, Field(gt=0)] = Field(1.0, description="documents of a language in another script "
                                                                         "for one of a language in Latin script")
    scale: Annotated[float, Field(gt=0)] = Field(1.0, description="times the stages' `ocr_samples`")
    scripts: dict[str, Annotated[float, Field(gt=0)]] = Field({}, description="weight of a language by its script, "
                                                                              "instead of the above")

    @field_validator("scripts")
    @classmethod
    def known(cls, weights: dict[str, float]) -> dict[str, float]:
        """Refuse scripts that none of the 100 languages uses."""
        scripts = {lang.script for lang in languages().values()}
        if unknown := sorted(set(weights) - scripts):
            raise ValueError(f"unknown scripts {unknown}: there are {', '.join(sorted(scripts))}")
        return weights
