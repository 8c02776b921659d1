"""Bad rows of benchmarks are left out, counted and named; odd ones are read as they stand.

Run with: pytest tests/test_bad_rows.py
"""

import json
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import test_benchmark_builder as published
from test_benchmark_builder import asking, one

from centurio_lib.evaluation import benchmark_builder, benchmark_files
from centurio_lib.evaluation.tasks import m3exam, xmmmu
from centurio_lib.params import benchmarks

root = published.root  # a fixture


@pytest.mark.parametrize(("options", "labels", "texts"), [
    (["1.5", "2.5", "3.5"], ["1", "2", "3"], ["1.5", "2.5", "3.5"]),
    (["1:30", "2:30"], ["1", "2"], ["1:30", "2:30"]),
    (["๑.๕", "๒.๕"], ["1", "2"], ["๑.๕", "๒.๕"]),
    (["1. 5", "2. 7"], ["1", "2"], ["5", "7"]),
    (["A.5", "B.x"], ["A", "B"], ["5", "x"]),
], ids=range(5))
def test_a_number_is_no_label_of_an_option(options, labels, texts):
    assert m3exam.labelled(options) == (labels, texts)


@pytest.mark.parametrize(("label", "right"), [(True, True), ("False", False), (0, False), (1, True), ("no", False),
                                              (1.5, None), (None, None), ("maybe", None), (" TRUE ", True)])
def test_a_label_is_true_false_or_a_bad_row(label, right):
    assert benchmark_files.truth(label) is right


@pytest.mark.parametrize(("answer", "right"), [("[0, 1)", ["[0, 1)"]), ("['6', 'six']", ["6", "six"]), ("[6]", ["6"]),
                                               ("[x", ["[x"]), ("B", ["B"])])
def test_an_interval_is_an_answer_and_a_printed_list_is_several(answer, right):
    assert xmmmu.right(answer) == right


def test_rows_that_cannot_be_asked_are_left_out_counted_and_named(root, tmp_path, monkeypatch, capsys):
    path = one("xmmmu", root, tmp_path, monkeypatch) / "data/en-00000-of-00001.parquet"
    table = pq.read_table(path)
    good = table.to_pylist()[0]
    rows = [good | {"id": f"validation_{n}"} for n in range(200)]
    rows[3]["options"] = "['a', 'b"
    rows[4]["answer"] = " \u200b"
    rows[5] |= {"answer": "[0, 1)", "options": "[]", "question_type": "open"}
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    items, _ = benchmark_builder.build(asking(xmmmu="all"), tmp_path)
    said = items[(items.language == "en") & (items.split == "test")].set_index("item_id").reference
    assert len(said) == 198 and said["xmmmu/test/en/validation_5"] == "[0, 1)"
    assert ("xmmmu: en: 2 of 200 rows give no item; first: en-00000-of-00001.parquet, row 3: validation_3: options"
            in capsys.readouterr().out)


def test_half_a_character_costs_one_item_and_other_line_marks_cost_none(root, tmp_path, monkeypatch, capsys):
    path = one("xvnli", root, tmp_path, monkeypatch) / "annotations/en/test.jsonl"
    record = json.loads(path.read_text().split("\n")[0])
    lines = [json.dumps(record | {"pairID": f"p{n}", "gold_label": "neutral"}) for n in range(120)]
    lines[1] = json.dumps(record | {"pairID": "p1", "gold_label": "neutral", "sentence2": "a\u2028b\x85c"},
                          ensure_ascii=False)
    lines[2] = json.dumps(record | {"pairID": "p2", "gold_label": "neutral", "sentence2": "\ud83d"})
    path.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    items, _ = benchmark_builder.build(asking(xvnli="all"), tmp_path)
    own = items[(items.language == "en") & (items.split == "test")].set_index("item_id")
    assert len(own) == 119 and "a\u2028b\x85c" in own.prompt["xvnli/test/en/p1"]
    assert "xvnli: en: 1 of 120 rows give no item; first: p2: its text holds half" in capsys.readouterr().out


def test_a_label_that_is_no_truth_value_is_not_taken_for_no(root, tmp_path, monkeypatch, capsys):
    path = one("marvl", root, tmp_path, monkeypatch) / "annotations/marvl-sw.jsonl"
    record = json.loads(path.read_text().split("\n")[0])
    labels = ["False", *[True] * 118, "?"]
    path.write_text("\n".join(json.dumps(record | {"id": f"sw-{n}", "label": label}) for n, label in enumerate(labels)))
    items, _ = benchmark_builder.build(asking(marvl="all"), tmp_path)
    said = items[(items.language == "sw") & (items.split == "test")].set_index("item_id").reference
    assert said["marvl/test/sw/sw-0"] == "no" and said["marvl/test/sw/sw-1"] == "yes" and len(said) == 119
    assert ("marvl: sw: 1 of 120 rows give no item; first: marvl-sw.jsonl, record 119: sw-119: label '?'"
            in capsys.readouterr().out)


@pytest.mark.parametrize(("stored", "asked"), [("Cafe\u0301.JPG", "Caf\u00e9.jpg"), ("a/B.png", "a\\b.PNG")])
def test_pictures_are_found_in_other_spellings_of_their_names(tmp_path, stored, asked):
    (tmp_path / stored).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / stored).write_bytes(b"x")
    source = benchmark_files.Source("maxm", benchmarks.known()["maxm"], tmp_path)
    assert benchmark_files.picture(source, asked).read_bytes() == b"x"


