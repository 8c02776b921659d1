"""The paper's benchmarks, read by the real code from miniatures in their true layouts.

Run with: pytest tests/test_benchmark_builder.py
"""

import json
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tiny
from tiny_benchmarks import CAPTIONS, SETS, write

from centurio_lib import image_file, params, paths, storage, tables
from centurio_lib.data.hub import hub
from centurio_lib.data.image_store import Folder
from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import benchmark_builder as building
from centurio_lib.evaluation import benchmark_files, evaluate, fidelity, metrics, shared_prompts, tasks
from centurio_lib.evaluation.tasks import bin_mc, cvqa, m3exam, xm3600
from centurio_lib.findings import paper_results, scores
from centurio_lib.languages import languages, tier_label
from centurio_lib.languages import tested as besides
from centurio_lib.model import conversation, image_features
from centurio_lib.params import benchmarks
from centurio_lib.study import runs

NAMES = list(SETS)
BENCHMARKS = tasks.of_group("benchmark")
IDENTITY = {"profile": "toy", "setup": "L100", "backbone": "tiny", "seed": 0}


def asking(**items) -> params.Profile:
    """A profile that asks some benchmarks."""
    evaluation = tiny.PROFILE.evaluation.model_copy(update={"items": items, "batch_size": 3})
    return tiny.PROFILE.model_copy(update={"evaluation": evaluation})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Miniatures of all benchmarks."""
    return write(tmp_path_factory.mktemp("benchmarks"))


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    """Items, coverage and the folder of everything that the miniatures hold."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "BENCHMARKS", root)
        return *building.build(asking(**dict.fromkeys(NAMES, "all")), folder), folder


@pytest.fixture
def items(built) -> pd.DataFrame:
    return built[0]


def test_every_benchmark_of_the_file_is_a_task_and_has_a_miniature():
    assert set(benchmarks.known()) == set(BENCHMARKS) == set(SETS) and len(BENCHMARKS) == 12
    for name, (_, codes) in SETS.items():
        assert set(codes) <= set(benchmarks.known()[name].languages)


def test_languages_are_those_that_the_paper_has_results_in():
    printed = pd.read_csv(paper_results.FILES[1], keep_default_na=False)
    for name, stated in benchmarks.known().items():
        own = printed[(printed.task == paper_results.TASKS[name]) & ~printed.lang.str.startswith("avg")]
        assert len(own) and set(stated.languages) == set(own.lang), name
        assert all(code in languages() or code in besides() for code in stated.languages)


def test_tested_languages_have_the_papers_tiers():
    assert tier_label("ber") is None and tier_label("fil") == "T3" and tier_label("quz") == "T1"
    assert tier_label("en") == "en"
    assert not set(besides()) & set(languages())
    with pytest.raises(KeyError, match="xx"):
        tier_label("xx")


@pytest.mark.parametrize("name", NAMES)
def test_items_fill_their_table_and_their_pictures_are_there(name, built, tmp_path):
    items, coverage, folder = built
    own, codes = items[items.task == name], SETS[name][1]
    tables.write(tmp_path / "items.parquet", "items", own)
    assert set(own.language) == set(codes) and set(own.split) == {"test", "blind"} and own.item_id.is_unique
    for row in own.itertuples():
        marks = row.prompt.count(IMAGE)
        assert marks in (0, len(row.images)) and (marks or len(row.images) == 1)
        assert row.reference and not row.options
        assert all(image_file.read((folder / "pictures" / i).read_bytes()).size == (28, 20) for i in row.images)
    row = coverage.set_index("task").loc[name]
    assert row["items"] == (own.split == "test").sum() and row.blind == (own.split == "blind").sum()
    assert row.languages == len(codes) and row.status == "partly"


