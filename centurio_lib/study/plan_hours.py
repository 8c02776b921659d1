"""Hours of a study on a GPU, predicted from operations and a card's speed: by setup and question.

Assumed, where no run has measured it: tokens of text a sample, three times as many in other languages than English,
ten milliseconds to decode an image, some minutes to load and prepare. What finished runs took corrects the prediction.
"""

from statistics import median
from typing import NamedTuple

from centurio_lib import params, paths, storage
from centurio_lib.data import mix
from centurio_lib.data.hub import catalogue, sizes
from centurio_lib.evaluation import tasks
from centurio_lib.evaluation.task import TEXT_IN_IMAGES
from centurio_lib.languages import language
from centurio_lib.model import memory, train_cost
from centurio_lib.model.cards import Card
from centurio_lib.params import benchmarks

TEXT = {"pretrain": 210, "instruct": 120}  # tokens of English text a sample
DOCUMENT = 160  # tokens of a document's text in English
PROMPT = 60  # tokens of a question
OTHER = 3.0  # tokens of another language for one of English
DECODING_S = 0.010  # of an image
STARTING_S = 300  # loading, quantising and tokenising of a run
SENTENCE_TOKENS = {"pretrain": 210, "instruct": 100}  # that are translated of a sample
TRANSLATED = 2000  # tokens a second on a card of 1000 GB/s (CTranslate2 in half precision or int8)
DOCUMENTS, SAMPLES = 0.16, 0.015  # seconds of a core: to draw a document, to take a sample in
BLIND = 4 / 3  # items with their copies of other pictures
PICTURES = {"marvl": 2, "m5_vgr": 2, "m5_vlod": 5}  # of a question, where not one
QUESTIONS = {"smpqa_read": 5, "smpqa_ground": 8}  # of a plot
WITH_WORDS = 98  # languages that plots can be made in


class Hours(NamedTuple):
    """Hours of a setup's stages, for one seed."""

    pretrain: float
    instruct: float
    evaluate: float

    @property
    def all(self) -> float:
        """Hours of all stages."""
        return sum(self)


def sample(profile: params.Profile, setup: params.Setup, stage: str) -> train_cost.Sample:
    """A sample of a stage's mix in the mean, documents left out. Images with text are seen at their own size."""
    share = setup.pretrain_english_share if stage == "pretrain" else setup.english_share
    heavy = heavy_share(profile) if stage == "instruct" else 0.0
    english = heavy + (1 - heavy) * share
    plain, text = image_tokens(profile)
    mean = round((1 - heavy) * plain + heavy * text)
    return train_cost.Sample(images_of(profile, stage), mean, TEXT[stage] * (english + OTHER * (1 - english)))


def document(profile: params.Profile, setup: params.Setup) -> train_cost.Sample:
    """A document in the mean."""
    share = setup.ocr.english_share
    return train_cost.Sample(1, image_tokens(profile)[1], DOCUMENT * (share + OTHER * (1 - share)))