def maxm_of(root, tmp_path, monkeypatch, bad: dict) -> pd.DataFrame:
    """Items of 150 English rows of MaXM, one of them another: its test items by id."""
    path = one("maxm", root, tmp_path, monkeypatch) / "data/en-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = [table.to_pylist()[0] | {"question_id": f"q{n}"} for n in range(150)]
    rows[7] |= bad
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    items, _ = benchmark_builder.build(asking(maxm="all"), tmp_path)
    return items[(items.language == "en") & (items.split == "test")].set_index("item_id")


@pytest.mark.parametrize(("bad", "said"), [
    ({"image": None}, "en-00000-of-00001.parquet, row 7: image is null"),
    ({"image": {"bytes": None, "path": None}}, "en-00000-of-00001.parquet, row 7: maxm: q7 holds no picture"),
    ({"image": {"bytes": b"", "path": None}}, "en-00000-of-00001.parquet, row 7: maxm: q7 holds no picture"),
    ({"image": {"bytes": b"<html>", "path": None}, "image_id": "odd"}, "q7: picture odd is not a readable image"),
    ({"question": None}, "en-00000-of-00001.parquet, row 7: question is null"),
    ({"image_id": None}, "en-00000-of-00001.parquet, row 7: image_id is null"),
    ({"processed_answers": None}, "en-00000-of-00001.parquet, row 7: processed_answers is null"),
    ({"processed_answers": ["dog", None]}, "q7: no right answer is stated"),
    ({"question": "<image> or <image>?"}, "q7: its text marks 2 pictures, but it has 1"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_row_that_lacks_something_is_left_out_and_its_file_named(root, tmp_path, monkeypatch, capsys, bad, said):
    items = maxm_of(root, tmp_path, monkeypatch, bad)
    assert len(items) == 149 and "maxm/test/en/q7" not in items.index and "maxm/test/en/q8" in items.index
    assert f"maxm: en: 1 of 150 rows give no item; first: {said}" in capsys.readouterr().out


def test_a_file_without_any_picture_is_of_another_form(root, tmp_path, monkeypatch):
    path = one("xm3600", root, tmp_path, monkeypatch) / "data/en-00000-of-00001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index("image"), "image", pa.nulls(len(table))), path)
    _, coverage = benchmark_builder.build(asking(xm3600="all"), tmp_path)
    assert re.search(r"xm3600: en: 4 of 4 rows .*en-00000-of-00001.parquet, row 0: image is null", coverage.reason[0])


def test_a_row_without_language_is_bad_in_each(root, tmp_path, monkeypatch, capsys):
    path = one("mtvqa", root, tmp_path, monkeypatch) / "data/test-00000-of-00002.parquet"
    table = pq.read_table(path)
    rows = [row | {"id": f"{row['id']}-{n}"} for n in range(60) for row in table.to_pylist()]
    rows[1]["lang"] = None
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    benchmark_builder.build(asking(mtvqa="all"), tmp_path)
    said = [line for line in capsys.readouterr().out.splitlines() if "test-00000-of-00002.parquet, row 1: lang" in line]
    assert len(said) > 1 and all("1 of" in line for line in said)


def test_a_text_that_is_no_utf8_costs_its_row_alone(root, tmp_path, monkeypatch, capsys):
    path = one("maxm", root, tmp_path, monkeypatch) / "data/en-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = [table.to_pylist()[0] | {"question_id": f"q{n}"} for n in range(150)]
    table = type(table).from_pylist(rows, schema=table.schema)
    asked = pa.array([b"what \xff?" if n == 7 else b"what?" for n in range(150)], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 150, asked.buffers())
    pq.write_table(table.set_column(table.schema.get_field_index("question"), "question", broken), path)
    items, _ = benchmark_builder.build(asking(maxm="all"), tmp_path)
    assert ((items.language == "en") & (items.split == "test")).sum() == 149
    assert "first: en-00000-of-00001.parquet, row 7: is no UTF-8" in capsys.readouterr().out


@pytest.mark.parametrize(("line", "said"), [("{", "is no JSON"), ("[" * 100_000, "is no JSON"), ("3", "3 is no record"),
                                            ('"a text"', "'a text' is no record"), ('{"gold_label": null, '
                                            '"sentence2": "", "pairID": "", "Flikr30kID": ""}', "gold_label is null")])
def test_a_line_that_is_no_record_costs_itself_alone(root, tmp_path, monkeypatch, capsys, line, said):
    path = one("xvnli", root, tmp_path, monkeypatch) / "annotations/en/test.jsonl"
    record = json.loads(path.read_text().split("\n")[0])
    lines = [json.dumps(record | {"pairID": f"p{n}", "gold_label": "neutral"}) for n in range(120)]
    path.write_text("\n".join([*lines[:9], line, *lines[9:]]))
    items, _ = benchmark_builder.build(asking(xvnli="all"), tmp_path)
    assert ((items.language == "en") & (items.split == "test")).sum() == 120
    assert f"xvnli: en: 1 of 121 rows give no item; first: test.jsonl, record 9: {said}" in capsys.readouterr().out


def test_a_picture_stays_in_the_folder_of_its_benchmark(root, tmp_path, monkeypatch, capsys):
    assert maxm_of(root, tmp_path, monkeypatch, {"image_id": "../xgqa/n0"}).empty
    assert "outside its folder" in capsys.readouterr().out
