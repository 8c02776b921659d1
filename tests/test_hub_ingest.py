"""Data sets of the hub, as miniatures in their true formats: converted, taken in, counted, and refused where wrong.

Run with: pytest tests/test_hub_ingest.py
"""

import json
import shutil
from types import SimpleNamespace

import killed
import pandas as pd
import pytest
import tiny_hub
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib import image_file, params, paths, storage, tables
from centurio_lib.data import image_store
from centurio_lib.data.hub import catalogue, convert, ingest
from centurio_lib.params import benchmarks
from centurio_lib.params.hub_data import Sources, Translation

OPTIONS = Sources(
    pretrain=["sharegpt4v"], instruct=["vqav2"], max_image_size=20, shard_size=10, translation=Translation(model="none")
)
TABLE_8 = {
    "LLaVA-Instruct": 160,
    "VQAv2": 83,
    "GQA": 72,
    "OKVQA": 9,
    "A-OKVQA": 30,
    "RefCOCO": 48,
    "Visual Genome": 86,
    "MSCOCO captions": 50,
    "NLVR2": 86,
    "Spot-the-difference": 8,
    "OCRVQA": 50,
    "DocVQA": 10,
    "AI2D": 3,
    "ChartQA": 18,
    "DVQA": 50,
    "ScienceQA": 6,
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The miniatures, in place of what would be downloaded."""
    monkeypatch.setattr(paths, "DATASETS", tiny_hub.write(tmp_path / "datasets"))
    return tmp_path / "datasets"


def raws(name: str) -> list:
    entry = catalogue.entries()[name]
    return [raw for raw in convert.samples(entry, catalogue.fetched(entry)) if raw]


def samples(folder) -> pd.DataFrame:
    return pd.concat(
        [tables.read(path, "samples") for path in ingest.sample_files(folder)], ignore_index=True
    )


# === the catalogue ===
def test_catalogue_has_the_papers_tables():
    rows = catalogue.entries().values()
    assert {e.paper_set: e.thousands for e in rows if e.table == "8"} == TABLE_8 and sum(
        TABLE_8.values()
    ) == 769
    assert (
        2300 <= sum(e.thousands for e in rows if e.table == "9") <= 2500
    )  # the paper's table sums to about 2.45 M
    assert sum(e.thousands for e in rows if e.table and e.stage == "pretrain") == 2000


def test_rows_of_the_catalogue_are_whole():
    for e in catalogue.entries().values():
        assert e.status in ("hub", "replaced", "missing") and not (e.text_heavy and e.translated), e.name
        if e.status == "missing":
            assert e.note and not e.repo, e.name
            continue
        assert e.form in convert.FORMS and e.repo and e.revision and e.files and e.licence, e.name
        assert set(e.images) - {"embedded", "own", "none"} <= set(catalogue.archives()), e.name
    assert (
        sum(e.thousands for e in catalogue.entries().values() if e.table == "8" and e.text_heavy) == 137
    )  # 18 %


@pytest.mark.parametrize(
    ("stage", "name", "message"),
    [
        ("instruct", "nonsense", "no such data set; there are: llava_instruct"),
        ("pretrain", "vqav2", "no such data set"),
        ("instruct", "gone", "cannot be loaded: its host is closed"),
    ],
)
def test_unknown_and_missing_data_sets_are_named(stage, name, message, monkeypatch):
    gone = catalogue.entries()["vqav2"]._replace(name="gone", status="missing", note="its host is closed")
    monkeypatch.setitem(catalogue.entries(), "gone", gone)
    with pytest.raises(catalogue.CatalogueError, match=message):
        catalogue.entry(name, stage)


@pytest.mark.parametrize("name", ["paper", "paper-llama3", "paper-qwen", "paper-aya"])
def test_papers_profiles_name_all_that_can_be_had_and_ask_for_no_more(name):
    """Table 8, and for the final models Table 9 and both captions; every task of the paper and every setup resolves."""
    profile, rows = params.profile(name), catalogue.entries().values()
    asked = {"8", "9"} if profile.study.questions == ["centurio"] else {"8"}
    sources = profile.data.sources
    assert set(sources.instruct) == {e.name for e in rows if e.table in asked and e.status != "missing"}
    for stage in ("pretrain", "instruct"):
        found = [catalogue.entry(one, stage) for one in getattr(sources, stage)]
        assert getattr(profile, stage).samples < 1000 * sum(e.thousands for e in found)
    assert set(benchmarks.of_profile(profile)) == set(benchmarks.known())
    for setup in params.studied(profile):
        params.check(profile, params.setup(setup))
        assert params.reads(profile, params.setup(setup)) and not params.plots(profile, params.setup(setup))


# === what rows become ===
@pytest.mark.parametrize(
    ("name", "n", "images", "turns"),
    [
        ("vqav2", 24, 1, 4),
        ("nlvr2", 24, 2, 4),
        ("ocrvqa", 24, 1, 4),
        ("sharegpt4v", 72, 1, 4),
        ("gqa", 3, 1, 4),
        ("vg", 3, 1, 4),
        ("refcoco", 3, 1, 4),
        ("coco_captions", 6, 1, 4),
        ("arxivqa", 4, 1, 4),
        ("geo170k", 3, 1, 8),
        ("screenqa", 4, 1, 4),
        ("mathvision", 3, 1, 2),
        ("aya", 8, 0, 2),
        ("tagengo", 2, 0, 4),
        ("magpie_mt", 4, 0, 4),
        ("magpie_ultra", 4, 0, 2),
    ],
)
def test_every_form_of_row_becomes_a_conversation(name, n, images, turns, home):
    found = raws(name)
    assert len(found) == n
    for raw in found:
        assert len(raw.images) == images and [role for role, _ in raw.turns] == ["user", "assistant"] * (
            turns // 2
        )
        assert not any("<image" in text or not text.strip() for _, text in raw.turns)


def test_all_questions_on_one_image_make_one_conversation(home):
    first = raws("screenqa")[0]
    assert [text for role, text in first.turns if role == "user"] == ["What is shown 0?", "What is shown 4?"]
    figure = raws("geo170k")[1]
    assert [text for _, text in figure.turns if text.startswith("At place")] == ["At place 2.", "At place 3."]
    assert [text for role, text in raws("arxivqa")[1].turns if role == "user"][1].startswith("Which 3?")


def test_languages_are_known_by_any_name(home):
    assert [raw.language for raw in raws("aya")] == ["de", "sw", "en", "zh"] * 2
    assert [raw.language for raw in raws("tagengo")] == ["ar", "zh"]
    assert convert.code_of("eng") == convert.code_of("English") == "en" and convert.code_of("Klingon") is None


@pytest.mark.parametrize("name", ["vqav2", "sharegpt4v", "aya", "screenqa"])
def test_a_wrong_column_is_named(name, home):
    entry = catalogue.entries()[name]
    file = next(path for path in catalogue.fetched(entry) if path.suffix in convert.DATA)
    rows = [{"pictures": [], "conversation": "x"}]
    file.write_bytes(tiny_hub.parquet(rows) if file.suffix == ".parquet" else tiny_hub.as_json(rows))
    with pytest.raises(
        convert.SourceError, match=rf"{name} .*row 0 lacks columns .*it has \['conversation', 'pictures'\]"
    ):
        list(convert.samples(entry, [file]))


# === taken in ===
def test_samples_and_images_are_taken_in(home, tmp_path):
    for name in ("vqav2", "nlvr2", "sharegpt4v", "arxivqa", "aya", "gqa"):
        entry = catalogue.entries()[name]
        done = ingest.take_in(tmp_path / "out" / name, entry, OPTIONS)
        own = samples(tmp_path / "out").query("source == @name")
        assert len(own) == done["samples"] and done["bad"] == 0 and done["finished"]
        assert (own.translatable == (own.language == "en") * entry.translated).all()
    images = image_store.Mapped(ingest.image_files(tmp_path / "out"))
    wanted = [image for row in samples(tmp_path / "out").images for image in row]
    found = images[wanted]
    assert found.image_id.tolist() == wanted and set(images.place) == set(wanted)
    assert all(max(image_file.read(image).size) == 20 for image in found.image)
    with pytest.raises(KeyError, match=r"nobody"):
        images[["nobody"]]


def test_images_of_both_parts_of_coco_are_found(home, tmp_path):
    """LVIS-Instruct4V names pictures of COCO's training and validation sets, by the same file names here."""
    done = ingest.take_in(tmp_path / "out" / "lvis", catalogue.entries()["lvis_instruct4v"], OPTIONS)
    assert done["samples"] == 4 and done["bad"] == 0
    found = image_store.Mapped(ingest.image_files(tmp_path / "out"))
    wanted = [image for row in samples(tmp_path / "out").images for image in row]
    assert len({bytes(image) for image in found[wanted].image}) == 4


def test_profile_may_take_a_part_and_the_report_says_the_papers_number(home, tmp_path):
    options = OPTIONS.model_copy(update={"at_most": 7, "instruct": {"vqav2": None, "ocrvqa": 3}})
    table = ingest.build(tmp_path, "instruct", options).set_index("source")
    assert table.samples.tolist() == [7, 3] and table.paper["vqav2"] == 83_000
    assert ingest.build(tmp_path / "none", "instruct", None).empty


def test_a_killed_run_goes_on_and_ends_with_the_same(home, tmp_path):
    def times() -> dict:
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "s").iterdir()}
    entry = catalogue.entries()["sharegpt4v"]
    whole = ingest.take_in(tmp_path / "whole" / "s", entry, OPTIONS)
    with killed.before(storage, "write_json", 3):  # after the files of a shard, before what says that they are whole
        ingest.take_in(tmp_path / "killed" / "s", entry, OPTIONS)
    assert ingest.take_in(tmp_path / "killed" / "s", entry, OPTIONS) == whole
    pd.testing.assert_frame_equal(samples(tmp_path / "killed"), samples(tmp_path / "whole"))
    before = times()
    assert ingest.take_in(tmp_path / "killed" / "s", entry, OPTIONS) == whole and times() == before
    ingest.take_in(tmp_path / "killed" / "s", entry, OPTIONS.model_copy(update={"max_image_size": 10}))
    assert times() != before


