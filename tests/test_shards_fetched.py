"""Shards of a data set: fetched when they are reached, removed where asked, and refused where their form is another.

Run with: pytest tests/test_shards_fetched.py
"""

import shutil

import killed
import pandas as pd
import pytest
import tiny_hub

from centurio_lib import params, paths, storage, tables
from centurio_lib.data import image_store
from centurio_lib.data.hub import catalogue, convert, ingest
from centurio_lib.params.hub_data import Sources, Translation

OPTIONS = Sources(pretrain=["sharegpt4v_coco"], instruct=["vqav2"], max_image_size=20, shard_size=10,
                  translation=Translation(model="none"))
SHARDS = [f"vqav2/train-{n:05}-of-00004.parquet" for n in range(4)]


def shards(monkeypatch, tmp_path, broken: dict[str, bytes] | None = None) -> list[str]:
    """A hub with VQAv2 in four shards of ten rows, in the place of the miniatures; the names that are downloaded."""
    monkeypatch.setattr(paths, "DATASETS", tmp_path / "fetched")
    contents = {name: tiny_hub.cauldron(10, 1, 100 * n) for n, name in enumerate(SHARDS)}
    return tiny_hub.serve(monkeypatch, contents | (broken or {}))


def taken_in(folder) -> pd.DataFrame:
    """All samples under a folder."""
    return pd.concat([tables.read(path, "samples") for path in ingest.sample_files(folder)], ignore_index=True)


def limited(at_most: int | None, keep_files: bool = True) -> Sources:
    return OPTIONS.model_copy(update={"instruct": {"vqav2": at_most}, "keep_files": keep_files})


@pytest.mark.parametrize(("at_most", "fetched"), [(7, 1), (10, 1), (11, 2), (25, 3), (40, 4), (None, 4)])
def test_no_more_shards_are_fetched_than_the_samples_need(at_most, fetched, tmp_path, monkeypatch):
    calls = shards(monkeypatch, tmp_path)
    done = ingest.take_in(tmp_path / "s", catalogue.entries()["vqav2"], limited(at_most))
    assert calls == SHARDS[:fetched] and done["files"] == fetched
    assert done["samples"] == (at_most or 40) and done["finished"]
    assert done["bytes"] == sum(path.stat().st_size for path in (tmp_path / "fetched").rglob("*.parquet"))


@pytest.mark.parametrize("writes", [2, 3, 5])
def test_a_killed_run_goes_on_without_the_shards_that_it_has_removed(writes, tmp_path, monkeypatch):
    entry, folder = catalogue.entries()["vqav2"], tmp_path / "killed" / "vqav2"
    shards(monkeypatch, tmp_path)
    whole = ingest.take_in(tmp_path / "whole" / "vqav2", entry, limited(33))
    shutil.rmtree(tmp_path / "fetched")
    calls = shards(monkeypatch, tmp_path)
    with killed.before(storage, "write_json", writes):
        ingest.take_in(folder, entry, limited(33, keep_files=False))
    assert ingest.take_in(folder, entry, limited(33, keep_files=False)) == whole
    assert not list((tmp_path / "fetched").rglob("*.parquet")) and len(calls) <= len(SHARDS) + 1
    pd.testing.assert_frame_equal(taken_in(tmp_path / "killed"), taken_in(tmp_path / "whole"))
    stored = [image_store.Mapped(ingest.image_files(tmp_path / name)) for name in ("killed", "whole")]
    assert stored[0].image_ids == stored[1].image_ids


def test_files_that_were_put_there_by_hand_are_never_removed(tmp_path, monkeypatch):
    home = tiny_hub.write(tmp_path / "datasets")
    monkeypatch.setattr(paths, "DATASETS", home)
    ingest.take_in(tmp_path / "s", catalogue.entries()["vqav2"], limited(None, keep_files=False))
    assert list((home / "HuggingFaceM4/the_cauldron/vqav2").glob("*.parquet"))


def test_columns_that_changed_in_a_later_shard_are_named_and_what_came_before_stays(tmp_path, monkeypatch):
    other = tiny_hub.parquet([{"pictures": [], "texts": []}])
    calls = shards(monkeypatch, tmp_path, {SHARDS[2]: other})
    with pytest.raises(convert.SourceError, match=r"vqav2 .*lacks columns \['images'\]; it has \['pictures', 'texts'"):
        ingest.take_in(tmp_path / "s", catalogue.entries()["vqav2"], limited(None))
    assert calls == SHARDS[:3] and storage.read_json(tmp_path / "s" / "progress.json")["samples"] == 20


