"""Params of a study: pydantic models of `params/*.yaml`, read strictly before any work.

`params.profile("laptop")` is the scale of a study, `params.setup("L100")` one training configuration. Each subject
has a file: profiles, setups, base_models, hub_data, text_images, benchmarks, claim_rules; `validation` reads YAML.
"""

from centurio_lib.params.base_models import Base, DecoderSize, EncoderSize, ReadingLesson, SpellingLessons
from centurio_lib.params.claim_rules import PATH as CLAIMS
from centurio_lib.params.hub_data import Sources, Translation
from centurio_lib.params.profiles import Data, Evaluation, Profile, Stage, Study, profile, recipe, seed, stated
from centurio_lib.params.setups import (
    Setup,
    all_setups,
    check,
    compared,
    plots,
    questions,
    reads,
    setup,
    setups_of,
    stage,
    studied,
    text_heavy,
    text_image_size,
    trained_as,
    without_pretraining,
)
from centurio_lib.params.text_images import Ocr, OcrMix, Smpqa
from centurio_lib.params.validation import Count, ParamsError, Share, Strict, load, validated

__all__ = [
    "CLAIMS", "Base", "Count", "Data", "DecoderSize",
    "EncoderSize", "Evaluation", "Ocr", "OcrMix", "ParamsError", "Profile", "ReadingLesson", "Setup", "Share",
    "Smpqa", "Sources", "SpellingLessons", "Stage", "Strict", "Study", "Translation", "all_setups", "check",
    "compared", "load", "plots", "profile", "questions", "reads", "recipe", "seed", "setup", "setups_of", "stage",
    "stated", "studied", "text_heavy", "text_image_size", "trained_as", "validated", "without_pretraining",
]
