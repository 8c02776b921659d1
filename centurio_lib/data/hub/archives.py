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

from centurio_lib.data.sources import packages

MAX_IMAGE_BYTES = packages.MAX_MEMBER_BYTES


class Images:
    """Images of some archives: `images.read(name)`.

    A data set may call "coco/train2017/1.jpg" what an archive holds as "train2017/1.jpg", or just "1.jpg". A name
    stands for the one member that ends in it, or that it ends in.
    """

    def __init__(self, files: list[Path]):
        self.readers: dict[str, Callable[[], bytes]] = {}
        for path in files:
            self.readers |= OPENERS[
                "".join(path.suffixes[-2:]) if path.suffixes[-2:] == [".tar", ".gz"] else path.suffix
            ](path)
        self.by_last: dict[str, list[str]] = {}
        for name in self.readers:
            self.by_last.setdefault(PurePosixPath(name).name, []).append(name)

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
        path = PurePosixPath(name)
        for start in range(len(path.parts)):
            if "/".join(path.parts[start:]) in self.readers:
                return "/".join(path.parts[start:])
        ending = [other for other in self.by_last.get(path.name, []) if other.endswith(f"/{name}")]
        if len(ending) != 1:
            raise KeyError(f"image {name!r}: {len(ending) or 'none'} of the archives' members are called so")
        return ending[0]


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
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            packages.check_member(member, path)
            if member.isreg():  # by hand: tarfile filters members from Python 3.11.4 on only
                written = folder / member.name
                written.parent.mkdir(parents=True, exist_ok=True)
                with archive.extractfile(member) as content, written.open("wb") as file:
                    shutil.copyfileobj(content, file)


def _check(path: Path, name: str, size: int, special: bool) -> None:
    if special or ".." in PurePosixPath(name).parts or name.startswith("/") or size > MAX_IMAGE_BYTES:
        raise packages.PackageError(f"{path} holds an unsafe member {name!r}: do not use this archive")


OPENERS = {".zip": _zip, ".tar": _tar, ".tgz": _compressed, ".tar.gz": _compressed}