@pytest.mark.parametrize(("path", "archive"), [
    ("/fsx/m4/COCO_train2014_000000000009.jpg", "coco_train2017"), ("CLEVR_v1.0/images/train/1.png", "clevr"),
    (None, "the archive that holds it")])
def test_images_without_bytes_are_refused_at_the_first_row(path, archive, tmp_path, monkeypatch):
    """So are OK-VQA's and CLEVR-Math's in The Cauldron: names of files of the publisher's own disk."""
    row = {"images": [{"bytes": None, "path": path}], "texts": [{"user": "Q?", "assistant": "A.", "source": "x"}]}
    shards(monkeypatch, tmp_path, {SHARDS[0]: tiny_hub.parquet([row] * 500)})
    with pytest.raises(convert.SourceError, match=rf"vqav2 .*holds no bytes of its images.*name {archive} "):
        ingest.take_in(tmp_path / "s", catalogue.entries()["vqav2"], limited(None))
    assert not list(tmp_path.rglob("samples-*.parquet"))


def test_one_later_row_without_bytes_costs_its_sample_alone(tmp_path, monkeypatch):
    rows = [{"images": [{"bytes": None if n == 150 else tiny_hub.picture(n), "path": None}],
             "texts": [{"user": "Q?", "assistant": "A.", "source": "x"}]} for n in range(200)]
    shards(monkeypatch, tmp_path, {SHARDS[0]: tiny_hub.parquet(rows)})
    done = ingest.take_in(tmp_path / "s", catalogue.entries()["vqav2"], limited(199))
    assert (done["samples"], done["bad"], done["files"]) == (199, 1, 1)


def test_rows_with_their_image_inside_become_conversations(tmp_path, monkeypatch):
    """LLaVA-OneVision's layout: columns id, image, conversations, data_source; a row may have no image."""
    monkeypatch.setattr(paths, "DATASETS", tmp_path / "fetched")
    rows = [tiny_hub.chat(None, n) | {"image": {"bytes": tiny_hub.picture(n), "path": f"{n}.jpg"} if n else None,
                                      "data_source": "allava_instruct_laion4v"} for n in range(5)]
    tiny_hub.serve(monkeypatch, {"allava_instruct_laion4v/train-00000-of-00012.parquet": tiny_hub.parquet(rows)})
    done = ingest.take_in(tmp_path / "out" / "s", catalogue.entries()["allava_ov"], OPTIONS)
    taken = taken_in(tmp_path / "out")
    assert (done["samples"], done["images"], done["bad"]) == (5, 4, 0)
    assert [len(images) for images in taken.images] == [0, 1, 1, 1, 1]
    assert all(turn["text"] == "What do you see?" for turns in taken.turns for turn in turns[:1])


# === a whole profile ===
def row_of(name: str, n: int) -> dict:
    """A row of a data set of `one-gpu` in its published layout."""
    if catalogue.entries()[name].form == "llava_embedded":
        image = {"bytes": tiny_hub.picture(n), "path": f"{n}.jpg"}
        return tiny_hub.chat(None, n) | {"image": image, "data_source": name}
    images = 2 if name in ("nlvr2", "spot_the_diff") else 1
    return {"images": [{"bytes": tiny_hub.picture(10 * n + k), "path": None} for k in range(images)],
            "texts": [{"user": f"What is {n}?", "assistant": f"It is {n}.", "source": name}]}


def test_all_data_sets_of_one_gpu_are_taken_in_and_leave_no_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "DATASETS", tmp_path / "fetched")
    sources = params.profile("one-gpu").data.sources
    few = {stage: dict.fromkeys(getattr(sources, stage), 3) for stage in ("pretrain", "instruct")}
    files = {entry.files[0].replace("*", "00000-of-00002"): entry.name
             for entry in (catalogue.entries()[name] for stage in few.values() for name in stage)}
    contents = {file: tiny_hub.parquet([row_of(name, n) for n in range(4)]) for file, name in files.items()}
    calls = tiny_hub.serve(monkeypatch, contents | {file.replace("00000-", "00001-"): b"" for file in contents})
    options = sources.model_copy(update=few)
    for stage in few:
        table = ingest.build(tmp_path / "out" / stage, stage, options)
        assert (table.samples == 3).all() and (table.files == 1).all() and (table.bad + table.bad_rows == 0).all()
    assert sorted(calls) == sorted(contents)  # none of the second files
    assert not list((tmp_path / "fetched").rglob("*.parquet"))
    assert "0 bad rows; 1 files, 0.00 GB" in capsys.readouterr().out
    taken = taken_in(tmp_path / "out" / "instruct")
    assert set(taken[taken.text_heavy].source) == {"ocrvqa", "dvqa", "chartqa", "docvqa", "scienceqa", "ai2d"}