def image_tokens(profile: params.Profile) -> tuple[int, int]:
    """Tokens of an image, and of an image with text."""
    _, vision = memory.shapes(profile.base.language_model, profile.base.vision)
    return tuple((side // vision.patch) ** 2 for side in (profile.base.image_size, params.text_image_size(profile)))


def taken(profile: params.Profile, stage: str) -> dict[str, int]:
    """Samples that a stage's data sets offer, by name."""
    sources = profile.data.sources
    rows = {name: catalogue.entry(name, stage) for name in (getattr(sources, stage) if sources else ())}
    limits = {name: sources.limit(stage, name, row.at_most) for name, row in rows.items()}
    return {name: min(limits[name] or 1000 * row.thousands, 1000 * row.thousands) for name, row in rows.items()}


def heavy_share(profile: params.Profile) -> float:
    """Share of the instruct mix with text in its images."""
    offered = taken(profile, "instruct")
    heavy = sum(n for name, n in offered.items() if catalogue.entries()[name].text_heavy)
    return heavy / sum(offered.values()) if offered else 0.0


def images_of(profile: params.Profile, stage: str) -> float:
    """Images a sample: two of the data sets that compare two."""
    offered = taken(profile, stage)
    pairs = sum(n for name, n in offered.items() if name in ("nlvr2", "spot_the_diff"))
    return 1 + pairs / sum(offered.values()) if offered else 1.0


def training_h(profile: params.Profile, setup: params.Setup, stage: str, card: Card) -> float:
    """Hours of training a stage of a setup; 0 for a stage that the setup lacks."""
    if stage == "pretrain" and params.without_pretraining(setup):
        return 0.0
    shapes = memory.shapes(profile.base.language_model, profile.base.vision)
    options = getattr(profile, stage)
    need, parts = memory.needed(profile, setup, options), [(options.samples, sample(profile, setup, stage))]
    if setup.ocr:
        parts.append((round(options.ocr_samples * setup.ocr.scale), document(profile, setup)))
    speed = card.flops * profile.gpus
    seconds = sum(n * (train_cost.training(*shapes, need, one) / speed + one.images * DECODING_S) for n, one in parts)
    return (STARTING_S + options.epochs * seconds) / 3600


def items(profile: params.Profile, name: str) -> int:
    """Number of items of a task, without blind copies."""
    n = profile.evaluation.items[name]
    if name in benchmarks.known():
        languages = len(benchmarks.known()[name].languages)
        published = sizes.of("benchmark", name).rows
        return published or 0 if n == "all" else min(n * languages, published or n * languages)
    return n * QUESTIONS.get(name, 1) * (len(profile.smpqa.languages) or WITH_WORDS)


def evaluation_h(profile: params.Profile, setup: params.Setup, card: Card) -> float:
    """Hours of answering all items of a setup."""
    shapes, seconds = memory.shapes(profile.base.language_model, profile.base.vision), 0.0
    reads, (plain, text) = params.reads(profile, setup), image_tokens(profile)
    limit, rows = profile.evaluation.max_batch_tokens, profile.evaluation.batch_size
    for name, task in ((name, tasks.TASKS[name]) for name in profile.evaluation.items):
        on_text = task.group == TEXT_IN_IMAGES
        if on_text and not reads:
            continue
        one = train_cost.Sample(PICTURES.get(name, 1), text if on_text else plain, PROMPT)
        room = one.tokens + task.max_new_tokens
        batch = min(rows, max(1, int(limit // room))) if limit else rows
        seconds += items(profile, name) * BLIND * (
            train_cost.answering_s(*shapes, card, one, task.max_new_tokens, batch) + one.images * DECODING_S)
    return (STARTING_S + seconds) / 3600


def of_setups(profile: params.Profile, card: Card) -> dict[str, Hours]:
    """Hours of each setup that a profile's study trains."""
    named = {name: params.setup(name) for name in params.studied(profile)}
    return {name: Hours(training_h(profile, one, "pretrain", card), training_h(profile, one, "instruct", card),
                        evaluation_h(profile, one, card)) for name, one in named.items()}


def by_question(profile: params.Profile) -> dict[str, list[str]]:
    """Setups of each question; one of several questions counts in the first alone."""
    seen: set[str] = set()
    found = {}
    for question in profile.study.questions:
        found[question] = [name for name in params.compared(profile, question) if name not in seen]
        seen |= set(found[question])
    return found


def translated(profile: params.Profile) -> dict[str, float]:
    """(Sample, language) pairs that some setup takes in another language than English, by stage, about.

    Setups share translations (data/shared_languages.py): a smaller mix adds what its languages are drawn otherwise.
    Seeds draw anew.
    """
    if not profile.data.sources:
        return {}
    named, found = [params.setup(name) for name in params.studied(profile)], {}
    for stage in ("pretrain", "instruct"):
        trained = [one for one in named if stage == "instruct" or not params.without_pretraining(one)]
        light = getattr(profile, stage).samples * (1 - (heavy_share(profile) if stage == "instruct" else 0))
        found[stage] = light * _times_translated(trained, stage) * profile.study.seeds
    return found


def _times_translated(setups: list[params.Setup], stage: str) -> float:
    """Mean number of languages that a sample is translated into for some setups."""
    mixes: dict[tuple, float] = {}  # shares of the languages within a mix, and the largest share of the mix itself
    for one in setups:
        english = one.pretrain_english_share if stage == "pretrain" else one.english_share
        weights = {code: mix.WEIGHTS[one.allocation](language(code).tier) for code in one.mix}
        key = tuple((code, weight / sum(weights.values())) for code, weight in weights.items())
        mixes[key] = max(mixes.get(key, 0.0), 1 - english) if key else 0.0
    times, larger, before = 0.0, {}, 0.0
    for key, part in sorted(mixes.items(), key=lambda item: (-len(item[0]), -item[1])):
        otherwise = sum(max(0.0, share - larger.get(code, 0.0)) for code, share in key)
        times += min(part, before) * otherwise + max(0.0, part - before)
        larger, before = dict(key), part
    return times


def translation_h(profile: params.Profile, card: Card) -> float:
    """Hours of translation."""
    tokens = sum(pairs * SENTENCE_TOKENS[stage] for stage, pairs in translated(profile).items())
    return tokens / (TRANSLATED * card.gb_s / 1000) / 3600


def building_h(profile: params.Profile) -> float:
    """Hours of taking in samples and of drawing documents, on one core of each notebook."""
    samples = sum(sum(taken(profile, stage).values()) for stage in ("pretrain", "instruct"))
    return (samples * SAMPLES + documents(profile) * DOCUMENTS) / 3600


def documents(profile: params.Profile) -> int:
    """Documents that a study draws, about."""
    if not any(params.setup(name).ocr for name in params.studied(profile)):
        return 0
    ocr = profile.ocr
    return ocr.english_samples + 60 * ocr.latin_samples + 40 * ocr.other_script_samples


def measured(profile: params.Profile, predicted: dict[str, Hours]) -> tuple[float, int]:
    """Hours of finished runs for one predicted hour (median), and the number of these runs; (1, 0) without any."""
    ratios = []
    for name, hours in predicted.items():
        for stage in ("pretrain", "instruct", "evaluate"):
            results = (paths.HOME / "results" / profile.name / stage / name).glob("seed*/provenance.json")
            ratios += [storage.read_json(result)["runtime_s"] / 3600 / getattr(hours, stage) for result in results]
    return (median(ratios), len(ratios)) if ratios else (1.0, 0)