@pytest.mark.parametrize("name", NAMES)
def test_oracle_scores_100_and_silence_nothing(name, items):
    task, own = BENCHMARKS[name], items[items.task == name]
    said = [metrics.alternatives(reference)[-1] for reference in own.reference]  # any right answer is right
    measure = xm3600.shares if name == "xm3600" else task.score
    if name != "xm3600":
        np.testing.assert_allclose(measure(own, said), 100)
    else:  # of several references the one nearest to the others is the measure
        assert measure(own, said).max() == pytest.approx(100) and measure(own, said).min() > 50
    assert task.score(own, [""] * len(own)).max() == 0
    with pytest.raises(ValueError):
        task.score(own, ["too", "few"] * len(own))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("xm3600", "maxm", "mtvqa", "xgqa")])
def test_guesses_reach_the_chance_level(name, items):
    task, own = BENCHMARKS[name], items[(items.task == name) & (items.split == "test")]
    options = {"xvnli": ["yes", "no", "maybe"], "marvl": ["yes", "no"], "m5_vgr": ["yes", "no"]}
    for row, chance in zip(own.itertuples(), task.chance(own), strict=True):
        n = shared_prompts.n_options(row.prompt) or (5 if name == "m5_vlod" else 0)
        possible = options.get(name, list(shared_prompts.LETTERS[:n]))
        item = pd.DataFrame([row])
        found = [task.score(item, [answer])[0] for answer in possible]
        assert np.mean(found or [0]) == pytest.approx(chance), row.item_id


def test_chance_of_open_questions():
    own = pd.DataFrame({"language": ["en"] * 3 + ["de"], "reference": ["yes", "yes", "no", "links"]})
    assert BENCHMARKS["xgqa"].chance(own) == pytest.approx([200 / 3] * 3 + [100])
    assert BENCHMARKS["maxm"].chance(own).tolist() == [0] * 4
    captions = pd.DataFrame({"language": "en", "reference": CAPTIONS["en"]})
    chance = BENCHMARKS["xm3600"].chance
    assert 0 < chance(captions).max() < 150 and chance(captions[:1]).tolist() == [0]


@pytest.mark.parametrize("name", NAMES)
def test_blind_items_ask_the_same_about_other_pictures(name, items):
    own = items[items.task == name].set_index("item_id")
    blind = own[own.split == "blind"]
    for item_id, row in blind.iterrows():
        seen = own.loc[item_id.replace("/blind/", "/test/", 1)]
        assert (row.prompt, row.reference, len(row.images)) == (seen.prompt, seen.reference, len(seen.images))
        assert not set(row.images) & set(seen.images)
    assert len(blind) >= len(SETS[name][1])


def test_prompts_name_the_language_only_where_an_answer_in_it_is_wanted(items):
    first = items[items.split == "test"].drop_duplicates(["task", "language"]).set_index(["task", "language"]).prompt
    assert "Thai" in first["xm3600", "th"] and "Cusco Quechua" in first["xm3600", "quz"]
    assert "Hebrew" in first["maxm", "he"]
    assert "Korean" in first["mtvqa", "ko"] and "Dutch" in first["bin_mc", "nl"]
    assert "English" in first["xgqa", "de"] and "German" not in first["xgqa", "de"]
    assert "English" in first["xvnli", "fr"] and "French" not in first["xvnli", "fr"]


def test_rows_mean_what_their_publishers_say(items):
    of = items[items.split == "test"].set_index("item_id").reference
    assert [of[f"xvnli/test/fr/{i}.jpg#0r1c"] for i in (0, 1, 3)] == ["yes", "maybe", "no"]  # 2 has no gold label
    assert of["marvl/test/sw/sw-0"] == "no" and of["marvl/test/sw/sw-1"] == "yes"
    assert of["marvl/test/en/test1-0-0-1"] == "yes" and of["marvl/test/en/test1-1-0-1"] == "no"
    assert of["m5_vlod/test/ber/s3"] == "D" and of["m5_vgr/test/en/s1"] == "no"
    assert of["maxm/test/he/iw2"] == "dog\na dog\ndog 2" and of["mtvqa/test/de/0.jpg-1"] == "it's"
    assert of["m3exam/test/en/0"] == "B" and of["m3exam/test/th/0"] == "D" and of["m3exam/test/zh/0"] == "C"
    assert of["xmmmu/test/ar/validation_3"] == "6\nsix" and of["xmmmu/test/ar/validation_2"] == "E"
    assert of["xm3600/test/en/img0"].startswith("two dogs run on the grass\n")


