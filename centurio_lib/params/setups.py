"""Setups of the paper and the questions that compare these, from params/setups.yaml."""

from collections.abc import Collection
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from centurio_lib import paths
from centurio_lib.languages import languages, of_tiers
from centurio_lib.params import names as naming
from centurio_lib.params.profiles import Profile, Stage, Tuning
from centurio_lib.params.text_images import OcrMix
from centurio_lib.params.validation import Count, ParamsError, Share, Strict, load, validated

PATH = paths.PARAMS / "setups.yaml"


class Setup(Strict):
    """One training configuration of the paper. In the file a setup states only what differs from its parent."""

    name: str
    question: str = Field(description="what the setup answers, in one sentence")
    table: str = Field(description="of the paper")
    tiers: Annotated[list[Annotated[int, Field(ge=1, le=5)]], AfterValidator(naming.distinct)] = Field(
        [], description="of Joshi et al. 2020, whose languages are in the mix")
    languages: naming.Codes = Field([], description="codes of languages besides those of the tiers")
    english_share: Share = Field(0.5, description="of the instruct mix")
    allocation: Literal["uniform", "stratified-1", "stratified-2"] = Field("uniform", description=(
        "share of a language of tier i: the same, proportional to 1 / i, or to 1 / exp(i)"))
    pretrain_english_share: Share | None = Field(None, description="of the captions; null: no pre-training stage")
    tuning: Tuning | None = Field(None, description="null: the profile's")
    lora_rank: Count | None = Field(None, description="null: the profile's")
    lr_scale: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="factor on `instruct.lr` of the profile; rates of projector and encoder stay")
    text_in_images: bool | None = Field(None, description="null: the profile's")
    ocr: OcrMix | None = Field(None, description="null: no documents")
    tune_encoder: bool = Field(False, description="whether the vision encoder is trained too")
    tiling: Annotated[int, Field(ge=1, le=4)] = Field(1, description="tiles a side that an image is seen in besides "
                                                                     "(model/tiling.py)")

    @property
    def mix(self) -> list[str]:
        """Codes of the non-English languages of the mix, in the order of languages.csv."""
        codes = {*of_tiers(self.tiers), *self.languages} - {"en"}
        return [code for code in languages() if code in codes]


@cache
def all_setups() -> dict[str, Setup]:
    """Every setup of params/setups.yaml, parents resolved. Raises ParamsError as `setups_of`."""
    return setups_of(section("setups"), str(PATH))


def section(name: str) -> dict:
    """A section of params/setups.yaml: "setups" or "questions". Raises ParamsError where it is missing or empty."""
    stated = load(PATH)
    if not isinstance(stated.get(name), dict) or not stated[name]:
        raise ParamsError(f"{PATH}: {name} = {stated.get(name)!r}: entries are wanted, a name and its content each")
    if unknown := sorted(set(stated) - {"questions", "setups"}):
        raise ParamsError(f"{PATH}: unknown keys {unknown}; known here: questions, setups")
    return stated[name]


def setups_of(stated: dict[str, dict], source: str) -> dict[str, Setup]:
    """Setups from the content of the file.

    Raises ParamsError for a name that is unsafe or taken, an entry without keys, an unknown parent, a cycle or a bad
    value.
    """
    def resolved(name: str, below: tuple = ()) -> dict:
        if not isinstance(name, str) or name not in stated or name in below:
            raise ParamsError(f"{source}: {below[-1] if below else name}: parent {name!r} is "
                              f"{'its own ancestor' if name in below else 'no setup of the file'}")
        if not isinstance(stated[name], dict):
            raise ParamsError(f"{source}: {name} = {stated[name]!r}: keys are wanted, such as question and table")
        own = dict(stated[name])
        parent = own.pop("parent", None)
        return (resolved(parent, (*below, name)) if parent is not None else {}) | own
    for name in stated:
        naming.name(name, f"{source}: setup")
    naming.differ_by_more_than_case(stated, source)
    return {name: validated(Setup, resolved(name) | {"name": name}, f"{source}: {name}") for name in stated}


def setup(name: str) -> Setup:
    """A setup by name. Raises ParamsError naming the known setups."""
    if not isinstance(name, str) or name not in all_setups():
        raise ParamsError(f"unknown setup {name!r}; params/setups.yaml has: {', '.join(all_setups())}")
    return all_setups()[name]


@cache
def questions() -> dict[str, list[str]]:
    """Setups that each ablation compares, in the order of its table: `questions` of params/setups.yaml.

    Raises ParamsError for an unsafe name, or a question that lists no setups, an unknown one or one twice.
    """
    stated = section("questions")
    for question, names in stated.items():
        naming.name(question, f"{PATH}: question")
        if not isinstance(names, list) or not names:
            raise ParamsError(f"{PATH}: questions.{question} = {names!r}: a list of setups is wanted")
        for n, name in enumerate(names):
            if not isinstance(name, str) or name not in all_setups():
                raise ParamsError(f"{PATH}: questions.{question} names unknown setup {name!r}")
            if name in names[:n]:
                raise ParamsError(f"{PATH}: questions.{question} names {name!r} twice")
    return stated