@pytest.mark.parametrize(("bad", "fails"), [(1, False), (4, True)])
def test_bad_images_are_counted_and_too_many_are_an_error(bad, fails, home, tmp_path):
    n = 200
    members = {f"train2017/{name}": tiny_hub.picture(i) for i, name in enumerate(tiny_hub.coco(n))}
    for name in list(members)[:bad]:
        members[name] = members[name][:100]
    tiny_hub.put(home, "coco_train2017", "train2017.zip", tiny_hub.zipped(members))
    tiny_hub.put(
        home,
        "Lin-Chen/ShareGPT4V",
        "share-captioner_coco_lcs_sam_1246k_1107.json",
        tiny_hub.as_json([tiny_hub.chat(f"coco/{name}", i) for i, name in enumerate(members)]),
    )
    if fails:
        with pytest.raises(
            convert.SourceError, match=r"4 of 200 images cannot be read, more than 1%.*sharegpt4v/0/0"
        ):
            ingest.take_in(tmp_path / "s", catalogue.entries()["sharegpt4v"], OPTIONS)
    else:
        done = ingest.take_in(tmp_path / "out" / "s", catalogue.entries()["sharegpt4v"], OPTIONS)
        assert (
            done["bad"] == 1
            and done["samples"] == 199
            and "sharegpt4v/0" not in set(samples(tmp_path / "out").sample_id)
        )


