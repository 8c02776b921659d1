"""Files that a study fetches, their licences, and whether access is there: for the plan of a profile.

The hub is asked where it is reachable. Where it is not, sizes come from sizes.csv and access is "unknown: no network".
Nothing is fetched here.
"""

import os
from collections.abc import Iterable
from fnmatch import fnmatch
from typing import NamedTuple

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, HTTPError, RepositoryNotFoundError, RevisionNotFoundError

from centurio_lib import params, paths
from centurio_lib.base_models import download, language_models
from centurio_lib.data.hub import catalogue, hub, patience, sizes
from centurio_lib.data.sources import packages
from centurio_lib.params import benchmarks

HERE, PARTLY, NO_NETWORK, OPEN, NOT_ASKED = "here", "partly here", "unknown: no network", "open", "not asked"
TIMEOUT_S = 8.0  # of one question to the hub
MODEL_LICENCES = {"microsoft": "MIT", "google": "Apache-2.0", "Qwen": "Apache-2.0", "meta-llama": "Llama 3's",
                  "CohereLabs": "CC-BY-NC-4.0", "OpenNMT": "CC-BY-NC-4.0", "facebook": "CC-BY-NC-4.0"}
WIKIPEDIA_GB = 0.3  # the first row groups of a hundred languages, about


class Wanted(NamedTuple):
    """Something that a study reads and does not make.

    `limit`: the most samples, taken alike from `groups` of its files (languages). `steps`: what is done by hand.
    """

    kind: str
    name: str
    repo: str
    revision: str | None
    patterns: list[str]
    licence: str
    limit: int | None = None
    groups: int = 1
    steps: str = ""


class Item(NamedTuple):
    """A wanted thing as it is found: files and GB still to be fetched (None: unknown), and whether access is there."""

    wanted: Wanted
    files: str
    gb: float | None
    access: str


def wanted(profile: params.Profile) -> list[Wanted]:
    """All that a profile's study fetches from the hub and elsewhere, in the order of its stages."""
    return [*_models(profile), *_data(profile), *_text(profile), *_benchmarks(profile)]


def _models(profile: params.Profile) -> list[Wanted]:
    base = profile.base
    named = [(base.language_model, base.language_model_revision), (base.vision, base.vision_revision)]
    if profile.data.sources:
        translation = profile.data.sources.translation
        named.insert(0, (translation.model, translation.revision))
    return [Wanted("model", name, name, revision, hub.MODEL_FILES, MODEL_LICENCES.get(name.split("/")[0], "its own"))
            for name, revision in named if not name.startswith(("data/", "models/", "/", "~", "."))]


def _data(profile: params.Profile) -> list[Wanted]:
    if not (sources := profile.data.sources):
        return []
    entries = [catalogue.entry(name, stage) for stage in ("pretrain", "instruct") for name in getattr(sources, stage)]
    rows = [Wanted("data", one.name, one.repo, one.revision, one.files, one.licence,
                   sources.limit(one.stage, one.name, one.at_most)) for one in entries]
    named = dict.fromkeys(name for one in entries for name in one.images if name in catalogue.archives())
    images = [catalogue.archives()[name] for name in named]
    return rows + [Wanted("images", one.name, one.repo, one.revision or None, [one.files], one.licence,
                          steps="" if one.repo or one.url else f"put {one.files} into {paths.DATASETS / one.name}")
                   for one in images]


def _text(profile: params.Profile) -> list[Wanted]:
    if not profile.ocr.wikipedia_articles:
        return []
    from centurio_lib.data.sources.texts import wikipedia
    return [Wanted("text", "wikipedia", wikipedia.REPO, wikipedia.REVISION, [f"{wikipedia.DUMP}.en/*.parquet"],
                   wikipedia.SOURCE.licence)]


def _benchmarks(profile: params.Profile) -> list[Wanted]:
    found = []
    for name in benchmarks.of_profile(profile):
        one, n = benchmarks.known()[name], profile.evaluation.items[name]
        languages = len(one.languages) if any("??" in file or "*" in file for file in one.files) else 1
        limit = None if n == "all" else n * languages
        found.append(Wanted("benchmark", name, one.repo or "", one.revision, one.files, one.licence, limit, languages,
                            "" if one.repo else " ".join(one.fetch.split())))
    return found


def items(wished: Iterable[Wanted], ask: bool = True) -> list[Item]:
    """Find what is left to fetch of each thing. `ask`: whether the hub may be asked; one failure ends the questions."""
    found, reachable = [], ask and os.environ.get("HF_HUB_OFFLINE", "") not in ("1", "true", "True")
    for one in wished:
        item = on_disk(one)
        if item is None and one.steps:
            item = Item(one, "", sizes.of(one.kind, one.name).gb, "by hand")
        if item is None and reachable and one.repo:
            item = of_hub(one)
            reachable = item is not None
        found.append(item or estimated(one, NOT_ASKED if not one.repo else NO_NETWORK))
    return found


