"""Fetching from the hub and elsewhere, and archives: checked, resumed, and refused where they are unsafe or gated.

Run with: pytest tests/test_hub.py
"""

import hashlib
import http.server
import io
import socket
import stat
import tarfile
import threading
import urllib.error
import zipfile
from types import SimpleNamespace

import pytest
import tiny_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from centurio_lib import paths
from centurio_lib.data.hub import archives, catalogue, hub, patience
from centurio_lib.data.hub.archives import Images
from centurio_lib.data.sources import packages
from centurio_lib.data.sources.packages import PackageError


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Waits of no length, unless a server asks for some."""
    monkeypatch.setattr(patience, "FIRST_S", 0.0)


# === archives ===
def test_images_are_found_by_the_names_data_sets_give_them(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(tiny_hub.zipped({"train2017/1.jpg": b"one", "x/2.jpg": b"two", "y/2.jpg": b"other"}))
    images = Images([path])
    assert (
        images.read("coco/train2017/1.jpg")
        == images.read("train2017/1.jpg")
        == images.read("1.jpg")
        == b"one"
    )
    assert images.read("x/2.jpg") == b"two"
    for unclear in ("2.jpg", "3.jpg"):
        with pytest.raises(KeyError, match=unclear):
            images.read(unclear)


@pytest.mark.parametrize(("member", "asked"), [
    ("Cafe\u0301.jpg", "Caf\u00e9.jpg"), ("train/1.JPG", "train/1.jpg"), ("train\\1.jpg", "train/1.jpg"),
    ("train/1.jpg", "coco\\train\\1.JPG"), ("x/train/1.JPG", "train/1.jpg"), ("./1.jpg", "1.jpg")])
def test_names_that_are_spelled_otherwise_stand_for_the_same_image(tmp_path, member, asked):
    (tmp_path / "a.zip").write_bytes(tiny_hub.zipped({member: b"one"}))
    assert Images([tmp_path / "a.zip"]).read(asked) == b"one"


def test_an_exact_name_wins_and_an_unclear_one_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(tiny_hub.zipped({"A.jpg": b"large", "a.jpg": b"small"}))
    images = Images([tmp_path / "a.zip"])
    assert (images.read("A.jpg"), images.read("x/a.jpg")) == (b"large", b"small")
    with pytest.raises(KeyError, match=r"2 of the archives' members"):
        images.read("a.JPG")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.ZIP"])
def test_a_page_in_the_place_of_an_archive_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"<!DOCTYPE html><title>Log in</title>" * 40)
    with pytest.raises(PackageError, match=rf"{name} is no .* archive, but perhaps a page to log in.*fetch it again"):
        Images([tmp_path / name])


def test_a_file_of_another_kind_is_no_archive(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(PackageError, match=r"a\.rar is no archive that is read here"):
        Images([tmp_path / "a.rar"])


@pytest.mark.parametrize("name", ["/no/such/folder", "~/no-such-folder", "./no-such-folder", "../x"])
def test_a_missing_folder_of_a_model_is_named(name):
    with pytest.raises(hub.HubError, match=rf"model {name}: .* holds no config\.json: name a folder that does"):
        hub.model(name)


def test_a_model_in_the_users_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my model").mkdir()
    (tmp_path / "my model" / "config.json").write_text("{}")
    assert hub.model("~/my model", weights=False) == tmp_path / "my model"


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_a_bad_image_and_leaves_the_others(packed, tmp_path):
    path, content = tmp_path / "a.zip", bytes(range(256)) * 8
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("1.jpg", content)
        archive.writestr("2.jpg", b"two")
    damaged = bytearray(path.read_bytes())
    damaged[60] ^= 0xFF  # within the first member's content
    path.write_bytes(damaged)
    images = Images([path])
    with pytest.raises(ValueError, match=r"image '1\.jpg' cannot be read from its archive"):
        images.read("1.jpg")
    assert images.read("2.jpg") == b"two"


def test_a_tar_that_breaks_off_is_a_bad_image(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(tiny_hub.tarred({"1.jpg": b"one", "2.jpg": b"2" * 5000}))
    images = Images([path])
    path.write_bytes(path.read_bytes()[:2000])
    assert images.read("1.jpg") == b"one"
    with pytest.raises(ValueError, match=r"image '2\.jpg' cannot be read"):
        images.read("2.jpg")


@pytest.mark.parametrize("name", ["../out.jpg", "/etc/out.jpg", "a/../../out.jpg"])
@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tgz"])
def test_unsafe_members_are_refused_before_anything_is_written(name, kind, tmp_path):
    make = {
        "a.zip": tiny_hub.zipped,
        "a.tar": tiny_hub.tarred,
        "a.tgz": lambda members: tiny_hub.tarred(members, "w:gz"),
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / kind).write_bytes(make[kind]({"good.jpg": b"1", name: b"2"}))
    with pytest.raises(PackageError, match=r"unsafe member"):
        Images([tmp_path / "in" / kind])
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [kind]


def linked(kind: str) -> bytes:
    """An archive that holds a picture and a link to a file outside."""
    buffer = io.BytesIO()
    if kind == "a.zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("good.jpg", b"1")
            link = zipfile.ZipInfo("link.jpg")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "/etc/passwd")
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "a.tgz" else "w:") as archive:
            link = tarfile.TarInfo("link.jpg")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tgz"])
def test_links_in_archives_are_refused(kind, tmp_path):
    (tmp_path / kind).write_bytes(linked(kind))
    with pytest.raises(PackageError, match=r"unsafe member 'link\.jpg'"):
        Images([tmp_path / kind])


@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tgz"])
def test_a_member_larger_than_any_image_is_refused(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_IMAGE_BYTES", 1000)
    monkeypatch.setattr(packages, "MAX_MEMBER_BYTES", 1000)
    members = {"1.jpg": b"1" * 1001}
    (tmp_path / kind).write_bytes(tiny_hub.zipped(members) if kind == "a.zip" else
                                  tiny_hub.tarred(members, "w:gz" if kind == "a.tgz" else "w:"))
    with pytest.raises(PackageError, match=r"unsafe member '1\.jpg'"):
        Images([tmp_path / kind])


def test_an_archive_that_would_fill_the_disk_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_IMAGE_BYTES", 10_000)
    bomb = tiny_hub.tarred({f"{n}.jpg": b"0" * 10_000 for n in range(200)}, "w:gz")
    (tmp_path / "a.tgz").write_bytes(bomb)
    assert len(bomb) < 2_000_000 / archives.MAX_RATIO
    with pytest.raises(PackageError, match="more than 100 times as large as it is"):
        Images([tmp_path / "a.tgz"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


# === fetching ===
def reply(status: int) -> SimpleNamespace:
    """An answer of the hub, in the form that its errors carry."""
    return SimpleNamespace(status_code=status, headers={}, request=None)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            GatedRepoError("gated", response=reply(403)),
            r"is gated: log in at https://huggingface.co/datasets/HuggingFaceM4/the_cauldron.*licence",
        ),
        (
            RepositoryNotFoundError("none", response=reply(404)),
            "is not there, or not for those who are not logged in",
        ),
        (RevisionNotFoundError("none", response=reply(404)), "lacks the revision asked for"),
        (
            HTTPError("no network"),
            r"(?s)is not reachable.*hf download HuggingFaceM4/the_cauldron --repo-type dataset --revision 8f79",
        ),
        (LocalEntryNotFoundError("no network"), "is not reachable"),
    ],
)
def test_what_cannot_be_fetched_says_what_to_do(error, message, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATASETS", tmp_path)

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(hub, "HfApi", lambda: SimpleNamespace(dataset_info=refuse))
    with pytest.raises(hub.HubError, match=message):
        catalogue.fetched(catalogue.entries()["vqav2"])


def test_images_put_there_by_hand_are_asked_for_with_their_licence(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    with pytest.raises(
        hub.HubError, match=r"sam must be put there by hand: licence: SA-1B.*segment-anything.*into .*sam"
    ):
        catalogue.fetched_archive("sam")


SHARD = "vqav2/train-00000-of-00001.parquet"


def fake_hub(monkeypatch, content: bytes, stated: str | None = None) -> list[str]:
    """A hub with one shard and a README, and the names of the files that it is asked for."""
    return tiny_hub.serve(monkeypatch, {SHARD: content, "README.md": b"#"}, {SHARD: stated} if stated else None)


def test_a_data_set_is_fetched_once_at_a_commit_and_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    entry, content = catalogue.entries()["vqav2"], tiny_hub.cauldron(3)
    calls = fake_hub(monkeypatch, content)
    files = catalogue.fetched(entry)
    assert catalogue.fetched(entry) == files and calls == [SHARD]
    assert catalogue.commit(entry) == tiny_hub.COMMIT


def test_a_half_fetched_shard_is_fetched_again_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    entry, content = catalogue.entries()["vqav2"], tiny_hub.cauldron(3)
    calls = fake_hub(monkeypatch, content)
    [file] = catalogue.fetched(entry)
    file.write_bytes(content[:50])
    assert catalogue.fetched(entry)[0].read_bytes() == content and len(calls) == 2
    assert f"has 50 of {len(content)} bytes: it is fetched again" in capsys.readouterr().out


def test_a_damaged_file_and_a_changed_layout_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    fake_hub(monkeypatch, b"damaged", "0" * 64)
    with pytest.raises(hub.HubError, match=r"arrived damaged.*removed"):
        catalogue.fetched(catalogue.entries()["vqav2"])
    assert not list(tmp_path.rglob("*.parquet"))
    with pytest.raises(hub.HubError, match=r"holds no file like.*okvqa"):
        catalogue.fetched(catalogue.entries()["okvqa"])


class Ranged(http.server.BaseHTTPRequestHandler):
    """Serves `content`, from where it is asked to; the first replies are the `troubles`, one after the other."""

    content, asked, troubles = bytes(range(256)) * 4000, [], []

    def do_GET(self):
        trouble = self.troubles.pop(0) if self.troubles else "none"
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.asked.append(start)
        body = self.content[start:]
        self.send_response(429 if trouble == "limit" else 206 if start else 200)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if trouble == "break" else b"" if trouble == "limit" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """Address of a server of one file."""
    Ranged.asked.clear()
    Ranged.troubles.clear()
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranged)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/a.zip"
    running.shutdown()


MD5 = "md5:" + hashlib.md5(Ranged.content).hexdigest()


def test_a_download_that_breaks_off_or_meets_a_limit_goes_on_by_itself(server, tmp_path, capsys):
    Ranged.troubles += ["break", "limit", "break"]
    assert hub.archive(server, tmp_path / "a.zip", MD5, "CC").read_bytes() == Ranged.content
    half = len(Ranged.content) // 2
    assert Ranged.asked == [0, half, half, half + half // 2]
    said = capsys.readouterr().out
    assert "archive a.zip: ConnectionError; attempt 2" in said and "too many requests (429); attempt 3 in 0 s" in said


def test_a_server_that_stays_broken_is_given_up_and_what_came_is_kept(server, tmp_path):
    Ranged.troubles += ["break"] * patience.ATTEMPTS
    with pytest.raises(hub.HubError, match=r"archive a.zip is not reachable"):
        hub.archive(server, tmp_path / "a.zip", MD5, "CC")
    assert not (tmp_path / "a.zip").exists() and (tmp_path / "a.zip.part").stat().st_size > 0
    assert hub.archive(server, tmp_path / "a.zip", MD5, "CC").read_bytes() == Ranged.content


def test_a_damaged_download_is_removed(server, tmp_path):
    with pytest.raises(hub.HubError, match=r"arrived damaged"):
        hub.archive(server, tmp_path / "b.zip", "md5:" + "0" * 32, "CC")
    with pytest.raises(hub.HubError, match=r"sent no \.zip, but b'.*perhaps a page to log in.*put the archive at"):
        hub.archive(server, tmp_path / "c.zip", "", "CC")
    assert not list(tmp_path.iterdir())


# === patience ===
def limited(status: int, after: str = "0") -> HfHubHTTPError:
    """The hub's refusal for now."""
    answer = SimpleNamespace(status_code=status, headers={"Retry-After": after}, request=None)
    return HfHubHTTPError("no", response=answer)