def test_a_bad_row_costs_its_sample_alone_and_is_named(home, tmp_path, capsys):
    members = {f"train2017/{name}": tiny_hub.picture(i) for i, name in enumerate(tiny_hub.coco(300))}
    tiny_hub.put(home, "coco_train2017", "train2017.zip", tiny_hub.zipped(members))
    chats = [tiny_hub.chat(f"coco/{name}", i) for i, name in enumerate(members)]
    chats[1] = chats[1] | {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "half \ud83d"}]}
    chats[2] = chats[2] | {"conversations": None}
    chats[3] = chats[3] | {"conversations": [{"from": "human", "value": ["?"]}, {"from": "gpt", "value": 7}]}
    file = "share-captioner_coco_lcs_sam_1246k_1107.json"
    tiny_hub.put(home, "Lin-Chen/ShareGPT4V", file, json.dumps(chats).encode())
    table = ingest.build(tmp_path / "out", "pretrain", OPTIONS.model_copy(update={"at_most": 400})).iloc[0]
    assert (table.samples, table.bad_rows, table.bad, table["rows"]) == (297, 3, 0, 300)
    said = capsys.readouterr().out
    assert "3 bad rows; first: sharegpt4v/1: text half \\ud83d holds half a character" in said
    taken = samples(tmp_path / "out")
    assert {"sharegpt4v/1", "sharegpt4v/2", "sharegpt4v/3"}.isdisjoint(taken.sample_id)
    chats = [chat | {"conversations": None} for chat in chats]
    tiny_hub.put(home, "Lin-Chen/ShareGPT4V", file, json.dumps(chats).encode())
    with pytest.raises(convert.SourceError, match=r"sharegpt4v: .* rows are damaged or have another form"):
        ingest.build(tmp_path / "again", "pretrain", OPTIONS)  # no other data set is left