def test_pictures_stand_where_the_question_shows_them(items):
    row = items.set_index("item_id").loc["xmmmu/test/en/validation_1"]
    assert row.prompt.startswith("What is it?") and f"B. {IMAGE}" in row.prompt
    unmentioned = items.set_index("item_id").loc["xmmmu/test/en/validation_2"]
    assert unmentioned.prompt.startswith(f"{IMAGE}Which?")
    exam = items.set_index("item_id").loc["m3exam/test/en/1"]
    assert exam.prompt.startswith("given\nLook: <image>") and f"B. {IMAGE}" in exam.prompt
    assert exam.images == ["m3exam/en-image-11.jpg", "m3exam/en-image-2.png"]


def test_options_keep_text_that_only_looks_like_a_label():
    assert m3exam.labelled(["3.5 km", "3.7 km"]) == (["1", "2"], ["3.5 km", "3.7 km"])
    assert m3exam.labelled(["(1) 3.5 km", "(2) x"]) == (["1", "2"], ["3.5 km", "x"])
    assert m3exam.labelled(["๑) ก", "๒) ข"]) == (["1", "2"], ["ก", "ข"])


def test_wrong_names_of_an_image_are_like_its_own(root):
    names = dict(enumerate(["tench", "tiger shark", "great white shark", "hammerhead shark", "goldfish", "rooster"]))
    assert set(bin_mc.alike(1, names, list(names.values()))[:2]) <= {2, 3}
    same = names | {2: "Tiger Shark"}
    assert 2 not in bin_mc.alike(1, same, list(names.values()))


