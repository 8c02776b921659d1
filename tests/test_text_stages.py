"""Text in images from tables to mixes: which documents and plots a setup trains on, and what its runs depend on.

Run with: pytest tests/test_text_stages.py
"""

from types import SimpleNamespace

import pandas as pd
import pytest
import tiny

from centurio_lib import image_file, params, paths, storage, tables
from centurio_lib.data import mix
from centurio_lib.data.mix import MixError
from centurio_lib.data.text_images import documents as ocr
from centurio_lib.languages import language
from centurio_lib.model import image_features
from centurio_lib.params import ParamsError
from centurio_lib.study import evaluating, mixes, runs, shown_images, stages, training

CODES = ["en", "de", "fr", "ru", "th", "hi"]  # that have documents; of L100's mix others have none
MADE = 12  # documents of each
STAGE = {"pretrain": {"samples": 4, "ocr_samples": 10, "encoder_lr": 1e-3},
         "instruct": {"samples": 4, "ocr_samples": 6, "text_heavy_samples": 3, "encoder_lr": 1e-3}}


def profile(**changes) -> params.Profile:
    """The smoke profile with small stages."""
    smoke = params.profile("smoke")
    stated = {name: getattr(smoke, name).model_copy(update=stage) for name, stage in STAGE.items()}
    return smoke.model_copy(update=stated | changes)


def run_of(notebook: str, setup: str, config: params.Profile | None = None, **changes) -> runs.Run:
    """A run of a setup, some of whose parameters are changed."""
    declared, config = stages.by_notebook()[notebook], config or profile()
    chosen = params.setup(setup).model_copy(update=changes)
    inputs = {stage: paths.HOME / stage for stage in runs.inputs_of(declared, config, chosen)}
    return runs.Run(notebook, declared.stage, config, chosen, 0, None, {}, 0.0, inputs)


def documents() -> pd.DataFrame:
    """A `documents` table without any text drawn."""
    rows = [{"image_id": f"ocr/train/{code}/{n}", "language": code, "script": language(code).script, "split": "train",
             "text": f"What is this? {code} {n}", "lines": 1, "columns": 1, "em": 10.0, "family": "toy", "image": b""}
            for code in CODES for n in range(MADE)]
    return pd.DataFrame(rows)


