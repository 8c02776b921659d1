"""Data sets as they are published: images without bytes, several sets in one file, odd labels, broken sets.

The files are made here in the layout that public loaders and cards show; docs/layouts.md names them.

Run with: pytest tests/test_odd_data_sets.py
"""

import json

import pytest
import test_hub_ingest as hub_ingest
import tiny_hub

from centurio_lib import image_file
from centurio_lib.data import image_store
from centurio_lib.data.hub import catalogue, convert, hub, ingest

home = hub_ingest.home  # a fixture
PLACE = "/fsx/m4/datasets/downloads/extracted/x"  # where the Cauldron's images lay when it was made
BROKEN = tiny_hub.parquet([{"pictures": [], "conversation": "x"}])


def without_bytes(home, name: str, paths: list[str]) -> None:
    """A part of The Cauldron whose images have paths and no bytes."""
    rows = [{"images": [{"bytes": None, "path": path}],
             "texts": [{"user": f"q {i}?", "assistant": "a.", "source": "x"}]} for i, path in enumerate(paths)]
    tiny_hub.put(home, "HuggingFaceM4/the_cauldron", f"{name}/train-00000-of-00001.parquet", tiny_hub.parquet(rows))
    tiny_hub.put(home, "HuggingFaceM4/the_cauldron", f".complete/{name}.json", b"{}")


# === images without bytes ===
def test_images_of_okvqa_are_taken_from_cocos_archive_by_their_paths(home, tmp_path):
    members = {f"train2017/{name}": tiny_hub.picture(i) for i, name in enumerate(tiny_hub.coco(4))}
    tiny_hub.put(home, "coco_train2017", "train2017.zip", tiny_hub.zipped(members))
    without_bytes(home, "okvqa", [f"{PLACE}/COCO_train2014_{name}" for name in tiny_hub.coco(4)])
    done = ingest.take_in(tmp_path / "in" / "okvqa", catalogue.entries()["okvqa"], hub_ingest.OPTIONS)
    assert (done["samples"], done["bad"]) == (4, 0)
    taken = image_store.Mapped(ingest.image_files(tmp_path / "in"))[[f"okvqa/{n}/0" for n in range(4)]].image
    expected = [ingest.reduced(content, "x", hub_ingest.OPTIONS.max_image_size) for content in members.values()]
    assert [bytes(image) for image in taken] == expected


def test_images_of_clevr_math_are_taken_from_clevrs_archive_by_their_paths(home, tmp_path):
    members = {f"CLEVR_v1.0/images/train/CLEVR_train_{i:06}.png": tiny_hub.picture(i, form="PNG") for i in range(3)}
    tiny_hub.put(home, "clevr", "CLEVR_v1.0.zip", tiny_hub.zipped(members))
    without_bytes(home, "clevr_math", [f"{PLACE}/{name}" for name in members])
    done = ingest.take_in(tmp_path / "in" / "s", catalogue.entries()["clevr_math"], hub_ingest.OPTIONS)
    assert (done["samples"], done["bad"]) == (3, 0)


def test_an_archive_that_is_not_at_hand_is_named(home, tmp_path, monkeypatch):
    def unreachable(url, path, *_):
        raise hub.HubError(f"archive {path.name}: {url} is not reachable")
    monkeypatch.setattr(hub, "archive", unreachable)
    without_bytes(home, "clevr_math", [f"{PLACE}/CLEVR_v1.0/images/train/CLEVR_train_000000.png"])
    with pytest.raises(hub.HubError, match=r"CLEVR_v1\.0\.zip: https://dl\.fbaipublicfiles\.com/clevr"):
        ingest.take_in(tmp_path / "s", catalogue.entries()["clevr_math"], hub_ingest.OPTIONS)