def trained_as(config: Profile, name: str) -> str:
    """Name under which a profile trains a setup: that of the first setup with the same training."""
    def trained(one: Setup) -> dict:
        tuning = one.tuning or config.tuning
        rank = (one.lora_rank or config.lora_rank) if tuning == "lora" else None
        left_out = {"name", "question", "table"}
        resolved = {"tuning": tuning, "lora_rank": rank, "text_in_images": text_heavy(config, one)}
        return one.model_dump(exclude=left_out) | resolved
    same = trained(setup(name))
    return next(other for other, one in all_setups().items() if trained(one) == same)


def compared(config: Profile, question: str) -> list[str]:
    """Setups that a profile compares for a question, in the order of its table, each training once.

    Raises ParamsError for an unknown question or setup, or for fewer than two setups.
    """
    if question not in questions():
        raise ParamsError(f"unknown question {question!r}; params/setups.yaml has: {', '.join(questions())}")
    chosen = None if config.study.setups is None else {trained_as(config, name) for name in config.study.setups}
    names = dict.fromkeys(trained_as(config, name) for name in questions()[question])
    left = [name for name in names if chosen is None or name in chosen]
    if len(left) < 2:
        raise ParamsError(f"profile {config.name}: question {question!r} compares {list(names)}, of which study.setups "
                          f"leaves {left}: name at least two, or leave the question out of study.questions")
    return left


def studied(config: Profile) -> list[str]:
    """Every setup that a profile's study trains, in the order of the file."""
    names = {name for question in config.study.questions for name in compared(config, question)}
    return [name for name in all_setups() if name in names]


def without_pretraining(config: Setup) -> bool:
    """Say whether the setup has no pre-training stage (as in RQ1 and RQ2 of the paper)."""
    return config.pretrain_english_share is None


def stage(config: Profile, chosen: Setup, name: str) -> Stage:
    """A training stage of a setup, "pretrain" or "instruct": the profile's, at the rate of the setup."""
    stated = getattr(config, name)
    return stated.model_copy(update={"lr": stated.lr * chosen.lr_scale}) if name == "instruct" else stated


def text_heavy(config: Profile, chosen: Setup) -> bool:
    """Say whether the instruct mix of a setup holds the text-heavy share under a profile."""
    return config.text_in_images if chosen.text_in_images is None else chosen.text_in_images


def plots(config: Profile, chosen: Setup) -> bool:
    """Say whether plots are the text-heavy share of a setup's mix; data sets of the hub include such samples."""
    return text_heavy(config, chosen) and config.data.sources is None


def reads(config: Profile, chosen: Setup) -> bool:
    """Say whether a setup is trained on, and so tested on, text in images."""
    return text_heavy(config, chosen) or chosen.ocr is not None


def text_image_size(config: Profile) -> int:
    """Side of documents and plots at the encoder, in pixels."""
    return config.base.text_image_size or config.base.image_size


def check(config: Profile, chosen: Setup, tests: Collection[str] = ()) -> None:
    """Check a setup under a profile. Raises ParamsError for missing rates or samples, or unequal image sizes.

    `tests`: data stages ("ocr", "smpqa") whose questions the profile asks of setups trained on text in images.
    """
    where, stages = f"profile {config.name}, setup {chosen.name}", {"instruct": config.instruct}
    if not without_pretraining(chosen):
        stages = {"pretrain": config.pretrain} | stages
    rates = {name: stage.encoder_lr for name, stage in stages.items()}
    if chosen.tune_encoder and not all(rate > 0 for rate in rates.values()):
        raise ParamsError(f"{where}: tune_encoder wants a rate above 0 in each stage; encoder_lr is {rates}")
    if chosen.ocr and not any(stage.ocr_samples for stage in stages.values()):
        raise ParamsError(f"{where}: ocr wants documents, but ocr_samples is 0 in {' and '.join(stages)}")
    if plots(config, chosen) and not config.instruct.text_heavy_samples:
        raise ParamsError(f"{where}: text_in_images wants plots, but instruct.text_heavy_samples is 0")
    pages = chosen.ocr or "ocr" in tests
    drawn = {"smpqa.image_size": config.smpqa.image_size} | ({"ocr.image_size": config.ocr.image_size} if pages else {})
    for key, side in drawn.items() if reads(config, chosen) else ():
        if side != text_image_size(config):
            raise ParamsError(f"{where}: {key} = {side}, but text is seen at {text_image_size(config)} pixels: make "
                              "them equal, or set base.text_image_size")