def plots() -> pd.DataFrame:
    """Instructions about plots, in English and German letters."""
    rows = [{"sample_id": f"smpqa/train/{code}/bar/{n}", "images": [f"smpqa/train/{code}/bar/{n}"], "concepts": [],
             "language": code, "family": "plot", "turns": tiny.turns("What is the label of the biggest bar?", "image"),
             "text_heavy": True, "split": "train"} for code in ("en", "de") for n in range(5)]
    return pd.DataFrame(rows)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Tables of all data stages, made up."""
    captions = [{"image_id": f"i{n}", "concept": "dog", "style": "noto", "language": code, "detail": "short",
                 "caption": "dog", "split": "train"} for n in range(8) for code in CODES]
    tables.write(tmp_path / "captions" / "captions.parquet", "captions", pd.DataFrame(captions))
    light = [{"sample_id": f"s{n}", "images": [f"i{n}"], "concepts": [], "language": code, "family": "single",
              "turns": tiny.turns("What is this?", "dog"), "text_heavy": False, "split": "train"}
             for n in range(8) for code in CODES]
    tables.write(tmp_path / "instructions" / "instructions.parquet", "instructions", pd.DataFrame(light))
    tables.write(tmp_path / "ocr" / "instructions.parquet", "instructions", ocr.instructions(documents()))
    tables.write(tmp_path / "smpqa" / "instructions.parquet", "instructions", plots())
    monkeypatch.setattr(paths, "HOME", tmp_path)
    return tmp_path


def read(chosen: pd.DataFrame) -> pd.Series:
    """Number of documents of each language."""
    return chosen[chosen.family == "read"].language.value_counts()


# === quotas ===
@pytest.mark.parametrize(("name", "english", "latin", "other"), [
    ("OCR100", 500_000, 0, 0), ("OCR50", 250_000, 2525, 2525), ("OCR1", 5_000, 5000, 5000),
    ("Latin-down", 5_000, 2500, 10_000)])
def test_quotas_are_the_papers(name, english, latin, other):
    """Paper, appendix B.3: 500k documents; languages in other scripts are 33 by its Table 7, 32 by its B.3."""
    setup = params.setup(name)
    wanted = mix.reading_quotas(500_000, setup.mix, setup.ocr)
    assert sum(wanted.values()) == 500_000 and wanted.pop("en") == english
    for code, n in wanted.items():
        assert abs(n - (latin if language(code).latin else other)) <= 1


def test_setups_of_rq4_are_the_papers():
    """Paper, Table 4."""
    chosen = {name: params.setup(name) for name in params.questions()["rq4"]}
    assert list(chosen) == ["L100-text", "PT50-text", "OCR100", "OCR50", "OCR50-frozen", "OCR1", "Latin-down"]
    assert all(s.mix == params.setup("L100").mix and s.english_share == 0.5 and s.text_in_images
               for s in chosen.values())
    assert [s.pretrain_english_share for s in chosen.values()] == [None] + [0.5] * 6
    tuned = {name for name, setup in chosen.items() if setup.tune_encoder}
    assert tuned == {"OCR100", "OCR50", "OCR1", "Latin-down"} and chosen["OCR50-frozen"].ocr == chosen["OCR50"].ocr


# === mixes ===
def test_documents_come_on_top_by_quota_and_languages_without_are_named(home, capsys):
    chosen = mixes.captions(run_of("10_pretrain", "OCR50"))
    assert (chosen.family == "caption").sum() == 4
    assert read(chosen).to_dict() == {"en": 5, "fr": 1, "ru": 1, "de": 1, "hi": 1, "th": 1}
    assert "no document in 94 languages of the mix: ar zh" in capsys.readouterr().out
    assert chosen.sample_id.is_unique and chosen[chosen.family == "read"].text_heavy.all()
    again = mixes.captions(run_of("10_pretrain", "OCR50"))
    pd.testing.assert_frame_equal(chosen, again)


def test_documents_of_the_second_stage_are_some_of_the_firsts(home):
    first = mixes.captions(run_of("10_pretrain", "OCR100"))
    second = mixes.instructions(run_of("11_instruct", "OCR100"))
    one, two = (set(chosen[chosen.family == "read"].sample_id) for chosen in (first, second))
    assert len(one) == 10 and len(two) == 6 and two < one


def test_other_scripts_weigh_what_the_setup_says(home):
    chosen = mixes.captions(run_of("10_pretrain", "Latin-down",
                                       ocr=params.OcrMix(english_share=0.1, other_weight=2.5)))
    assert read(chosen).to_dict() == {"hi": 3, "ru": 2, "th": 2, "en": 1, "fr": 1, "de": 1}


def test_number_of_documents_is_a_parameter_of_a_setup(home):
    """A study of the amount of OCR data varies the scale."""
    chosen = mixes.captions(run_of("10_pretrain", "OCR50", ocr=params.OcrMix(english_share=0.5, scale=0.4)))
    assert read(chosen).sum() == 4
    with pytest.raises(MixError, match=r"language 'en' needs 15 samples with text .* 12 were made: "
                                       r"raise english_samples, latin_samples or other_script"):
        mixes.captions(run_of("10_pretrain", "OCR50", ocr=params.OcrMix(english_share=0.5, scale=3.0)))


def test_instruct_mix_holds_plots_with_english_labels(home):
    chosen = mixes.instructions(run_of("11_instruct", "PT50-text"))
    assert chosen.family.value_counts().to_dict() == {"single": 4, "plot": 3}
    assert set(chosen[chosen.family == "plot"].language) == {"en"}
    config = profile(instruct=profile().instruct.model_copy(update={"text_heavy_samples": 6}))
    with pytest.raises(MixError,
                       match=r"needs 6 samples .* but 5 were made: raise smpqa\.english_plots, or lower text_heavy"):
        mixes.instructions(run_of("11_instruct", "PT50-text", config))


def test_setups_without_text_have_neither_and_ask_for_no_table(home):
    for folder in ("ocr", "smpqa"):
        (home / folder / "instructions.parquet").unlink()
    assert set(mixes.captions(run_of("10_pretrain", "PT50")).family) == {"caption"}
    assert set(mixes.instructions(run_of("11_instruct", "L100")).family) == {"single"}
    assert evaluating.questions(run_of("12_evaluate", "L100")) is None


def test_what_is_read_is_spelled_where_the_profile_says_so(home):
    chosen = mixes.instructions(run_of("11_instruct", "OCR50"))
    shown = SimpleNamespace(tokens=lambda ids: [2] * len(ids))
    both = [run_of("11_instruct", "OCR50", profile(spell_answers=spell)) for spell in (False, True)]
    plain, spelled = (training.tokenized(run, chosen, tiny.tokenizer(), shown) for run in both)
    longer = [len(b.ids) > len(a.ids) for a, b in zip(plain, spelled, strict=True)]
    assert longer == (chosen.family != "single").tolist()


# === images ===
def with_pictures(home) -> None:
    """Pictures of every table, on disk as the notebooks leave them."""
    small, large = tiny.pictures(), tiny.pictures(1, tiny.TEXT_PIXELS)
    images = small.assign(concept="dog", kind="emoji", style="noto", variant=0, split="train")
    tables.write(home / "captions" / "images.parquet", "images", images)
    drawn = documents().head(8).assign(image=large.image)
    for part, rows in {"0000": drawn[:5], "0001": drawn[5:]}.items():
        tables.write(home / "ocr" / f"documents-{part}-x.parquet", "documents", rows)
    made = pd.DataFrame([{"plot_id": f"smpqa/{split}/{code}/bar/0", "language": code, "script": "Latin", "split": split,
                          "kind": "bar", "labels": ["a"], "values": [1], "colours": ["red"], "image": large.image[0]}
                         for split, code in (("train", "en"), ("test", "en"), ("test", "de"))])
    tables.write(home / "smpqa" / "plots-0000-x.parquet", "plots", made)


def seen(home, notebook: str, setup: str, ids: list[str], model=None, **changes) -> image_features.Features:
    sizes = {"image_size": tiny.PIXELS, "text_image_size": tiny.TEXT_PIXELS}
    base = params.profile("smoke").base.model_copy(update=sizes)
    run = run_of(notebook, setup, profile(base=base), **changes)
    return shown_images.of_run(run, model or tiny.model(), ids)


def test_text_is_seen_at_its_own_size_and_drawings_share_their_features(home):
    with_pictures(home)
    found = seen(home, "11_instruct", "OCR50", ["i0"], tune_encoder=False)
    ids = ["ocr/train/en/3", "i0", "smpqa/train/en/bar/0"]
    assert found.tokens(ids) == [9, 4, 9] and found[ids].shape == (22, 16)
    files = set((home / "features").glob("*"))
    assert len(files) == 3
    seen(home, "11_instruct", "L100", ["i0"])
    seen(home, "10_pretrain", "OCR50", ["i0"], tune_encoder=False)
    assert set((home / "features").glob("*")) == files, "drawings once for all runs, documents for both stages"
    with pytest.raises(KeyError, match="no features for image 'smpqa/test/de/bar/0'"):
        found[["smpqa/test/de/bar/0"]]


def test_a_tuned_encoder_keeps_nothing_on_disk(home):
    with_pictures(home)
    ids = ["ocr/train/en/3", "i0", "smpqa/train/en/bar/0"]
    model = tiny.model()
    live = seen(home, "11_instruct", "OCR50", ids, model)
    assert {type(part) for part in live.parts} == {image_features.Live} and not (home / "features").exists()
    before = live[ids].detach()
    with pytest.raises(KeyError, match="no features"):
        live[["i1"]]
    model.model.vision_tower.embeddings.patch_embedding.weight.data.mul_(2)
    assert not before.allclose(live[ids])
    evaluated = seen(home, "12_evaluate", "OCR50", ["i0", "smpqa/test/de/bar/0"], model)
    assert {type(part) for part in evaluated.parts} == {image_features.StoredFeatures}
    assert not (home / "features").exists()
    assert evaluated[["i0"]].allclose(live[["i0"]], atol=1e-5)


def test_another_shape_is_stretched_to_a_square():
    wide = tiny.text_pictures().image[2]
    assert image_file.read(wide).size == (tiny.TEXT_PIXELS // 2, tiny.TEXT_PIXELS)
    assert image_features.stretched(wide, "t2", tiny.TEXT_PIXELS).size == (tiny.TEXT_PIXELS, tiny.TEXT_PIXELS)


# === what a run depends on ===
TEXT_CHANGES = {"ocr": params.Ocr(image_size=64), "smpqa": params.Smpqa(image_size=64), "spell_answers": False}


def key_of(notebook: str, setup: str, config: params.Profile, monkeypatch) -> str:
    monkeypatch.setattr(params, "profile", lambda name: config)
    return storage.digest(runs.describe(notebook, "smoke", setup).key)


@pytest.mark.parametrize("notebook", ["10_pretrain", "11_instruct", "12_evaluate"])
def test_options_of_text_change_no_key_of_a_setup_without(notebook, monkeypatch):
    plain = params.profile("smoke")
    first = plain.pretrain.model_copy(update={"ocr_samples": 9, "encoder_lr": 0.5, "encoder_weight_decay": 0.5})
    second = plain.instruct.model_copy(update={"ocr_samples": 9, "text_heavy_samples": 9, "encoder_lr": 0.5,
                                               "encoder_weight_decay": 0.5})
    asked = plain.evaluation.model_copy(update={"items": plain.evaluation.items | {"smpqa_read": 9, "smpqa_ground": 9}})
    parts = {"pretrain": first, "instruct": second, "evaluation": asked,
             "base": plain.base.model_copy(update={"text_image_size": 64})}
    changed = plain.model_copy(update=TEXT_CHANGES | parts)
    for setup in ("L100", "PT50", "OCR50"):
        keys = [key_of(notebook, setup, config, monkeypatch) for config in (plain, changed)]
        assert (keys[0] == keys[1]) == (setup != "OCR50"), setup


def test_keys_depend_on_what_a_setup_shows(monkeypatch):
    plain = params.profile("smoke")
    documents = plain.model_copy(update={"ocr": plain.ocr.model_copy(update={"max_noise": 1.0})})
    charts = plain.model_copy(update={"smpqa": plain.smpqa.model_copy(update={"font_px": 9.0})})
    keys = {(setup, i): key_of("11_instruct", setup, config, monkeypatch)
            for setup in ("PT50-text", "OCR50") for i, config in enumerate((plain, documents, charts))}
    assert keys["PT50-text", 0] == keys["PT50-text", 1] != keys["PT50-text", 2]
    assert len({keys["OCR50", i] for i in range(3)}) == 3


def test_a_profile_that_holds_text_in_all_mixes_trains_the_first_two_as_those_of_rq1_and_rq3():
    with_text = profile(text_in_images=True)
    assert [params.trained_as(with_text, name)
            for name in ("L100-text", "PT50-text", "OCR50")] == ["L100", "PT50", "OCR50"]
    assert params.trained_as(profile(), "L100-text") == "L100-text"
    assert params.reads(with_text, params.setup("L100")) and not params.reads(profile(), params.setup("L100"))


@pytest.mark.parametrize(("changes", "message"), [
    ({"instruct": {"encoder_lr": 0.0}}, r"setup OCR50: tune_encoder wants a rate above 0.*'instruct': 0\.0"),
    ({"pretrain": {"encoder_lr": 0.0}}, r"tune_encoder wants a rate above 0.*'pretrain': 0\.0"),
    ({"pretrain": {"ocr_samples": 0}, "instruct": {"ocr_samples": 0}},
     "ocr wants documents, but ocr_samples is 0 in pretrain and"),
    ({"instruct": {"text_heavy_samples": 0}}, r"text_in_images wants plots, but instruct\.text_heavy_samples is 0"),
    ({"ocr": {"image_size": 96}}, r"ocr\.image_size = 96, but text is seen at 128 pixels: make them equal"),
    ({"smpqa": {"image_size": 96}}, r"smpqa\.image_size = 96, but text is seen at 128 pixels"),
    ({"base": {"text_image_size": None}}, r"smpqa\.image_size = 128, but text is seen at 32 pixels"),
], ids=["rate", "rate of the first stage", "documents", "plots", "size of documents", "size of plots", "size of text"])
def test_a_profile_that_lacks_what_a_setup_asks_for_is_refused_before_any_work(changes, message):
    changed = {part: getattr(profile(), part).model_copy(update=keys) for part, keys in changes.items()}
    with pytest.raises(ParamsError, match=message):
        params.check(profile(**changed), params.setup("OCR50"))
    params.check(profile(**changed), params.setup("PT50"))


@pytest.mark.parametrize(("stated", "message"), [
    ({"english_share": 1.5}, r"ocr\.english_share = 1\.5"), ({}, r"ocr\.english_share"),
    ({"english_share": 0.5, "scale": 0.0}, r"ocr\.scale = 0\.0"),
    ({"english_share": 0.5, "weight": 2.0}, r"ocr\.weight = 2\.0: unknown key")])
def test_bad_mix_of_documents_is_an_error_that_names_its_key(stated, message):
    with pytest.raises(ParamsError, match=message):
        params.setups_of({"mine": {"question": "?", "table": "4", "ocr": stated}}, "setups.yaml")
