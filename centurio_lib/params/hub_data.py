"""Params of the hub's data: data sets of the mixes, and the translation of their text."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from centurio_lib.params.names import distinct
from centurio_lib.params.validation import Count, Side, Strict


def by_name(stated: Any) -> Any:
    """Turn a list of data sets into a mapping without limits; refuse a name that stands twice."""
    listed = isinstance(stated, list) and all(isinstance(name, str) for name in stated)
    return dict.fromkeys(distinct(stated)) if listed else stated


# the most samples of each data set by its name, null: no limit of its own; a list names data sets without limits
Taken = Annotated[dict[str, Count | None], BeforeValidator(by_name)]


class Translation(Strict):
    """Translation of the hub's text into the languages of the mixes (data/hub/translate.py)."""

    model: str = Field(description="an NLLB checkpoint, or one converted for CTranslate2: its name or a folder "
                                   "(paper: facebook/nllb-200-distilled-1.3B)")
    revision: str | None = Field(None, description="commit of a hub name")
    engine: Literal["ctranslate2", "transformers"] = Field("ctranslate2", description="transformers: slow reference")
    precision: Literal["int8", "float16", "bfloat16", "float32"] | None = Field(
        None, description="of CTranslate2; null: int8 on a CPU, float16 on a GPU")
    num_beams: Count = Field(1, description="the paper states no decoding; NLLB's own default is greedy")
    max_sentence_tokens: Count = Field(256, description="longer sentences are cut")
    max_batch_tokens: Count = Field(8192, description="tokens of a batch, padding included")
    shard_size: Count = Field(5000, description="strings of a file")
    missing_languages: dict[str, Literal["leave_out", "english"]] = Field({}, description=(
        "a language that NLLB lacks: leave_out of the mixes, or keep it in english; one not named is an error"))


class Sources(Strict):
    """Data sets of the hub (data/hub/catalogue.csv) that replace emoji and flags in the mixes."""

    pretrain: Taken = Field(description="data sets of captions by their name in the catalogue, and the most samples of "
                                        "each; or a list of names")
    instruct: Taken = Field(description="data sets of conversations, alike; text-heavy ones stay English and keep "
                                        "their share, whatever a setup says")
    at_most: Count | None = Field(None, description="samples of each data set; null: all, or as many as the paper took")
    keep_files: bool = Field(True, description="whether fetched files with images stay after their samples were taken "
                                               "in; false: less disk, and they are fetched again if a setting changes")
    max_image_size: Side = Field(768, description="longer side that larger images are reduced to, in pixels")
    shard_size: Count = Field(1000, description="samples of a file")
    translation: Translation

    def limit(self, stage: str, name: str, published: int | None = None) -> int | None:
        """The most samples of a data set of a stage ("pretrain", "instruct"); None without a limit.

        `published`: the limit of the catalogue.
        """
        stated = (published, self.at_most, getattr(self, stage).get(name))
        return min((number for number in stated if number is not None), default=None)
