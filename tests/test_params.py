"""Params are checked before any work; every error names file, key and value, and what YAML may have done to it."""

import re

import pytest
import yaml

from centurio_lib import params, paths
from centurio_lib.languages import languages
from centurio_lib.params import ParamsError

PROFILES = sorted(path.stem for path in (paths.PARAMS / "profiles").glob("*.yaml"))


def smoke(changes: str) -> params.Profile:
    """The smoke profile with one dotted key set, both as YAML says it: "instruct.lr: 1e-4"."""
    values = yaml.safe_load((paths.PARAMS / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    key, text = changes.split(":", 1)
    *folders, last = key.split(".")
    part = values
    for folder in folders:
        part = part[folder]
    part[last] = yaml.safe_load(text)
    return params.validated(params.Profile, values | {"name": "smoke"}, "params/profiles/smoke.yaml")


def setup(text: str) -> params.Setup:
    """A setup "mine" from lines of YAML, beside a parent "base"."""
    base = {"question": "?", "table": "1", "tiers": [5]}
    stated = {"base": base, "mine": {"question": "?", "table": "1"} | yaml.safe_load(text)}
    return params.setups_of(stated, "params/setups.yaml")["mine"]


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_of_the_study_are_valid(name):
    assert params.profile(name).name == name


def test_setups_of_the_study_are_valid_and_the_questions_name_them():
    assert all(set(names) <= set(params.all_setups()) for names in params.questions().values())


@pytest.mark.parametrize("name", [*PROFILES, *params.all_setups()])
def test_names_pass_a_shell_and_papermill_unchanged(name):
    """papermill -p turns 1e3, true or nan into numbers and truth values; a shell splits at blanks."""
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name)
    assert isinstance(yaml.safe_load(name), str) and name.lower() not in ("nan", "inf", "infinity", "none")


@pytest.mark.parametrize(("name", "count"), [
    ("English", 0), ("T5", 6), ("T5-T4", 24), ("T5-T3", 52), ("T5-T2", 69), ("L100", 99)])
def test_setups_of_rq1_hold_the_papers_number_of_languages(name, count):
    """Paper, Table 1; English is counted apart, by its share."""
    mix = params.setup(name).mix
    assert len(mix) == count and "en" not in mix and len(set(mix)) == count


def test_setup_states_only_what_differs_from_its_parent():
    child = setup("{parent: base, english_share: 0.25}")
    assert (child.name, child.tiers, child.english_share) == ("mine", [5], 0.25)


@pytest.mark.parametrize(("name", "share"), [
    ("L100-E1", 0.01), ("L100-E10", 0.1), ("L100-E25", 0.25), ("L100-E75", 0.75),
    ("L100-E90", 0.9), ("PT100", 0.5), ("PT50", 0.5), ("PT1", 0.5)])
def test_setups_of_rq2_and_rq3_differ_from_l100_in_their_share_of_english(name, share):
    """Paper, Tables 2 and 3."""
    config, parent = params.setup(name), params.setup("L100")
    assert config.mix == parent.mix and config.english_share == share
    assert config.pretrain_english_share == {"PT100": 1, "PT50": 0.5, "PT1": 0.01}.get(name)


@pytest.mark.parametrize("name", PROFILES)
def test_a_setup_of_several_tables_is_trained_once(name):
    config = params.profile(name)
    trained = params.studied(config)
    assert [params.trained_as(config, setup) for setup in trained] == trained and {"L100", "L100-text"} & set(trained)
    assert all(set(params.compared(config, q)) <= set(trained) for q in config.study.questions)


def test_full_tuning_is_l100_where_the_profile_tunes_so():
    full, lora = (params.profile("smoke").model_copy(update={"tuning": tuning}) for tuning in ("full", "lora"))
    assert params.trained_as(full, "Full") == "L100" and params.trained_as(lora, "Full") == "Full"
    same_rank = lora.model_copy(update={"lora_rank": 32})
    assert params.trained_as(same_rank, "LoRA-32") == "L100" and params.trained_as(same_rank, "LoRA-8") == "LoRA-8"


def test_a_setup_scales_the_rate_of_instruct_tuning_alone():
    config, half = params.profile("laptop"), params.setup("L100-half-rate")
    assert params.stage(config, half, "instruct").lr == config.instruct.lr / 2
    assert params.stage(config, half, "instruct").projector_lr == config.instruct.projector_lr
    assert params.stage(config, half, "pretrain") == config.pretrain
    assert params.stage(config, params.setup("L100"), "instruct") == config.instruct
    assert params.trained_as(config, "L100-half-rate") == "L100-half-rate"


def test_a_question_needs_two_setups_to_compare():
    few = smoke("study.setups: [English, L100]")
    assert params.compared(few, "rq1") == ["English", "L100"]
    with pytest.raises(ParamsError, match=r"profile smoke: question 'rq2'.*leaves \['L100'\]: name at least two"):
        params.compared(few, "rq2")
    with pytest.raises(ParamsError, match=r"unknown question 'rq9'.*rq1"):
        params.compared(few, "rq9")
    with pytest.raises(ParamsError, match="unknown setup 'T9'"):
        params.compared(smoke("study.setups: [T9]"), "rq1")


def test_languages_join_those_of_the_tiers():
    assert set(setup('{tiers: [5], languages: ["no", en, de]}').mix) == {*setup("{tiers: [5]}").mix, "no", "de"}


def test_unquoted_no_is_explained():
    with pytest.raises(ParamsError, match=r'params/setups\.yaml: mine: languages.*unquoted no as False, write "no"'):
        setup("{languages: [en, no, de]}")


def test_unknown_language_code_is_named():
    with pytest.raises(ParamsError, match=r"languages.*unknown language code 'xx'.*languages\.csv"):
        setup("{languages: [en, xx]}")


@pytest.mark.parametrize("key", ["english_share", "pretrain_english_share"])
@pytest.mark.parametrize("value", ["-0.1", "1.5", "50", ".nan"])
def test_share_outside_0_to_1_is_refused(key, value):
    with pytest.raises(ParamsError, match=rf"params/setups\.yaml: mine: {key} = "):
        setup(f"{{{key}: {value}}}")


@pytest.mark.parametrize(("text", "message"), [
    ("{parent: nobody}", "mine: parent 'nobody' is no setup of the file"),
    ("{parent: mine}", "parent 'mine' is its own ancestor"),
    ("{tier: [5]}", r"mine: tier = \[5\]: unknown key; known here: name, .*tiers"),
    ("{tiers: [6]}", "mine: tiers.0 = 6"),
    ("{tiers: 5}", "mine: tiers = 5"),
    ("{allocation: fair}", "mine: allocation = 'fair'"),
    ("{lora_rank: 0}", "mine: lora_rank = 0"),
    ("{train_encoder: 1}", "mine: train_encoder = 1"),
], ids=["parent", "ancestor", "unknown key", "tier", "no list", "choice", "rank", "truth value"])
def test_setup_error_names_key_and_value(text, message):
    with pytest.raises(ParamsError, match=message):
        setup(text)


def test_ring_of_parents_is_refused():
    stated = {"a": {"parent": "b"}, "b": {"parent": "a"}}
    with pytest.raises(ParamsError, match="its own ancestor"):
        params.setups_of(stated, "params/setups.yaml")


@pytest.mark.parametrize(("changes", "message"), [
    ("instruct.lr: 1e-4", r"smoke\.yaml: instruct\.lr = '1e-4'.*write 1\.0e-4"),
    ("instruct.learning_rate: 0.1", r"smoke\.yaml: instruct\.learning_rate = 0\.1: unknown key; known here: s.*, lr,"),
    ("colour: red", r"smoke\.yaml: colour = 'red': unknown key; known here: name, about, data"),
    ("data.held_out_pairs: 1.2", r"smoke\.yaml: data\.held_out_pairs = 1\.2"),
    ("data.held_out_style: no", r"data\.held_out_style = False.*unquoted no"),
    ("lora_rank: 4.5", r"smoke\.yaml: lora_rank = 4\.5"),
    ("study.seeds: 0", r"smoke\.yaml: study\.seeds = 0"),
    ("load_4bit: 'true'", r"smoke\.yaml: load_4bit = 'true'"),
    ("base.vision: google/siglip-base-patch16-224", r"smoke\.yaml: base\.encoder = .*base\.vision = 'google/siglip-.*"
                                                    r"set encoder: null and reading_lessons: \[\]"),
    ("base.language_model: org/name", r"smoke\.yaml: base\.decoder = .*base\.language_model = 'org/name'.*"
                                      r"set decoder: null and spelling_lessons: null"),
], ids=["rate as text", "unknown key below", "unknown key", "share", "no", "fraction", "count", "truth value as text",
        "an encoder of the hub that is built", "a decoder of the hub that is built"])
def test_profile_error_names_file_key_and_value(changes, message):
    with pytest.raises(ParamsError, match=message):
        smoke(changes)


def test_every_wrong_key_is_reported_at_once():
    values = {"name": "x", "question": "?", "table": "1", "english_share": 2.0, "tiers": [9], "colour": 1}
    with pytest.raises(ParamsError) as error:
        params.validated(params.Setup, values, "file")
    assert all(key in str(error.value) for key in ("english_share", "tiers", "colour"))


def test_unknown_names_are_errors_that_list_the_known_ones():
    with pytest.raises(ParamsError, match=r"missing\.yaml does not exist; there are: .*laptop"):
        params.profile("missing")
    with pytest.raises(ParamsError, match=r"unknown setup 'T9'.*English"):
        params.setup("T9")


def test_broken_yaml_names_the_file(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("{a: [1")
    with pytest.raises(ParamsError, match=r"broken\.yaml is not YAML"):
        params.load(path)


def test_table_of_languages_is_the_papers():
    """100 languages: English and 99 in tiers of 6 (T5), 18, 28, 17 and 30 (T1)."""
    tiers = [lang.tier for code, lang in languages().items() if code != "en"]
    assert [tiers.count(tier) for tier in (5, 4, 3, 2, 1)] == [6, 18, 28, 17, 30]


def test_profile_states_only_what_differs_from_its_parent(tmp_path, monkeypatch):
    paper, aya = params.profile("paper"), params.profile("paper-aya")
    assert aya.base.vision == paper.base.vision and aya.base.system_prompt is None and paper.base.system_prompt
    assert aya.instruct.lr == params.profile("paper-qwen").instruct.lr != paper.instruct.lr and aya.lora_rank == 256
    (tmp_path / "profiles").mkdir()
    for name, parent in (("a", "b"), ("b", "a")):
        (tmp_path / "profiles" / f"{name}.yaml").write_text(f"parent: {parent}")
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    with pytest.raises(ParamsError, match=r"a\.yaml: profile 'a' is its own ancestor"):
        params.stated("a")
