"""Parameters of what comes from the hub: data sets that mixes are made of, and how their text is translated."""

from typing import Annotated, Literal

from pydantic import Field

from centurio_lib.params.validation import Count, Strict


class Translation(Strict):
    """How text of the hub is put into the languages of the mixes (data/hub/translate.py)."""

    model: str  # an NLLB checkpoint: its name on the hub, or a folder (paper: facebook/nllb-200-distilled-1.3B)
    revision: str | None = None  # of a name
    engine: Literal["ctranslate2", "transformers"] = "ctranslate2"
    precision: Literal["int8", "float16", "bfloat16", "float32"] | None = None  # None: int8 on a CPU, float16 on a GPU
    beams: Count = 1  # the paper states no decoding; NLLB's own default is greedy
    longest: Count = 256  # tokens of a sentence, longer ones are cut
    batch_tokens: Count = 8192  # of a batch, padding included
    shard: Count = 5000  # strings of a file
    # a translation so many times longer or shorter than usual is flagged
    odd_ratio: Annotated[float, Field(gt=1)] = 3.0
    # languages that NLLB lacks: "leave_out" of the mixes, or keep their samples in English. One not named is an error
    missing: dict[str, Literal["leave_out", "english"]] = {}


class Sources(Strict):
    """Data sets of the hub that mixes are made of (data/sources/catalogue.csv), instead of emoji and flags."""

    pretrain: list[str]  # names in the catalogue: captions,
    instruct: list[str]  # and conversations; text-heavy ones stay English and keep their share, whatever a setup says
    at_most: Count | None = None  # samples of each data set; None: all, or the part that the paper took
    pixels: Count = 768  # longer side that larger images are reduced to
    shard: Count = 1000  # samples of a file
    translation: Translation