def test_number_of_items_is_the_profiles_and_all_is_only_for_benchmarks(root, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BENCHMARKS", root)
    items, _ = building.build(asking(maxm=2, xgqa="all"), tmp_path)
    assert items[items.split == "test"].groupby("task").size().to_dict() == {"maxm": 4, "xgqa": 8}
    assert set(tables.SCHEMAS["items"].names) == set(items)
    with pytest.raises(params.ParamsError, match=r"asks all of \['flag'\]"):
        building.build(asking(flag="all"), tmp_path)


# === what is missing or wrong ===
def test_a_missing_benchmark_is_not_run_with_its_reason(root, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BENCHMARKS", tmp_path / "nothing")
    items, coverage = building.build(asking(xvnli="all", xm3600=5, m3exam=5), tmp_path)
    assert items.empty and coverage.status.eq("not run").all() and coverage["items"].eq(0).all()
    reasons = coverage.set_index("task").reason
    assert "Flickr30k" in reasons["xvnli"] and "research only" in reasons["xvnli"]
    assert "unpack it with the password" in reasons["m3exam"] and "CC BY-NC-SA" in reasons["m3exam"]
    assert re.search(r"(?s)benchmark-xm3600 .*is not reachable.*hf download floschne/xm3600 --repo-type dataset "
                     "--revision 8d3e5665526c55a5855cd6ddfbaba2032bc7cee4", reasons["xm3600"])
    tables.write(tmp_path / "coverage.parquet", "coverage", coverage)
    with pytest.raises(ValueError, match="none of the tasks"):
        evaluate.items(tiny.texts(), tiny.images(), set(), asking(xvnli="all").evaluation)


def test_the_hub_is_asked_for_the_pinned_revision(root, monkeypatch):
    asked = []
    monkeypatch.setattr(paths, "BENCHMARKS", root / "nowhere")
    monkeypatch.setattr(hub, "listing", lambda *stated: asked.append(stated) or hub.Listing(
        "benchmark-maxm", str(root / "maxm"), None, "", {"data/iw-00000-of-00001.parquet": 1}, {}))
    source = benchmark_files.source("maxm", benchmarks.known()["maxm"])
    assert asked[0][1] == "floschne/maxm" and len(asked[0][2]) == 40
    assert len(list(BENCHMARKS["maxm"].questions(source, "he"))) == 4


def one(name: str, root, tmp_path, monkeypatch):
    """A miniature of its own to spoil."""
    monkeypatch.setattr(paths, "BENCHMARKS", tmp_path / "sets")
    SETS[name][0](tmp_path / "sets" / name)
    return tmp_path / "sets" / name


@pytest.mark.parametrize(("name", "file", "column"), [
    ("maxm", "data/iw-00000-of-00001.parquet", "processed_answers"),
    ("mtvqa", "data/test-00001-of-00002.parquet", "qa_pairs"),
    ("cvqa", "data/test-00000-of-00001.parquet", "Subset"), ("m5_vgr", "data/ber-00000-of-00001.parquet", "image_b")])
def test_a_wrong_column_is_named_with_its_file(name, file, column, root, tmp_path, monkeypatch):
    path = one(name, root, tmp_path, monkeypatch) / file
    rows = pq.read_table(path)
    pq.write_table(rows.drop_columns([column]).append_column("other", [[""] * rows.num_rows]), path)
    message = rf"{name}: .*{path.name} lacks column '{column}'; it has .*columns of params"
    assert re.search(message, reason_of(name, tmp_path))


def reason_of(name: str, tmp_path) -> str:
    """Why a benchmark is not asked, or partly; another one beside it is asked in full."""
    beside = "maxm" if name != "maxm" else "xgqa"
    SETS[beside][0](paths.BENCHMARKS / beside)
    items, coverage = building.build(asking(**{name: "all", beside: "all"}), tmp_path)
    assert set(items[items.task == beside].language) == set(SETS[beside][1])
    rows = coverage.set_index("task")
    assert rows.status[name] in ("partly", "not run")
    return rows.reason[name]


@pytest.mark.parametrize(("name", "file", "key"), [("xvnli", "annotations/en/test.jsonl", "gold_label"),
                                                   ("marvl", "annotations/marvl-sw.jsonl", "left_img")])
def test_a_wrong_key_is_named_with_its_file(name, file, key, root, tmp_path, monkeypatch):
    path = one(name, root, tmp_path, monkeypatch) / file
    records = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps({k: v for k, v in r.items() if k != key}) for r in records))
    assert re.search(rf"{name}: .*{path.name} lacks column '{key}'", reason_of(name, tmp_path))


def test_damaged_files_and_answers_are_named(root, tmp_path, monkeypatch):
    folder = one("xgqa", root, tmp_path, monkeypatch)
    (folder / "data/en-00000-of-00001.parquet").write_bytes(b"")
    assert re.search(r"en: xgqa: .*en-00000.* is empty or damaged", reason_of("xgqa", tmp_path))
    exam = one("m3exam", root, tmp_path, monkeypatch) / "english-questions-image.json"
    exam.write_text(exam.read_text().replace('"answer_text": "2"', '"answer_text": "9"'))
    assert re.search(r"m3exam: en: 4 of 4 rows.*question 0: answer_text '9'", reason_of("m3exam", tmp_path))
    exam.write_text("{")
    assert "is no JSON" in reason_of("m3exam", tmp_path)


def test_a_missing_picture_leaves_its_language_out(root, tmp_path, monkeypatch):
    folder = one("marvl", root, tmp_path, monkeypatch)
    (folder / "images/ta/images/81-Dawati/81-3.jpg").unlink()
    items, coverage = building.build(asking(marvl="all"), tmp_path)
    assert set(items.language) == {"en", "sw"} and coverage.status[0] == "partly"
    assert re.search(r"ta: marvl: ta: 2 of 4 rows give no item; first: .*81-3.jpg is missing", coverage.reason[0])