def on_disk(one: Wanted) -> Item | None:
    """A thing that is on this machine as a whole; None for any other."""
    marked = f"benchmark-{one.name}" if one.kind == "benchmark" else one.name
    if one.kind in ("data", "benchmark") and one.repo and hub.marker_of(marked, one.repo).exists():
        listed = hub.listed(marked, one.repo, one.patterns, one.licence)
        return from_files(one, listed.sizes, {file for file in listed.sizes if (listed.home / file).exists()}, HERE)
    if one.kind == "images" and (paths.DATASETS / (one.repo or one.name)).is_dir():
        return Item(one, "", 0.0, HERE)
    if one.kind == "benchmark" and (paths.BENCHMARKS / one.name).is_dir():
        return Item(one, "", 0.0, HERE)
    if one.kind == "model" and (paths.model(one.name) or _cached(one)):
        return Item(one, "", 0.0, HERE)
    return None


def _cached(one: Wanted) -> bool:
    """Say whether the hub's cache holds a model."""
    try:
        return bool(snapshot_download(one.repo, revision=one.revision, allow_patterns=["*.json"],
                                      local_files_only=True))
    except (OSError, ValueError):
        return False


def of_hub(one: Wanted) -> Item | None:
    """A thing as the hub lists it, with access; None where the hub is not reachable."""
    kind = "model" if one.kind == "model" else "dataset"
    page = f"https://huggingface.co/{'' if kind == 'model' else 'datasets/'}{one.repo}"
    try:
        info = HfApi().repo_info(one.repo, repo_type=kind, revision=one.revision, files_metadata=True,
                                 timeout=TIMEOUT_S)
        if getattr(info, "gated", False):
            HfApi().auth_check(one.repo, repo_type=kind)
    except GatedRepoError:
        return estimated(one, f"no access: accept the licence at {page}, then `hf auth login`")
    except RevisionNotFoundError:
        return estimated(one, f"revision {one.revision} is not there: see {page}")
    except RepositoryNotFoundError:
        return estimated(one, f"not there, or not for those who are not logged in: see {page}")
    except (HTTPError, OSError) as error:
        code = patience.status(error)
        return estimated(one, f"unknown: the hub answered {code}") if code else None
    listed = {file.rfilename: file.size or 0 for file in info.siblings
              if any(fnmatch(file.rfilename, pattern) for pattern in one.patterns)}
    if not listed:
        return estimated(one, f"holds no file like {', '.join(one.patterns)}: its layout has changed")
    if one.kind == "model" and not any(file.endswith((".safetensors", "model.bin")) for file in listed):
        return estimated(one, "holds no weights that are read")
    return from_files(one, listed, set(), f"{OPEN}, licence accepted" if getattr(info, "gated", False) else OPEN)


def from_files(one: Wanted, listed: dict[str, int], there: set[str], access: str) -> Item:
    """An item from a list of files with their bytes, of which some are there."""
    if one.kind == "text":
        return Item(one, "parts of 100", WIKIPEDIA_GB, access)
    n = sizes.first_files(len(listed), sizes.of(one.kind, one.name).rows, one.limit, min(one.groups, len(listed)))
    first = [file for file in sorted(listed)[:n] if file not in there]
    return Item(one, f"{len(first)} of {len(listed)}", sum(listed[file] for file in first) / 1e9,
                PARTLY if first and access == HERE else access)


def estimated(one: Wanted, access: str) -> Item:
    """An item from sizes.csv."""
    size = sizes.of(one.kind, one.name)
    if one.kind == "text":
        return Item(one, "parts of 100", WIKIPEDIA_GB, access)
    part = sizes.share(size, one.limit, one.groups)
    n = sizes.files_of(size)
    files = f"{'' if size.files else 'about '}{round(part * n)} of {n}" if n else "unknown"
    return Item(one, files, None if size.gb is None else part * size.gb, access)


def to_fetch(found: Iterable[Item]) -> dict[tuple, Item]:
    """Items by what they fetch, so that files of several data sets count once."""
    return {(item.wanted.repo or item.wanted.name, tuple(item.wanted.patterns)): item for item in found}


def packaged(profile: params.Profile) -> list[str]:
    """Lines on what comes from package indexes: archives of pictures and texts, and a language model's wheels."""
    names = packages.locked()
    here = sum(packages.archive(name).exists() for name in names)
    lines = [f"packages of pictures, words and fonts: {here} of {len(names)} here"]
    backbone = language_models.of(profile.base.language_model)
    if backbone:
        try:
            download.agreed(backbone)
            accepted = "accepted, or nothing to accept"
        except download.LicenceError:
            accepted = f"not accepted: {backbone.licence.variable}={download.ACCEPTED} accepts it"
        wheels = sum(download.wheel(part).exists() for part in backbone.parts)
        lines.append(f"{backbone.title}: {wheels} of {len(backbone.parts)} wheels here; "
                     f"{backbone.licence.title}: {accepted}")
    return lines