# === several sets in one file ===
def cambrian(home) -> list[dict]:
    """Cambrian's file with rows of several sources, and the archives of two."""
    rows = [tiny_hub.chat(image, i) | {"source": source} for i, (source, image) in enumerate([
        ("sketchyvqa_8k.json", "oodvqa/sketch/0.png"), ("oodvqa_8k.json", "oodvqa/1.jpg"),
        ("sketchyvqa_8k.json", "oodvqa/sketch/0.png"), ("gpt77k.json", "oodvqa/1.jpg"),
        ("scienceqa_12k.json", "scienceqa/0.png"), ("scienceqa_12k.json", None), ("orca_994k.json", None)])]
    text = "\n".join(json.dumps(row) for row in rows)
    repo = catalogue.entries()["sketchyvqa"].repo
    tiny_hub.put(home, repo, "jsons/Cambrian10M.jsonl", text.encode())
    for folder, members in (("oodvqa", ["oodvqa/sketch/0.png", "oodvqa/1.jpg"]), ("scienceqa", ["scienceqa/0.png"])):
        content = tiny_hub.tarred({name: tiny_hub.picture(i) for i, name in enumerate(members)}, "w:gz")
        tiny_hub.put(home, repo, f"{folder}.tar.gz", content)
    for name in ("sketchyvqa", "oodvqa", "scienceqa_cambrian"):
        tiny_hub.put(home, repo, f".complete/{name}.json", b"{}")
    return rows


@pytest.mark.parametrize(("name", "turns"), [("sketchyvqa", [8]), ("oodvqa", [4]), ("scienceqa_cambrian", [4])])
def test_sets_of_cambrian_are_told_apart_by_their_source(home, tmp_path, name, turns):
    cambrian(home)
    raws = [raw for raw in hub_ingest.raws(name) if raw]
    assert [len(raw.turns) for raw in raws] == turns
    done = ingest.take_in(tmp_path / "s", catalogue.entries()[name], hub_ingest.OPTIONS)
    assert (done["samples"], done["bad"]) == (len(turns), 0)


# === odd rows ===
@pytest.mark.parametrize(("label", "answer"), [("B", "B"), ("b)", "B"), ("(C) red", "C"), ("D.", "D"), ("E", None),
                                               ("", None), ("Figure 2", None), (None, None), ("-", None),
                                               ("Apple", None)])
def test_labels_of_arxivqa_are_letters_of_options_or_give_no_sample(label, answer):
    row = {"image": "a.jpg", "question": "q?", "options": ["A) x", "B) y", "C) z", "D) w"], "label": label}
    raw = convert.finished(convert.converted(convert.FORMS["arxivqa"], row))
    assert (raw.turns[1][1] if raw else None) == answer


def test_a_row_that_names_no_language_is_left_out():
    row = {"inputs": "q?", "targets": "a", "language_code": None}
    assert convert.code_of(None) is None and convert.finished(convert.converted(convert.FORMS["aya"], row)) is None


# === one set stops no other ===
def test_a_broken_set_is_left_out_with_its_reason_and_the_others_are_taken_in(home, tmp_path, capsys):
    tiny_hub.put(home, "HuggingFaceM4/the_cauldron", "nlvr2/train-00000-of-00001.parquet", BROKEN)
    chosen = dict.fromkeys(["vqav2", "nlvr2", "ocrvqa"])
    table = ingest.build(tmp_path, "instruct", hub_ingest.OPTIONS.model_copy(update={"instruct": chosen}))
    assert table.samples.tolist() == [24, 0, 24] and table.reason.str.contains("row 0 lacks columns").tolist() == [
        False, True, False]
    assert "instruct: nlvr2 is LEFT OUT: data set nlvr2" in capsys.readouterr().out
    assert set(hub_ingest.samples(tmp_path).source) == {"vqav2", "ocrvqa"}


def test_a_set_that_is_not_at_hand_is_named_after_the_others_are_taken_in(home, tmp_path, monkeypatch):
    files_of = catalogue.files_of

    def gated(entry):
        if entry.name == "vqav2":
            raise hub.HubError("data set vqav2: accept its licence")
        return files_of(entry)

    monkeypatch.setattr(catalogue, "files_of", gated)
    chosen = dict.fromkeys(["vqav2", "nlvr2"])
    with pytest.raises(hub.HubError, match=r"(?s)accept its licence.*The other 1 data sets of instruct are taken in"):
        ingest.build(tmp_path, "instruct", hub_ingest.OPTIONS.model_copy(update={"instruct": chosen}))
    assert len(hub_ingest.samples(tmp_path)) == 24
    [image] = image_store.Mapped(ingest.image_files(tmp_path))[["nlvr2/0/0"]].image
    assert image_file.read(bytes(image)).size