def test_a_picture_may_not_be_named_outside_its_folder(root, tmp_path, monkeypatch):
    path = one("xm3600", root, tmp_path, monkeypatch) / "data/en-00000-of-00001.parquet"
    table = pq.read_table(path).to_pylist()
    pq.write_table(type(pq.read_table(path)).from_pylist([row | {"image_id": "../../../x"} for row in table]), path)
    items, coverage = building.build(asking(xm3600="all"), tmp_path)
    assert "outside its folder" in coverage.reason[0] and set(items.language) == {"th", "quz"}
    assert not any(path.name == "x" for path in tmp_path.rglob("*"))


def test_names_of_cvqas_subsets():
    assert cvqa.subset("('Sinhala', 'Sri_Lanka')") == "Sinhala (Sri Lanka)"
    assert cvqa.subset("Sinhala") == "Sinhala" and cvqa.subset(None) == "None"


def test_a_language_without_tier_in_the_file_is_refused(monkeypatch):
    good = benchmarks.known()["maxm"].model_dump()
    with pytest.raises(params.ParamsError, match=r"unknown language codes \['xx'\]"):
        params.validated(benchmarks.Benchmark, good | {"languages": ["en", "xx"]}, "file")


# === scores ===
def test_captions_are_scored_on_the_customary_scale_by_words_of_their_language(items):
    own = items[(items.task == "xm3600") & (items.split == "test")]
    first = [metrics.alternatives(r)[0] for r in own.reference]
    found = dict(zip(own.language, metrics.caption_scores(own, first), strict=True))
    assert all(value > 100 for value in found.values())  # CIDEr x100 is not a share
    english = own[own.language == "en"]
    plain = metrics.caption_scores(english, first[:4], metrics.letters_apart)
    assert metrics.caption_scores(english, first[:4]) == pytest.approx(plain)


def test_words_of_thai_and_japanese_are_found_and_boxes_left_out():
    assert metrics.words("สุนัขสองตัวนั่งอยู่", "th")[:2] == ["สุนัข", "สอง"]
    assert metrics.words("二匹の犬が草の上に", "ja")[:4] == ["二", "匹", "の", "犬"]
    assert metrics.words("两只狗坐在草地上。", "zh") == list("两只狗坐在草地上")
    assert metrics.words("A dog [0, 1, 2, 3] runs.", "en") == ["a", "dog", "runs"]
    assert metrics.words("a  b", "de") == metrics.tokens("a  b")


def test_answers_become_predictions_and_scores(items, tmp_path):
    said = [metrics.alternatives(r)[0] for r in items.reference]
    predictions = evaluate.predictions(items, said, IDENTITY)
    found = evaluate.scores(predictions, IDENTITY)
    tables.write(tmp_path / "scores.parquet", "scores", found)
    tables.write(tmp_path / "predictions.parquet", "predictions", predictions[tables.SCHEMAS["predictions"].names])
    assert set(found.metric[found.task == "xm3600"]) == {"cider_x100", "cider", "chrf", "fidelity",
                                                         "fidelity_normalised", "fidelity_ceiling"}
    main = found[found.headline]
    assert set(main.task) == set(NAMES) and main[main.task != "xm3600"].value.eq(100).all()
    assert main.tier[main.language == "ber"].isna().all() and main.chance.notna().all()
    assert {"en", "T1", "T3"} <= set(main.tier.dropna())
    groups = scores.tier_scores(main.rename(columns={"tier": "group"}))
    assert {"T0", None} & set(groups.group) == set()


