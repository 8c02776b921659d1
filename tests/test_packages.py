"""The archives that data comes from: checked against the lock, never trusted, and every error says how to mend it."""

import base64
import hashlib
import io
import json
import tarfile

import pytest

from centurio_lib import paths
from centurio_lib.data.sources import packages
from centurio_lib.data.sources.packages import PackageError

REAL_LOCK = json.loads((paths.REPO / "package-lock.json").read_text(encoding="utf-8"))


def regular(name: str, content: bytes = b"{}", size: int | None = None) -> tuple[tarfile.TarInfo, bytes]:
    """A plain file as a member of an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content) if size is None else size
    return member, content


def link(name: str, kind: bytes, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A link or device as a member of an archive."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A gzipped archive of some members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A repository whose lock holds one package, "@toy/data" 1.0.0; the function sets its content."""
    monkeypatch.setattr(paths, "REPO", tmp_path)
    monkeypatch.setattr(paths, "PACKAGES", tmp_path / "packages")
    paths.PACKAGES.mkdir()

    def write(locked: bytes, found: bytes | None = None):
        digest = base64.b64encode(hashlib.sha512(locked).digest()).decode()
        entry = {"version": "1.0.0", "integrity": f"sha512-{digest}"}
        stated = {"packages": {"": {"dependencies": {"@toy/data": "1.0.0"}}, "node_modules/@toy/data": entry}}
        (tmp_path / "package-lock.json").write_text(json.dumps(stated))
        (paths.PACKAGES / "toy-data-1.0.0.tgz").write_bytes(locked if found is None else found)
        packages.checked.cache_clear()

    yield write
    packages.checked.cache_clear()


def test_intact_archive_is_read(lock):
    lock(packed(regular("package/a.json", b'{"x": 1}'), regular("package/b.txt", b"b")))
    assert packages.read_json("@toy/data", "a.json") == {"x": 1}
    assert set(packages.read("@toy/data", lambda name: True)) == {"a.json", "b.txt"}


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:], lambda b: b""],
                         ids=["truncated", "one bit", "empty"])
def test_damaged_archive_names_the_file_and_the_mend(lock, damage):
    content = packed(regular("package/a.json", b"{}" * 100))
    lock(content, damage(content))
    with pytest.raises(PackageError, match=r"toy-data-1\.0\.0\.tgz is damaged.*remove that file and run `make fetch`"):
        packages.read_json("@toy/data", "a.json")


def test_damaged_archive_stops_fetch_too(lock):
    content = packed(regular("package/a.json"))
    lock(content, content + b"x")
    with pytest.raises(PackageError, match="damaged"):
        packages.fetch()


def test_missing_archive_says_how_to_get_it(lock):
    lock(packed(regular("package/a.json")))
    packages.archive("@toy/data").unlink()
    with pytest.raises(PackageError, match=r"toy-data-1\.0\.0\.tgz is missing: `make fetch`"):
        packages.read_json("@toy/data", "a.json")


def test_failed_download_is_an_error_and_the_next_fetch_tries_again(lock, monkeypatch):
    content = packed(regular("package/a.json"))
    lock(content)
    packages.archive("@toy/data").unlink()
    (paths.REPO / "npm").write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    (paths.REPO / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{paths.REPO}:/usr/bin:/bin")
    with pytest.raises(PackageError, match="no network"):
        packages.fetch()
    packages.archive("@toy/data").write_bytes(content)
    assert packages.fetch() == [packages.archive("@toy/data")]


@pytest.mark.parametrize("member", [
    regular("package/../../outside.json"),
    regular("/etc/outside.json"),
    link("package/a.json", tarfile.SYMTYPE, "/etc/passwd"),
    link("package/a.json", tarfile.LNKTYPE, "package/b.json"),
    link("package/a.json", tarfile.CHRTYPE, ""),
], ids=["parent folder", "absolute", "symbolic link", "hard link", "device"])
def test_unsafe_member_is_refused(lock, member):
    lock(packed(regular("package/ok.json"), member))
    with pytest.raises(PackageError, match="unsafe member"):
        packages.read("@toy/data", lambda name: True)


def test_huge_member_is_refused(lock, monkeypatch):
    monkeypatch.setattr(packages, "MAX_MEMBER_BYTES", 10)
    lock(packed(regular("package/a.json", b"x" * 11)))
    with pytest.raises(PackageError, match="unsafe member"):
        packages.read("@toy/data", lambda name: True)


def test_archive_without_the_files_asked_for(lock):
    lock(packed(regular("package/a.json")))
    with pytest.raises(PackageError, match="lacks the files asked for"):
        packages.read("@toy/data", lambda name: name == "b.json")


def test_lock_holds_a_sha512_for_each_package_and_no_addresses():
    wanted = json.loads((paths.REPO / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in wanted.items():
        entry = REAL_LOCK["packages"][f"node_modules/{name}"]
        assert entry["version"] == version, f"{name}: package.json wants {version}, the lock has {entry['version']}"
    for name, entry in REAL_LOCK["packages"].items():
        assert not name or entry["integrity"].startswith("sha512-"), f"{name} has no sha512 in package-lock.json"
        assert "resolved" not in entry, f"{name}: package-lock.json names an address"


def test_versions_of_data_packages_are_exact():
    for name, version in json.loads((paths.REPO / "package.json").read_text(encoding="utf-8"))["dependencies"].items():
        assert version[0].isdigit(), f"{name}: {version} is no exact version"
