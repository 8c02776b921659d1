"""Nothing that is tested is ever trained on: shown for every setup, on the study's real words and on made-up ones.

The real words are those of the smoke profile, read from the archives in data/packages.
Run with: pytest tests/test_splits.py
"""

from collections import Counter
from types import SimpleNamespace

import pandas as pd
import pytest
from tiny import DATA, IMAGE_IDS, images, named, texts

from centurio_lib import params, tables
from centurio_lib.data import instructions, pictures, prompts, splits
from centurio_lib.evaluation import evaluate
from centurio_lib.languages import language, languages
from centurio_lib.study import mixes

SMOKE = params.profile("smoke")
SETUPS = list(params.all_setups())
PROMPTS = [prompts.name(None), prompts.describe(None), prompts.country(None), prompts.choice("en", []), "true", "false"]
PRETRAINED = [name for name in SETUPS if not params.without_pretraining(params.setup(name))]


class Study:
    """The tables of a study and what is held out of them, in a folder where the stages find them."""

    def __init__(self, folder, data: params.Data, made: dict[str, pd.DataFrame]):
        self.folder, self.data, self.texts, self.images = folder, data, made["texts"], made["images"]
        self.pairs = splits.held_out_pairs(self.texts, data)
        self.captions = made["captions"]
        self.instructions = instructions.build(self.texts, self.images, self.pairs, data)
        tables.write(folder / "captions.parquet", "captions", self.captions)
        tables.write(folder / "instructions.parquet", "instructions", self.instructions)
        named = self.captions.assign(sample_id=self.captions.image_id + "/" + self.captions.detail)
        self.asked = {"instruction": self.instructions[["sample_id", "language", "concepts"]],
                      "caption": named[["sample_id", "language", "image_id", "concept"]]}
        self.tested = set(self.images[self.images.split != "train"].image_id)
        self.held_out_style = set(self.images[self.images["style"] == data.held_out_style].image_id)

    def run(self, setup: str, samples: int) -> SimpleNamespace:
        """Parts of a run that the stages read."""
        stage = SMOKE.instruct.model_copy(update={"samples": samples})
        profile = SimpleNamespace(name="made-up", data=self.data, instruct=stage, pretrain=stage)
        inputs = {"captions": self.folder, "instructions": self.folder}
        return SimpleNamespace(profile=profile, setup=params.setup(setup), seed=0, folder=self.folder, inputs=inputs)


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Study:
    """The smoke profile's tables."""
    folder = tmp_path_factory.mktemp("real")
    return Study(folder, SMOKE.data, pictures.build(folder, SMOKE.data, SMOKE.base.image_size))


@pytest.fixture(scope="module")
def made_up(tmp_path_factory) -> Study:
    """A larger study whose every word belongs to one (concept, language) pair."""
    captions = pictures.captions(texts(), images(), splits.held_out_pairs(texts(), DATA))
    return Study(tmp_path_factory.mktemp("made_up"), DATA, {"texts": texts(), "images": images(), "captions": captions})


@pytest.fixture(params=["real", "made_up"])
def study(request) -> Study:
    """Both studies, one after the other."""
    return request.getfixturevalue(request.param)


def chosen_for(monkeypatch, study: Study, setup: str, stage: str, samples: int = 120) -> pd.DataFrame:
    """The samples that a setup trains on, as notebooks 10 and 11 take them; for text in images see test_text_stages."""
    for part in ("plots", "documents"):
        monkeypatch.setattr(mixes, part, lambda *_: [])
    mix = {"instruction": mixes.instructions, "caption": mixes.captions}[stage]
    return mix(study.run(setup, samples)).merge(study.asked[stage], validate="one_to_one")


def said(row) -> str:
    """All text of a conversation."""
    return "\n".join(turn["text"] for turn in row.turns)


# === what is held out ===
def test_each_language_keeps_its_share_of_each_kind_for_testing():
    pairs, all_pairs = splits.held_out_pairs(texts(), DATA), texts()
    for (code, _), own in all_pairs.groupby(["language", "kind"]):
        kept = sum((concept, code) in pairs for concept in own.concept)
        assert kept == round(DATA.held_out_pairs * len(own))
    assert pairs <= set(zip(all_pairs.concept, all_pairs.language, strict=True))


def test_languages_keep_different_concepts():
    """Else a concept that no language trains on would be tested, not a new pair."""
    kept = Counter(concept for concept, _ in splits.held_out_pairs(texts(), DATA))
    assert max(kept.values()) < 0.6 * len(languages())


def test_what_is_held_out_depends_on_the_seed_and_not_on_the_order_of_the_rows():
    pairs = splits.held_out_pairs(texts(), DATA)
    assert splits.held_out_pairs(texts().sample(frac=1, random_state=1), DATA) == pairs
    assert splits.held_out_pairs(texts(), DATA.model_copy(update={"seed": 1})) != pairs


def test_held_out_pairs_of_a_language_do_not_depend_on_the_other_languages():
    german = texts()[texts().language == "de"]
    assert splits.held_out_pairs(german, DATA) == {p for p in splits.held_out_pairs(texts(), DATA) if p[1] == "de"}


def test_images_are_split_by_style_and_placement():
    assert {(style, v): splits.image_split(style, v, DATA) for style in ("openmoji", "noto") for v in (0, 1, 2, 3)} == {
        ("openmoji", 0): None, ("openmoji", 1): None, ("openmoji", 2): "new-style", ("openmoji", 3): "new-style",
        ("noto", 0): "train", ("noto", 1): "train", ("noto", 2): "new-language", ("noto", 3): "new-language"}


