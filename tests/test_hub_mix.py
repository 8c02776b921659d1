"""Mixes of data sets of the hub: one language a sample, text-heavy ones in English, and the path through the
notebooks.

Run with: pytest tests/test_hub_mix.py (a minute or two)
"""

import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import smoke_study
import tiny_hub
import tiny_nllb
import yaml
from hypothesis import given
from hypothesis import strategies as st

from centurio_lib import params, paths, storage, tables
from centurio_lib.data import mix
from centurio_lib.data.hub import hub_mix, ingest, translate
from centurio_lib.data.mix import MixError
from centurio_lib.params import hub_data

CODES = ["de", "hi", "sw", "la"]
LATIN = {"la": "leave_out"}


def frame(translatable: int = 60, heavy: int = 15, german: int = 12, english: int = 8) -> pd.DataFrame:
    """Samples of four kinds: translatable English, text-heavy, and others in German or English for good."""
    kinds = [
        ("t", "en", False, True, translatable),
        ("h", "en", True, False, heavy),
        ("g", "de", False, False, german),
        ("e", "en", False, False, english),
    ]
    return pd.DataFrame(
        [(f"{kind}{i}", code, text, able) for kind, code, text, able, n in kinds for i in range(n)],
        columns=hub_mix.LIGHT,
    )


# === which language a sample is in ===
@given(share=st.sampled_from([0.0, 0.1, 0.5, 0.9]), seed=st.integers(0, 50), total=st.integers(20, 70))
def test_each_sample_is_taken_once_in_one_language(share, seed, total):
    samples = frame()
    taken = mix.spread(samples, total, ["de", "hi", "sw"], share, "uniform", seed)
    kinds = samples.set_index("sample_id").loc[taken.sample_id]
    assert len(taken) == total and taken.sample_id.is_unique
    assert (taken.language[kinds.text_heavy.to_numpy()] == "en").all()
    fixed = ~kinds.translatable.to_numpy()
    assert (taken.language[fixed].to_numpy() == kinds.language[fixed].to_numpy()).all()
    heavy = int(kinds.text_heavy.sum())
    assert heavy == round(total * 15 / 95)
    assert taken.language.value_counts().to_dict() == {
        code: n + heavy * (code == "en")
        for code, n in mix.quotas(total - heavy, ["de", "hi", "sw"], share).items()
        if n + heavy * (code == "en")
    }
    assert mix.spread(samples, total, ["de", "hi", "sw"], share, "uniform", seed).equals(taken)


def test_too_few_samples_are_named():
    with pytest.raises(MixError, match=r"language 'en' needs 92 samples, but only 68 .* name more data sets"):
        mix.spread(frame(), 200, ["de", "hi"], 0.5, "uniform", 0)


def profile(missing: dict) -> params.Profile:
    smoke = params.profile("smoke")
    translation = hub_data.Translation(model="tiny", missing_languages=missing)
    sources = hub_data.Sources(pretrain=[], instruct=[], translation=translation)
    stage = smoke.instruct.model_copy(update={"samples": 40})
    return smoke.model_copy(
        update={"data": smoke.data.model_copy(update={"sources": sources}), "instruct": stage}
    )


def test_latin_is_left_out_or_kept_in_english():
    setup = params.setup("T5").model_copy(update={"tiers": [], "languages": CODES})
    left_out = hub_mix.chosen(profile(LATIN), setup, "instruct", frame(), 0)
    kept = hub_mix.chosen(profile({"la": "english"}), setup, "instruct", frame(), 0)
    assert set(left_out.language) == set(kept.language) == {"en", "de", "hi", "sw"}
    english = [(chosen.language == "en").sum() for chosen in (left_out, kept)]
    assert english[1] > english[0]
    with pytest.raises(translate.TranslationError, match=r"Latin"):
        hub_mix.chosen(profile({}), setup, "instruct", frame(), 0)


def test_only_what_a_setup_takes_is_translated(monkeypatch):
    wanted = hub_mix.wanted(profile(LATIN), "instruct", frame(400))
    assert not set(wanted.sample_id[wanted.sample_id.str[0] != "t"]) and "en" not in set(wanted.language)
    assert len(wanted) < 400 * 10