@pytest.mark.parametrize(("error", "calls"), [
    (limited(429), patience.ATTEMPTS), (limited(503), patience.ATTEMPTS), (limited(403), 1), (limited(404), 1),
    (ConnectionError("reset"), patience.ATTEMPTS), (HTTPError("no network"), patience.ATTEMPTS), (ValueError("x"), 1),
    (OfflineModeIsEnabled("offline"), 1), (GatedRepoError("gated", response=reply(403)), 1),
    (urllib.error.URLError(socket.gaierror("no such name")), patience.WITHOUT_NAMES)])
def test_only_what_may_pass_is_tried_again(error, calls):
    made = []

    def act():
        made.append(1)
        raise error

    with pytest.raises(type(error)):
        patience.patient(act, "x")
    assert len(made) == calls


def test_the_wait_is_what_the_server_asks_for(monkeypatch):
    waits, errors = [], [limited(429, "17"), limited(429, "100000"), limited(503, "soon"), None]
    monkeypatch.setattr(patience.time, "sleep", waits.append)
    monkeypatch.setattr(patience, "FIRST_S", 2.0)

    def act():
        if error := errors.pop(0):
            raise error
        return "done"

    assert patience.patient(act, "x") == "done" and waits == [17, patience.LONGEST_S, 8]


def test_no_space_is_said_before_a_file_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    calls = fake_hub(monkeypatch, b"12345")
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: SimpleNamespace(free=4))
    with pytest.raises(OSError, match=r"00001\.parquet has 0\.00 GB, 0\.00 GB are free: set CENTURIO_DATASETS"):
        catalogue.fetched(catalogue.entries()["vqav2"])
    assert not calls
