"""Benchmarks of the hub that hold their images, in their published layouts: no more files are fetched than items need.

Run with: pytest tests/test_hub_benchmarks.py
"""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_hub
from tiny_benchmarks import held

from centurio_lib import params, paths
from centurio_lib.data.hub import hub
from centurio_lib.evaluation import benchmark_builder, shared_prompts
from centurio_lib.evaluation.tasks import xvnli
from centurio_lib.params import benchmarks

EVALUATION = params.profile("one-gpu").evaluation
PARTS = [f"data/id-0000{n}-of-00003.parquet" for n in range(3)]


def content(rows: list[dict]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def marvl(n: int, first: int = 0) -> list[dict]:
    """Rows of floschne/marvl, by its card."""
    return [{"id": f"id-{i}", "hypothesis": f"gambar {i}", "hypo_en": f"picture {i}", "language": "id",
             "label": bool(i % 2), "chapter": "Animal", "concept": "38-Bebek", "annotator_info": {"age": 1},
             "left_img_id": f"38-{i}.jpg", "right_img_id": f"38-{i + 1}.jpg", "left_img": held(f"l{i}"),
             "right_img": held(f"r{i}"), "resized_left_img": held("x"), "resized_right_img": held("x"),
             "vertically_stacked_img": held("x"), "horizontally_stacked_img": held("x")}
            for i in range(first, first + n)]


def statements(n: int) -> list[dict]:
    """Rows of floschne/xvnli, by its card."""
    labels = ["entailment", "neutral", "-", "contradiction"]
    return [{"label": labels[i % 4], "caption": "c", "hypothesis": f"statement {i}", "caption_id": f"{i}.jpg#0",
             "pair_id": f"{i}.jpg#0r1c", "flikr30k_id": f"{i}.jpg", "image": held(f"f{i}")} for i in range(n)]


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Builds the items of a benchmark from a hub with some files; returns items, coverage, and what was downloaded."""
    monkeypatch.setattr(paths, "DATASETS", tmp_path / "fetched")
    monkeypatch.setattr(paths, "BENCHMARKS", tmp_path / "nothing")

    def built(name: str, n: int, contents: dict[str, bytes]):
        calls = tiny_hub.serve(monkeypatch, contents)
        asking = params.profile("one-gpu").model_copy(
            update={"evaluation": EVALUATION.model_copy(update={"items": {name: n}})})
        return *benchmark_builder.build(asking, tmp_path / "built"), calls

    return built


def test_marvl_is_read_from_the_hubs_copy_and_no_shard_more_than_the_items_need(build):
    contents = {name: content(marvl(10, 10 * n)) for n, name in enumerate(PARTS)}
    items, coverage, calls = build("marvl", 15, contents)
    test = items[items.split == "test"]
    assert calls == PARTS[:2] and len(test) == 15 and set(test.language) == {"id"}
    assert test.prompt.tolist()[3] == shared_prompts.about_two_images("gambar 3")
    assert test.reference.tolist()[:4] == ["no", "yes", "no", "yes"]
    assert test.images.tolist()[0] == ["marvl/id/38-0.jpg", "marvl/id/38-1.jpg"]
    assert coverage.status.tolist() == ["partly"] and coverage.reason[0].startswith("en sw ta tr zh")


def test_xvnli_is_read_from_the_hubs_copy_without_statements_that_lack_a_gold_label(build):
    items, _, _ = build("xvnli", 5, {"data/en-00000-of-00001.parquet": content(statements(12))})
    test = items[items.split == "test"]
    assert test.reference.tolist() == ["yes", "maybe", "no", "yes", "maybe"]
    assert test.prompt.tolist()[2] == xvnli.prompt("statement 3") and test.images.tolist()[2] == ["xvnli/3.jpg"]


@pytest.mark.parametrize("column", ["hypothesis", "left_img", "left_img_id"])
def test_a_copy_whose_columns_changed_is_not_run_and_says_so(column, build):
    rows = [{key: value for key, value in row.items() if key != column} for row in marvl(4)]
    items, coverage, _ = build("marvl", 4, {PARTS[0]: content(rows)})
    assert items.empty and coverage.status.tolist() == ["not run"]


def test_a_disk_that_is_full_stops_the_work(build, monkeypatch):
    """A benchmark that does not fit is no benchmark that cannot be had."""
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1}))
    with pytest.raises(OSError, match="GB are free"):
        build("marvl", 4, {PARTS[0]: content(marvl(4))})


def test_commands_that_fetch_a_benchmark_name_its_revision():
    for name, stated in benchmarks.known().items():
        if stated.repo:
            assert f"--revision {stated.revision}" in stated.fetch, name
