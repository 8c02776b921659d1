"""Rows as the published files hold them, odd ones too: what comes of each.

The files are made here in the layout that public loaders and cards show; docs/layouts.md names them.

Run with: pytest tests/test_real_layouts.py
"""

import json
import re

import pandas as pd
import pytest
import test_benchmark_builder as published
from test_benchmark_builder import asking
from tiny_benchmarks import file, held, table

from centurio_lib import paths, tables
from centurio_lib.data.hub import catalogue
from centurio_lib.evaluation import benchmark_builder, benchmark_files, evaluate, shared_prompts, submissions, tasks
from centurio_lib.evaluation.tasks import cvqa, m3exam, m5_vlod
from centurio_lib.params import benchmarks

EXAM = {"background_description": [], "need_image": "yes", "level": "mid", "subject": "math",
        "subject_category": "math", "year": "2006"}
OPTIONS = ["(1) a", "(2) b", "(3) c", "(4) d"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder of benchmarks."""
    monkeypatch.setattr(paths, "BENCHMARKS", tmp_path / "benchmarks")
    return tmp_path / "benchmarks"


def built(name: str, folder) -> tuple[pd.DataFrame, pd.Series]:
    """Test items of a benchmark by id without its name, and its row of the table `coverage`."""
    items, coverage = benchmark_builder.build(asking(**{name: "all"}), folder)
    own = items[items.split == "test"]
    return own.set_index(own.item_id.str.removeprefix(f"{name}/test/")), coverage.loc[0]


# === xMMMU ===
def mmmu(home, rows: list[dict]) -> None:
    """Arabic rows of xMMMU."""
    plain = {"explanation": "", "img_type": "['x']", "topic_difficulty": "Easy", "subfield": "x", "answer": "A",
             "question_type": "multiple-choice", "question": "<image 1> q?", "options": "['one', 'two']"}
    pictures = {f"image_{i}": held("p") if i == 1 else None for i in range(1, 8)}
    table(home / "xmmmu/data/translated_MMMU_val_300_with_image_Arabic.parquet",
          [{"id": f"validation_Art_{i}"} | plain | pictures | row for i, row in enumerate(rows)])


def test_options_with_a_line_break_within_are_read_as_pangeas_loader_reads_them(home, tmp_path):
    mmmu(home, [{}, {"options": "['first\nline', 'two']", "answer": "B"}])
    items, coverage = built("xmmmu", tmp_path)
    assert items.prompt["ar/validation_Art_1"].split("\n")[1:3] == ["A. first line", "B. two"]
    assert items.reference["ar/validation_Art_1"] == "B" and coverage.left_out == 0


def test_a_question_whose_picture_is_missing_is_left_out_and_counted(home, tmp_path, capsys):
    mmmu(home, [{"question": "<image 1> <image 2> q?"}, *[{}] * 39])
    items, coverage = built("xmmmu", tmp_path)
    assert len(items) == 39 and coverage.left_out == 1 and "ar/validation_Art_0" not in items.index
    said = capsys.readouterr().out
    assert "first: translated_MMMU_val_300_with_image_Arabic.parquet, row 0: xmmmu: validation_Art_0 image_2 h" in said


# === M3Exam ===
def exam(folder, spoken: str, rows: list[dict], names: list[str]) -> None:
    """Questions of M3Exam with their pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    questions = [EXAM | {"language": spoken} | row for row in rows]
    (folder / f"{spoken}-questions-image.json").write_text(json.dumps(questions))
    for name in names:
        file(folder / f"images-{spoken}/{name}")


def test_an_option_that_is_nan_is_no_option(home, tmp_path):
    exam(home / "m3exam", "english", [{"question_text": "(image)[image-1.jpg] q?", "answer_text": "2",
                                       "options": [*OPTIONS[:3], "nan"]}], ["image-1.jpg"])
    items, _ = built("m3exam", tmp_path)
    assert items.prompt["en/0"] == "<image> q?\nA. a\nB. b\nC. c\nAnswer with the letter of the right option."
    assert items.reference["en/0"] == "B"


@pytest.mark.parametrize(("options", "labels", "texts"), [
    (["(1) a", "nan", "(3) c"], ["1", "3"], ["a", "c"]), (["7", "nan", "9"], ["1", "3"], ["7", "9"]),
    ([1.5, None, 2.5], ["1", "3"], ["1.5", "2.5"])])
def test_options_after_one_that_is_nothing_keep_their_labels(options, labels, texts):
    assert m3exam.labelled(options) == (labels, texts)


def test_a_picture_is_found_under_another_ending(home, tmp_path):
    rows = [{"question_text": f"(image)[image-{i}.jpg] q?", "answer_text": str(3 - i), "options": OPTIONS}
            for i in (1, 2)]
    exam(home / "m3exam", "english", rows, ["image-1.jpg", "image-2.png"])
    items, coverage = built("m3exam", tmp_path)
    assert items.reference.tolist() == ["B", "A"] and coverage.left_out == 0
    assert (tmp_path / "pictures" / items.images["en/1"][0]).read_bytes()[:4] == b"\x89PNG"


ITALIAN = [{"question_text": "Quanti metri? (image)[image-0.jpg]", "answer_text": "A", "options": ["(A) 24", "(B) 22"]},
           {"question_text": "Area?\n(image)[image-1.jpg]", "answer_text": "B", "options": ["(A) 315/2", "(B) 280/3"]},
           {"question_text": "Senza figura", "answer_text": "A", "options": ["(A) a", "(B) b"]}]


@pytest.mark.parametrize("folder", ["", "multimodal-question", "multimodal-questions", "data/multimodal-questions"])
def test_exams_are_read_in_their_folder_or_where_the_archive_puts_them(home, tmp_path, folder):
    exam(home / "m3exam" / folder, "italian", ITALIAN, ["image-0.jpg", "image-1.jpg"])
    items, _ = built("m3exam", tmp_path)
    assert items.reference.tolist() == ["A", "B", "A"] and items.images.str.len().tolist() == [1, 1, 0]
    assert items.prompt["it/1"].split("\n")[:3] == ["Area?", "<image>", "A. 315/2"]


def test_several_folders_of_exams_are_refused_with_the_one_wanted(home, tmp_path):
    for folder in ("one", "two"):
        exam(home / "m3exam" / folder, "italian", ITALIAN, ["image-0.jpg", "image-1.jpg"])
    _, coverage = built("m3exam", tmp_path)
    message = r"2 folders within .*m3exam hold italian-questions-image\.json.*multimodal-question"
    assert re.search(message, coverage.reason)


# === xGQA ===
def test_the_official_json_of_xgqa_is_read(home, tmp_path):
    path = home / "xgqa/zero_shot/testdev_balanced_questions_en.json"
    path.parent.mkdir(parents=True)
    row = {"question": "q?", "imageId": "n1", "answer": "yes", "fullAnswer": "Yes."}
    path.write_text(json.dumps({"1": row, "2": row | {"answer": "no"}}))
    file(home / "xgqa/images/n1.jpg")
    items, _ = built("xgqa", tmp_path)
    assert items.reference.to_dict() == {"en/n1-1": "yes", "en/n1-2": "no"} and items.images["en/n1-2"] == ["xgqa/n1"]
    (home / "xgqa/images/n1.jpg").unlink()
    assert "picture" in built("xgqa", tmp_path)[1].reason and "n1.jpg is missing" in built("xgqa", tmp_path)[1].reason


# === CVQA ===
def japanese(home, labels: list[int]) -> None:
    """Rows of CVQA with some labels."""
    table(home / "cvqa/data/test-00001-of-00010.parquet", [
        {"image": held(f"c{i}"), "ID": f"5919991144272485961_{i}", "Subset": "('Japanese', 'Japan')", "Question": "q?",
         "Translated Question": "q?", "Options": ["a", "b", "c", "d"], "Translated Options": ["a", "b", "c", "d"],
         "Label": label, "Category": "x", "Image Type": "Self", "Image Source": "Self-open", "License": "CC BY-SA"}
        for i, label in enumerate(labels)])


def test_hidden_labels_give_a_submission_and_no_score(home, tmp_path):
    japanese(home, [-1] * 6)
    items, coverage = built("cvqa", tmp_path)
    assert coverage.status == "asked, answers are hidden" and coverage["items"] == 6 and coverage.blind == 0
    answers = ["C", "(B)", "The answer is D.", "a", "banana?", ""]
    [path] = submissions.write(tmp_path, items, answers)
    assert path.read_text().splitlines() == ["ID,Prediction", *(
        f"5919991144272485961_{i},{place}" for i, place in enumerate([2, 1, 3, 0, -1, -1]))]
    predictions = evaluate.predictions(items, answers, published.IDENTITY)
    assert predictions.empty and evaluate.scores(predictions, published.IDENTITY).empty
    tables.write(tmp_path / "scores.parquet", "scores", evaluate.scores(predictions, published.IDENTITY))


def test_a_published_id_that_holds_a_slash_is_sent_whole(home, tmp_path):
    japanese(home, [-1])
    items, _ = built("cvqa", tmp_path)
    items = items.assign(item_id=items.item_id.str.replace("_0", "/0"))
    assert tasks.TASKS["cvqa"].submission(items, ["A"]).ID.tolist() == ["5919991144272485961/0"]


def test_labels_that_are_there_are_scored_and_others_are_bad_rows(home, tmp_path):
    japanese(home, [*range(4)] * 10 + [7])
    items, coverage = built("cvqa", tmp_path)
    assert coverage.left_out == 1 and items.reference.tolist() == ["A", "B", "C", "D"] * 10
    assert submissions.write(tmp_path, items, ["A"] * 40) == []


@pytest.mark.parametrize(("answer", "place"), [("A", 0), ("b.", 1), ("C) x", 2), ("the sea", 2), ("I do not know", -1),
                                               ("D", -1), ("bananas", -1)])
def test_a_place_is_that_of_the_letter_or_the_option_named(answer, place):
    assert cvqa.place(answer, shared_prompts.choice("q?", ["dog", "a cat", "the sea"])) == place


# === M5 ===
def test_an_image_may_be_an_element_of_a_list_column(home, tmp_path, monkeypatch):
    table(home / "m5_vgr/data/en-00000-of-00001.parquet", [
        {"sample_id": f"s{i}", "hypothesis": "x", "label_str": str(i % 2 == 0),
         "images": [held(f"a{i}"), held(f"b{i}")]} for i in range(4)])
    stated = benchmarks.known()["m5_vgr"]
    columns = {"left": "images[0]", "right": "images[1]", "label": "label_str"}
    monkeypatch.setitem(benchmarks.known(), "m5_vgr", stated.model_copy(update={"columns": columns}))
    items, _ = built("m5_vgr", tmp_path)
    assert items.reference.tolist() == ["yes", "no"] * 2
    written = [(tmp_path / "pictures" / name).read_bytes() for name in items.images["en/s1"]]
    assert written == [held("a1")["bytes"], held("b1")["bytes"]]


@pytest.mark.parametrize(("label", "right"), [(0, "A"), ("4", "E"), ("c", "C"), (5, None), ("", None), ("AB", None)])
def test_a_label_of_an_odd_one_is_a_letter_or_a_number_from_0(label, right):
    assert m5_vlod.right(label) == right


# === any of them ===
@pytest.mark.parametrize("broken", [{"hypothesis": None}, {"image_a": None}, {"image_a": {"bytes": None, "path": "x"}},
                                    {"label": "maybe"}])
def test_one_broken_row_costs_one_item(home, tmp_path, broken):
    rows = [{"sample_id": f"s{i}", "language": "en", "topic": "cup", "hypothesis": "x", "label": "true",
             "image_a": held(f"a{i}"), "image_b": held(f"b{i}")} for i in range(30)]
    table(home / "m5_vgr/data/en-00000-of-00001.parquet", [*rows[:7], rows[7] | broken, *rows[8:]])
    items, coverage = built("m5_vgr", tmp_path)
    assert "en/s7" not in items.index and len(items) == 29 and coverage.left_out == 1


def test_bad_rows_of_any_kind_are_named():
    made = list(benchmark_files.each(iter([{"a": 1}, {}, {"a": "x"}]),
                                     lambda row: benchmark_files.Question("i", [], str(row["a"] + 1), ["r"])))
    assert made[0].prompt == "2" and made[1].reason.startswith("row 1: KeyError: 'a'")
    assert made[2].reason.startswith("row 2: TypeError")


def test_a_printed_command_fetches_the_pinned_revision():
    for name, stated in benchmarks.known().items():
        if stated.repo:
            assert f"hf download --repo-type dataset {stated.repo} --revision {stated.revision} " in stated.fetch, name


def test_the_page_of_layouts_has_a_row_for_each_benchmark_and_repository():
    assert set(benchmarks.known()) == set(tasks.of_group("benchmark"))
    rows = [line.split("|") for line in (paths.REPO / "docs/layouts.md").read_text().splitlines() if line[:1] == "|"]
    named, statuses = " ".join(row[1] for row in rows), {row[-2].strip() for row in rows[2:]} - {"---", "status"}
    repos = {entry.repo for entry in catalogue.entries().values() if entry.repo}
    assert [name for name in (*benchmarks.known(), *repos) if f"`{name}`" not in named] == []
    assert statuses == {"seen in public code or card", "seen in part", "from memory"}