# === the whole tables that any setup draws from ===
def test_tables_to_train_on_show_no_test_image_and_no_held_out_style(study):
    shown = set(study.captions.image_id) | {image for row in study.instructions.images for image in row}
    assert shown and study.tested and study.held_out_style
    assert not shown & study.tested and not shown & study.held_out_style
    assert study.data.held_out_style not in set(study.captions["style"])


def test_captions_name_no_held_out_pair(study):
    assert not set(zip(study.captions.concept, study.captions.language, strict=True)) & study.pairs


def test_made_up_words_tell_which_pairs_a_text_names(made_up):
    """The tests below rest on it: a held-out name written into a sample would be seen."""
    concept, code = min(made_up.pairs)
    row = texts()[(texts().concept == concept) & (texts().language == code)].iloc[0]
    assert named(f"What is {row['name']}?") == {(concept, code)}
    assert not row.keywords or named(", ".join(row.keywords)) == {(concept, code)}
    assert all(named(caption) for caption in made_up.captions.caption.head(50))


def test_no_text_to_train_on_holds_a_word_of_a_held_out_pair(made_up):
    spoken = [named(said(row)) for row in made_up.instructions.itertuples()]
    assert all(spoken) and not set().union(*spoken) & made_up.pairs
    assert not set().union(*map(named, made_up.captions.caption)) & made_up.pairs
    for pairs, code in zip(spoken, made_up.instructions.language, strict=True):
        assert {language for _, language in pairs} == {code}  # nor a word of another language


def test_no_real_text_to_train_on_holds_a_held_out_name(real):
    """For names that are no part of a name or keyword that the same language may train on, or of a prompt."""
    checked = 0
    spoken = real.instructions.assign(text=[said(row) for row in real.instructions.itertuples()])
    for code, own in real.texts.groupby("language"):
        is_kept = pd.Series([(concept, code) in real.pairs for concept in own.concept], index=own.index)
        captions = real.captions[real.captions.language == code].caption
        # a prompt names the language ("in Indonesian"), which may hold a country's name
        questions = spoken[spoken.language == code].text.str.replace(language(code).name, "")
        trained = "\n".join([*questions, *captions]).lower()
        told = "\n".join([*PROMPTS, *allowed(own[~is_kept])]).lower()
        names = [name.lower() for name in own[is_kept].name if name.lower() not in told]
        assert not [name for name in names if name in trained], code
        checked += len(names)
    assert checked > 0.7 * len(real.pairs)


def allowed(texts_of_language: pd.DataFrame) -> list[str]:
    """Names and keywords."""
    return [*texts_of_language.name, *(word for keywords in texts_of_language.keywords for word in keywords)]


# === every setup ===
@pytest.mark.parametrize("setup", SETUPS)
def test_instruct_stage_of_every_setup_leaks_nothing(setup, study, monkeypatch):
    chosen = chosen_for(monkeypatch, study, setup, "instruction")
    shown = {image for row in chosen.images for image in row}
    assert len(chosen) == 120 and chosen.sample_id.is_unique
    assert not shown & study.tested and not shown & study.held_out_style
    assert not set().union(*(named(said(row)) for row in chosen.itertuples())) & study.pairs
    asked = {(concept, row.language) for row in chosen.itertuples() for concept in row.concepts}
    assert not asked & study.pairs


@pytest.mark.parametrize("setup", PRETRAINED)
def test_pretraining_of_every_setup_leaks_nothing(setup, study, monkeypatch):
    chosen = chosen_for(monkeypatch, study, setup, "caption")
    assert len(chosen) == 120 and chosen.sample_id.is_unique
    assert not set(chosen.image_id) & (study.tested | study.held_out_style)
    assert not set(zip(chosen.concept, chosen.language, strict=True)) & study.pairs
    assert not set().union(*(named(said(row)) for row in chosen.itertuples())) & study.pairs


@pytest.mark.parametrize("setup", SETUPS)
def test_every_setup_trains_on_its_own_languages_in_its_share(setup, made_up, monkeypatch):
    config = params.setup(setup)
    chosen = chosen_for(monkeypatch, made_up, setup, "instruction")
    counts = Counter(chosen.language)
    n_others = 120 - round(120 * config.english_share)
    assert counts["en"] == round(120 * config.english_share)
    assert set(counts) - {"en"} <= set(config.mix)
    if config.allocation == "uniform" and config.english_share < 1:
        assert len(set(counts) - {"en"}) == min(n_others, len(config.mix))


def test_setups_without_pretraining_are_told_so(made_up, monkeypatch):
    assert PRETRAINED and len(SETUPS) > len(PRETRAINED)
    with pytest.raises(params.ParamsError, match=r"setup 'T5' has no pre-training stage .* run notebook 11"):
        chosen_for(monkeypatch, made_up, "T5", "caption")


# === what is tested ===
def test_test_items_show_only_images_kept_for_testing(study):
    """And ask, in split `new-language`, only for pairs that no setup trains on."""
    items = evaluate.items(study.texts, study.images, study.pairs, SMOKE.evaluation)
    trained = {image for row in study.instructions.images for image in row} | set(study.captions.image_id)
    for row in items.itertuples():
        assert not set(row.images) & trained
        if row.split == "new-style":
            assert set(row.images) <= study.held_out_style
    new = items[(items.split == "new-language") & items.task.isin(["captioning", "flag"])]
    assert len(new) and {(row.concepts[0], row.language) for row in new.itertuples()} <= study.pairs
    assert not set(IMAGE_IDS) & trained