# === what it says there ===
def test_samples_are_said_in_their_language(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATASETS", tiny_hub.write(tmp_path / "datasets"))
    options = hub_data.Sources(
        pretrain=[],
        instruct=["vqav2", "ocrvqa", "aya"],
        translation=hub_data.Translation(model="tiny"),
        max_image_size=24,
    )
    ingest.build(tmp_path / "in", "instruct", options)
    samples = hub_mix.light(tmp_path / "in")
    light = samples[samples.translatable].sample_id.tolist()
    pairs = pd.DataFrame(
        {"sample_id": [light[3], "ocrvqa/0", light[1], "aya/0"], "language": ["hi", "en", "de", "de"]}
    )
    foreign = pairs[[True, False, True, False]]
    texts = list(hub_mix.texts(tmp_path / "in", foreign, tmp_path))
    assert [(code, n, len(own)) for code, n, own in texts] == [("de", 1, 4), ("hi", 1, 4)]

    class Marked:
        longest = 99
        length = staticmethod(lambda sentences: [1] * len(sentences))

        def __call__(self, sentences, target):
            return [f"{target} {one}" for one in sentences]

    judge = lambda said, codes: np.full(len(said), np.nan)
    translate.build(tmp_path / "out", texts, len(foreign), Marked(), options.translation, judge)
    table = pa.concat_tables(hub_mix.instructions(tmp_path / "in", tmp_path / "out", pairs, tmp_path))
    said = table.to_pandas()
    assert (
        said.sample_id.tolist() == pairs.sample_id.tolist()
        and said.language.tolist() == pairs.language.tolist()
    )
    assert [row[0]["text"].split()[0] for row in said.turns] == ["hin_Deva", "What", "deu_Latn", "Frage"]
    assert said.text_heavy.tolist() == [False, True, False, False] and said.images[1] == ["ocrvqa/0/0"]
    tables.write(tmp_path / "x.parquet", "instructions", said)
    with pytest.raises(translate.TranslationError, match=r"lacks 4 texts in Swahili"):
        hub_mix.instructions(
            tmp_path / "in", tmp_path / "out", pairs.assign(language=["sw", "en", "de", "de"]), tmp_path
        )


# === through the notebooks ===
MINIATURE = {
    "pretrain": ["sharegpt4v"],
    "instruct": ["vqav2", "nlvr2", "ocrvqa", "aya"],
    "max_image_size": 24,
    "shard_size": 10,
    "at_most": 100,
    "translation": {"model": "nllb", "precision": "float32", "missing_languages": LATIN, "shard_size": 40},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of miniatures, as far as a tuned adapter: every stage that Snakemake finds it needs."""
    home = smoke_study.copy_of_repository(tmp_path_factory.mktemp("miniature") / "repo")
    profile = yaml.safe_load((home / "params/profiles/smoke.yaml").read_text())
    profile["data"] |= {"sources": MINIATURE}
    profile["pretrain"] |= {"samples": 60}
    profile["instruct"] |= {"samples": 50}
    profile["study"] |= {"questions": ["rq3"], "setups": ["L100", "PT50"]}
    (home / "params/profiles/miniature.yaml").write_text(yaml.safe_dump(profile))
    tiny_hub.write(home / "data/datasets")
    tiny_nllb.checkpoint(home / "nllb")
    command = [part.replace("profile=smoke", "profile=miniature") for part in smoke_study.SNAKEMAKE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CENTURIO_DATASETS", str(home / "data/datasets"))
        done = smoke_study.run_in(
            home, *command, "--", "results/miniature/instruct/PT50/seed0/provenance.json"
        )
    assert done.returncode == 0, done.stdout[-6000:]
    return home


@pytest.mark.timeout(1200)
def test_a_profile_of_data_sets_goes_through_every_stage(study):
    data, results = study / "data/miniature", study / "results/miniature"
    ran = {path.parent.relative_to(study).parts[2] for path in study.rglob("run.ipynb")}
    assert ran >= {"captions", "instructions", "translate", "pretrain", "instruct"}
    counts = {
        row["source"]: row
        for stage in ("captions", "instructions")
        for row in storage.read_json(data / stage / "manifest.json")["sources"]
    }
    assert counts["sharegpt4v"]["samples"] == 72 and counts["aya"]["left_out"] == 2
    done = pd.concat(
        [tables.read(path, "translations") for path in (data / "translate").rglob("translations-*.parquet")]
    )
    assert not done.duplicated(["text", "language"]).all() and (done.translation.str.strip() != "").all()
    assert done.language.nunique() > 20 and "la" not in set(done.language)
    for stage in ("pretrain", "instruct"):
        assert (results / stage / "PT50/seed0/log.csv").exists() and (
            results / stage / "PT50/seed0/adapter"
        ).exists()


def test_nothing_text_heavy_is_translated(study):
    data = study / "data/miniature"
    heavy = samples_of(data / "instructions").query("text_heavy")
    said = {
        text
        for path in (data / "translate/instruct").rglob("*.parquet")
        for text in tables.read(path, "translations").text
    }
    assert len(heavy) and not said & {
        turn["text"] for row in heavy.turns for turn in row if "picture 60" in turn["text"]
    }


def test_translate_shows_what_it_did(study):
    """Every cell but that of the parameters, imports and the last one shows something."""
    cells = nbformat.read(study / "data/miniature/translate/run.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and not cell.metadata.get("tags")]
    silent = [cell.source for cell in code[1:-1] if not cell.outputs]
    assert len(code) > 6 and not silent


def samples_of(folder) -> pd.DataFrame:
    return pd.concat(
        [tables.read(path, "samples") for path in ingest.sample_files(folder)], ignore_index=True
    )
