"""Names of files as different disks and archives spell them, and names of models that are folders."""

import unicodedata
from pathlib import Path, PurePosixPath


def key(name: str) -> str:
    """One form of a file's name: composed, lower case, with forward slashes."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "/".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())
                    for part in parts if part != ".")


def found(folder: Path, name: str) -> Path | None:
    """The file of a folder that a name stands for, spelled so or otherwise; None without one, or with several."""
    exact = folder / name
    if exact.is_file():
        return exact
    place = folder
    for part in PurePosixPath(name.replace("\\", "/")).parts:
        alike = [inner for inner in sorted(place.iterdir()) if key(inner.name) == key(part)] if place.is_dir() else []
        if len(alike) != 1:
            return None
        place = alike[0]
    return place if place.is_file() else None


def is_folder(model: str) -> bool:
    """Whether a model's name is that of a folder on this machine: absolute, at home (~), or relative (./ or ../)."""
    return model.startswith(("/", "~", "./", "../")) or model in (".", "..")