def test_fidelity_of_tested_languages_is_strict_or_not():
    assert fidelity.label("quz", "glotlid") == "quz_Latn" and fidelity.label("qu", "glotlid") == "quy_Latn"
    assert fidelity.agreement(["quy_Latn", "tgl_Latn"], ["quz", "fil"], "glotlid").tolist() == [0, 0]
    assert fidelity.agreement(["quy_Latn", "tgl_Latn"], ["quz", "fil"], "glotlid", normalised=True).tolist() == [1, 1]
    assert fidelity.label("fil") == "tl" and fidelity.label("ber") is None
    assert np.isnan(fidelity.in_language(["azul"], ["ber"])[0])


def test_captions_repeat_under_the_papers_penalty():
    penalties = {name: task.repetition_penalty for name, task in tasks.TASKS.items()}
    assert penalties.pop("xm3600") == 1.1 and set(penalties.values()) == {1.0}


# === the study's own model ===
def test_the_studys_model_answers_every_benchmark_alike_in_any_batch(built):
    """Pictures of other sizes, several in a question, marks inside of it: a tiny random model from items to scores."""
    items, _, folder = built
    some, model = items.groupby("task").head(3).reset_index(drop=True), tiny.model()
    ids = list(dict.fromkeys(image for images in some.images for image in images))
    seen = image_features.Features([image_features.Live(model, Folder(folder / "pictures", ids), -1, tiny.PIXELS)])
    answers = [evaluate.answer(model, tiny.tokenizer(), seen, some, batch) for batch in (1, 4)]
    assert answers[0] == answers[1] and len(answers[0]) == len(some)
    main = evaluate.scores(evaluate.predictions(some, answers[0], IDENTITY), IDENTITY)
    main = main[main.headline]
    assert set(main.task) == set(NAMES) and np.isfinite(main.value).all()


def test_features_of_pictures_on_disk_are_those_of_the_same_pictures_in_memory(built):
    folder, model = built[2] / "pictures", tiny.model()
    ids = ["xvnli/0.jpg", "marvl/nlvr2/test1/test1-0-0-img1.png"]
    held = pd.DataFrame({"image_id": ids, "image": [(folder / i).read_bytes() for i in ids]})
    disk = image_features.Live(model, Folder(folder, ids), -1, tiny.PIXELS)
    live = image_features.Live(model, held, -1, tiny.PIXELS)
    assert disk.tokens == live.tokens and (disk[ids[::-1]] == live[ids[::-1]]).all()


def test_marks_in_a_question_are_where_its_pictures_tokens_stand():
    known = tiny.tokenizer()
    inside = conversation.prompt(known, f"A {IMAGE} B {IMAGE}", [4, 2])
    mark = known.convert_tokens_to_ids(IMAGE)
    places = np.flatnonzero(inside == mark)
    assert len(places) == 6 and np.diff(places).max() > 1  # text between the two
    before = conversation.prompt(known, "A B", [4, 2])
    assert np.diff(np.flatnonzero(before == mark)).max() == 1
    with pytest.raises(conversation.ConversationError, match="marks 1 images, but has 2"):
        conversation.prompt(known, f"A {IMAGE}", [4, 2])


# === runs ===
def test_runs_depend_on_where_benchmarks_come_from_only_where_they_are_asked(monkeypatch):
    plain = runs.describe("12_evaluate", "smoke", "L100")
    assert "benchmarks" not in plain.key["params"]
    profile = params.profile("smoke")
    wider = profile.evaluation.model_copy(update={"items": profile.evaluation.items | {"maxm": "all"}})
    monkeypatch.setattr(params, "profile", lambda name: profile.model_copy(update={"evaluation": wider}))
    asked = runs.describe("12_evaluate", "smoke", "L100")
    assert set(asked.key["params"]["benchmarks"]) == {"maxm"}
    assert asked.key["params"]["benchmarks"]["maxm"]["revision"] == benchmarks.known()["maxm"].revision
    assert storage.digest(asked.key) != storage.digest(plain.key)
    assert tables.BLIND in scores.SPLITS and "test" in scores.SPLITS