def test_lines_of_json_end_at_a_line_feed_alone(tmp_path):
    entry = catalogue.entries()["vqav2"]._replace(form="instruction")
    rows = [{"instruction": "a\u2028b\x85c?", "response": "yes"}, {"instruction": "b?", "response": "no"}]
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    lines = [b"\xef\xbb\xbf" + lines[0], b"", b"{broken", b"\xff{}", b"[1]", lines[1]]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(lines))
    found = list(convert.samples(entry, [tmp_path / "a.jsonl"]))
    assert [raw.turns[0][1] for raw in found if isinstance(raw, convert.Raw)] == ["a\u2028b\x85c?", "b?"]
    assert [raw.reason[:16] for raw in found if isinstance(raw, convert.Bad)] == [
        "a.jsonl, line 3:", "a.jsonl, line 4:", "row 3 is no reco"]


texts = st.text(st.characters(exclude_categories=()), max_size=8)


@settings(max_examples=300, deadline=None, database=None)
@given(texts | st.none() | st.integers() | st.lists(texts), texts | st.floats() | st.dictionaries(texts, texts))
def test_any_row_is_learned_as_written_or_left_out(question, answer):
    row = {"instruction": question, "response": answer}
    raw = convert.finished(convert.converted(convert.FORMS["instruction"], row))
    if isinstance(raw, convert.Raw):
        written = [convert.PLACEHOLDER.sub(" ", text).strip() for text in (question, answer)]
        assert [text for _, text in raw.turns] == written and all(text.encode() for text in written)
    else:
        assert raw is None or raw.reason.encode()


def test_a_damaged_archive_costs_its_image_alone(home, tmp_path):
    members = {f"train2017/{name}": tiny_hub.picture(i) for i, name in enumerate(tiny_hub.coco(200))}
    damaged = bytearray(tiny_hub.zipped(members))
    damaged[200] ^= 0xFF  # within the first of the images
    tiny_hub.put(home, "coco_train2017", "train2017.zip", bytes(damaged))
    chats = [tiny_hub.chat(f"coco/{name}", i) for i, name in enumerate(members)]
    tiny_hub.put(home, "Lin-Chen/ShareGPT4V", "share-captioner_coco_lcs_sam_1246k_1107.json", tiny_hub.as_json(chats))
    done = ingest.take_in(tmp_path / "s", catalogue.entries()["sharegpt4v"], OPTIONS)
    assert (done["bad"], done["samples"]) == (1, 199) and "cannot be read from its archive" in done["examples"][0]


def test_images_are_read_one_after_the_other(home, tmp_path, monkeypatch):
    """A data set is never whole in memory: of its rows, no more than a shard is read ahead of what is written."""
    entry, read, shards, take = catalogue.entries()["vqav2"], [], [], convert.samples

    def watched(*arguments):
        for number, raw in enumerate(take(*arguments)):
            read.append(number)
            yield raw

    def written(path, *arguments):
        shards.append(len(read))
        image_store_write(path, *arguments)

    image_store_write = image_store.write_mapped
    monkeypatch.setattr(convert, "samples", watched)
    monkeypatch.setattr(image_store, "write_mapped", written)
    ingest.take_in(tmp_path / "s", entry, OPTIONS)
    assert len(shards) > 1 and all(n <= OPTIONS.shard_size * (i + 1) for i, n in enumerate(shards))


def test_too_little_disk_is_said_before_any_work(home, tmp_path, monkeypatch):
    monkeypatch.setattr(ingest.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(OSError, match=r"about 156 GB are wanted for images, 1 GB are free"):
        ingest.build(tmp_path, "pretrain", OPTIONS.model_copy(update={"max_image_size": 768}))
    assert len(ingest.build(tmp_path, "pretrain", OPTIONS))


def test_disk_is_asked_for_what_is_still_to_come(home, tmp_path, monkeypatch):
    """An unfinished run leaves samples of 1.3 M to take in, and a finished run leaves none."""
    def fits(samples: int, bytes_less: int = 0) -> bool:
        free = samples * ingest.stored_bytes(OPTIONS) - bytes_less
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        try:
            return bool(len(ingest.build(tmp_path, "pretrain", OPTIONS)))
        except OSError:
            return False

    progress = tmp_path / "sharegpt4v" / "progress.json"
    assert not fits(1_300_000, bytes_less=1) and fits(1_300_000)
    done = storage.read_json(progress)
    assert done["finished"] and done["samples"] == 72 and fits(0)
    storage.write_json(progress, done | {"finished": False})
    assert not fits(1_300_000 - 72, bytes_less=1) and fits(1_300_000 - 72)
    storage.write_json(progress, done | {"key": "other"})
    assert not fits(1_300_000, bytes_less=1)
    assert len(ingest.build(tmp_path / "none", "pretrain", None)) == 0
