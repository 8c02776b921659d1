"""Mixes of data sets of the hub: one language a sample, text-heavy ones in English, each said in its language.

The path through the notebooks: test_paper_notebooks.py. Run with: pytest tests/test_hub_mix.py
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tiny_hub
from hypothesis import given
from hypothesis import strategies as st

from centurio_lib import params, paths
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
        columns=hub_mix.WITHOUT_TEXT,
    )


# === which language a sample is in ===
@given(share=st.sampled_from([0.0, 0.1, 0.5, 0.9]), seed=st.integers(0, 50), total=st.integers(20, 70))
def test_each_sample_is_taken_once_in_one_language(share, seed, total):
    samples = frame()
    taken = mix.assign(samples, total, ["de", "hi", "sw"], share, "uniform", seed)
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
    assert mix.assign(samples, total, ["de", "hi", "sw"], share, "uniform", seed).equals(taken)
    for code, n_own in (("de", 12), ("en", 8)):  # what cannot be translated goes first
        light = (taken.language == code) & ~taken.text_heavy
        assert (light & ~taken.translatable).sum() == min(n_own, light.sum())


def test_too_few_samples_are_named():
    with pytest.raises(MixError, match=r"language 'en' needs 92 samples, but only 68 .* name more data sets"):
        mix.assign(frame(), 200, ["de", "hi"], 0.5, "uniform", 0)


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
    left_out = hub_mix.assigned(frame(), profile(LATIN), setup, "instruct", 0)
    kept = hub_mix.assigned(frame(), profile({"la": "english"}), setup, "instruct", 0)
    assert set(left_out.language) == set(kept.language) == {"en", "de", "hi", "sw"}
    english = [(chosen.language == "en").sum() for chosen in (left_out, kept)]
    assert english[1] > english[0]
    with pytest.raises(translate.TranslationError, match=r"Latin"):
        hub_mix.assigned(frame(), profile({}), setup, "instruct", 0)


def test_only_what_a_setup_takes_is_translated(tmp_path):
    files = hub_mix.store(tmp_path, profile(LATIN), "instruct", frame(400))
    wanted = hub_mix.to_translate(files, frame(400))
    assert not set(wanted.sample_id[wanted.sample_id.str[0] != "t"]) and "en" not in set(wanted.language)
    assert len(wanted) < 400 * 10


def test_a_mix_is_stored_for_each_setup_and_seed_and_read_as_it_was(tmp_path):
    config = profile(LATIN)
    hub_mix.store(tmp_path, config, "instruct", frame(400))
    setup = params.setup(params.studied(config)[0])
    stored = hub_mix.stored(tmp_path, "instruct", setup.name, 0)
    pd.testing.assert_frame_equal(stored, hub_mix.assigned(frame(400), config, setup, "instruct", 0))
    with pytest.raises(hub_mix.NoMix, match=r"seed7.* is missing: .*run notebook 03_translate"):
        hub_mix.stored(tmp_path, "instruct", setup.name, 7)


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
    samples = hub_mix.without_text(tmp_path / "in")
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
    table = pa.concat_tables(hub_mix.conversations(tmp_path / "in", tmp_path / "out", pairs, tmp_path))
    said = table.to_pandas()
    assert (
        said.sample_id.tolist() == pairs.sample_id.tolist()
        and said.language.tolist() == pairs.language.tolist()
    )
    assert [row[0]["text"].split()[0] for row in said.turns] == ["hin_Deva", "What", "deu_Latn", "Frage"]
    assert said.text_heavy.tolist() == [False, True, False, False] and said.images[1] == ["ocrvqa/0/0"]
    with pytest.raises(translate.TranslationError, match=r"lacks 4 texts in Swahili"):
        hub_mix.conversations(
            tmp_path / "in", tmp_path / "out", pairs.assign(language=["sw", "en", "de", "de"]), tmp_path
        )
