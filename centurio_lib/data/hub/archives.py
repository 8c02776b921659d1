"""Images of archives by a data set's names: zip and tar are read in place, compressed tar is unpacked once.

Every member is checked before it is read or written. It may not be a link or a device, leave its folder, or be larger
than any image.
"""

import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from centurio_lib import file_name
from centurio_lib.data.sources import packages

MAX_IMAGE_BYTES = packages.MAX_MEMBER_BYTES
MAX_RATIO = 100  # how many times as large as itself an archive may become; images hardly shrink


class Images:
    """Images of some archives: `images.read(name)`.

    A data set may call "coco/train2017/1.jpg" what an archive holds as "train2017/1.jpg", or just "1.jpg". A name
    stands for the one member that ends in it, or that it ends in. Case, forms of Unicode and backslashes may differ.
    """

    def __init__(self, files: list[Path]):
        self.readers: dict[str, Callable[[], bytes]] = {}
        for path in files:
            self.readers |= _opened(path)
        self.by_key: dict[str, list[str]] = {}
        self.by_last: dict[str, list[str]] = {}
        for name in self.readers:
            self.by_key.setdefault(file_name.key(name), []).append(name)
            self.by_last.setdefault(PurePosixPath(file_name.key(name)).name, []).append(name)

    def read(self, name: str) -> bytes:
        """Bytes of an image.

        Raises KeyError for one that no archive holds, or several do, and ValueError for a damaged one.
        """
        try:
            return self.readers[self._member(name)]()
        except (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, OSError) as error:
            raise ValueError(f"image {name!r} cannot be read from its archive: {error}") from error

    def _member(self, name: str) -> str:
        """Name of an image's member in its archive."""
        ends = [name.split("/", start)[-1] for start in range(name.count("/") + 1)]
        if exact := [end for end in ends if end in self.readers]:
            return exact[0]
        form = file_name.key(name)
        keys = [form.split("/", start)[-1] for start in range(form.count("/") + 1)]
        alike = next((self.by_key[one] for one in keys if one in self.by_key), [])
        ending = [other for other in self.by_last.get(PurePosixPath(form).name, [])
                  if file_name.key(other).endswith(f"/{form}")]
        if len(candidates := alike or ending) != 1:
            raise KeyError(f"image {name!r}: {len(candidates) or 'none'} of the archives' members are called so")
        return candidates[0]


def kind(path: Path) -> str:
    """Ending of an archive's name that says its kind, such as ".zip"; "" for other files."""
    return next((ending for ending in OPENERS if path.name.lower().endswith(ending)), "")


def whole(path: Path, named: Path | None = None) -> bool:
    """Say whether a file is an archive of the kind that its name (or another's) states. A login page is not."""
    wanted = kind(named or path)
    return not wanted or (zipfile.is_zipfile(path) if wanted == ".zip" else tarfile.is_tarfile(path))


def _opened(path: Path) -> dict[str, Callable[[], bytes]]:
    if not kind(path):
        raise packages.PackageError(f"{path} is no archive that is read here: {', '.join(OPENERS)} are")
    if not whole(path):
        raise packages.PackageError(f"{path} is no {kind(path)} archive, but perhaps a page to log in or half a "
                                    "download: remove it and fetch it again, or put the archive there by hand")
    return OPENERS[kind(path)](path)


def _zip(path: Path) -> dict[str, Callable[[], bytes]]:
    archive, readers = zipfile.ZipFile(path), {}
    for member in archive.infolist():
        if member.is_dir():
            continue
        _check(path, member.filename, member.file_size, member.external_attr >> 28 not in (0, 8))
        readers[member.filename] = lambda member=member: archive.read(member)
    return readers


def _tar(path: Path) -> dict[str, Callable[[], bytes]]:
    archive, readers = tarfile.open(path, "r:"), {}
    for member in archive:
        packages.check_member(member, path)
        if member.isreg():
            readers[str(PurePosixPath(member.name))] = lambda member=member: archive.extractfile(member).read()
    return readers


def _compressed(path: Path) -> dict[str, Callable[[], bytes]]:
    folder = path.with_name(f"{path.name}.unpacked")
    if not folder.exists():  # whole or not at all: a killed run leaves nothing under that name
        unpacked = Path(tempfile.mkdtemp(dir=path.parent))
        try:
            _unpack(path, unpacked)
            unpacked.rename(folder)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
    files = {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {name: file.read_bytes for name, file in files.items()}


def _unpack(path: Path, folder: Path) -> None:
    room = MAX_RATIO * path.stat().st_size + MAX_IMAGE_BYTES
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            packages.check_member(member, path)
            room -= member.size
            if room < 0:
                raise packages.PackageError(f"{path} would become more than {MAX_RATIO} times as large as it is: do "
                                            "not use this archive")
            if member.isreg():  # by hand: tarfile filters members from Python 3.11.4 on only
                written = folder / member.name
                written.parent.mkdir(parents=True, exist_ok=True)
                with archive.extractfile(member) as content, written.open("wb") as file:
                    shutil.copyfileobj(content, file)


def _check(path: Path, name: str, size: int, special: bool) -> None:
    outside = name.startswith("/") or ".." in PurePosixPath(name.replace("\\", "/")).parts
    if special or outside or size > MAX_IMAGE_BYTES:
        raise packages.PackageError(f"{path} holds an unsafe member {name!r}: do not use this archive")


OPENERS = {".zip": _zip, ".tar": _tar, ".tgz": _compressed, ".tar.gz": _compressed}
