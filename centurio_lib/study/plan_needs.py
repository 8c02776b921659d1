"""GPU memory of each stage of a study, and its disk, each with the change that would make it fit."""

import shutil
from pathlib import Path
from typing import NamedTuple

from huggingface_hub.constants import HF_HUB_CACHE

from centurio_lib import params, paths
from centurio_lib.data.hub import ingest, sizes
from centurio_lib.model import memory, train_cost
from centurio_lib.study import plan_fetch, plan_hours

DOCUMENT_BYTES = 60_000  # of a drawn page of 384 pixels
TRANSLATION_BYTES = 900  # of a translated sample
TRANSLATOR_SPARE = 2.0  # GiB of a translator's batches and context
LARGEST_FILE = 0.7  # GB of a fetched file that is removed after it was taken in
BATCH_TOKENS = 512  # of a prompt, where a profile does not limit the tokens of a batch


class Load(NamedTuple):
    """GPU memory of a stage: its name, the setups that need it, GiB, and what would make it fit."""

    stage: str
    setups: list[str]
    gib: float
    advice: str


class Space(NamedTuple):
    """Disk that a part of the study takes: its folder and GB."""

    part: str
    folder: Path
    gb: float


def loads(profile: params.Profile, gib: float) -> list[Load]:
    """Memory of each kind of stage, with advice for those above `gib`. Raises MemoryShortage for an unknown model."""
    lm, vision = memory.shapes(profile.base.language_model, profile.base.vision)
    found = []
    for (stage, need), setups in _needs(profile).items():
        wanted = memory.in_all(lm, vision, need)
        found.append(Load(stage, setups, wanted, "" if wanted <= gib else memory.advice(lm, vision, need, gib)))
    limit = profile.evaluation.max_batch_tokens or profile.evaluation.batch_size * BATCH_TOKENS
    answering = train_cost.answering_gib(lm, vision, limit, profile.load_4bit)
    half = f"it fits with evaluation.max_batch_tokens: {limit // 2}"
    found.append(Load("evaluate", params.studied(profile), answering, "" if answering <= gib else half))
    if profile.data.sources:
        size = sizes.of("model", profile.data.sources.translation.model).gb or 3.0
        found.append(Load("translate", [], size * 1e9 / memory.GIB + TRANSLATOR_SPARE, ""))
    return found


def _needs(profile: params.Profile) -> dict[tuple[str, memory.Need], list[str]]:
    """Setups by stage and load."""
    found: dict[tuple[str, memory.Need], list[str]] = {}
    for name in params.studied(profile):
        setup = params.setup(name)
        for stage in ("pretrain", "instruct"):
            if stage == "instruct" or not params.without_pretraining(setup):
                need = memory.needed(profile, setup, getattr(profile, stage))
                found.setdefault((stage, need), []).append(name)
    return found


def spaces(profile: params.Profile, items: list[plan_fetch.Item]) -> list[Space]:
    """Disk of each part of a study, about."""
    fetched: dict[str, float] = {}
    for item in plan_fetch.to_fetch(items).values():
        fetched[item.wanted.kind] = fetched.get(item.wanted.kind, 0.0) + (item.gb or 0.0)
    if profile.data.sources and not profile.data.sources.keep_files:
        fetched["data"] = min(fetched.get("data", 0.0), LARGEST_FILE)
    folders = {"model": Path(HF_HUB_CACHE)}
    parts = [Space(f"fetched: {kind}", folders.get(kind, paths.DATASETS), gb) for kind, gb in fetched.items() if gb]
    return [*parts, *_built(profile), *_trained(profile)]


def _built(profile: params.Profile) -> list[Space]:
    folder, sources = paths.data(profile.name), profile.data.sources
    pages = Space("documents", folder, plan_hours.documents(profile) * DOCUMENT_BYTES / 1e9)
    if not sources:
        return [pages]
    images = sum(sum(plan_hours.taken(profile, stage).values()) * plan_hours.images_of(profile, stage)
                 for stage in ("pretrain", "instruct"))
    pairs = sum(plan_hours.translated(profile).values())
    return [Space("images taken in", folder, images * ingest.stored_bytes(sources) / 1e9), pages,
            Space("translations", folder, pairs * TRANSLATION_BYTES / 1e9)]


def _trained(profile: params.Profile) -> list[Space]:
    """Adapters of all runs, and the checkpoints of one."""
    lm, vision = memory.shapes(profile.base.language_model, profile.base.vision)
    runs = [(need, len(setups) * profile.study.seeds) for (_, need), setups in _needs(profile).items()]
    adapters = sum(n * train_cost.adapter_gb(lm, vision, need) for need, n in runs)
    largest = max(train_cost.checkpoint_gb(lm, vision, need) for need, _ in runs)
    folder = paths.HOME / "results" / profile.name
    return [Space("adapters", folder, adapters), Space("a checkpoint", folder, largest)]


def free_gb(folder: Path) -> tuple[int, float]:
    """Device of a folder, which need not exist yet, and its free GB."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return there.stat().st_dev, shutil.disk_usage(there).free / 1e9


def disks(parts: list[Space]) -> list[tuple[Path, float, float]]:
    """For each disk a folder on it, the GB wanted and the GB free."""
    found: dict[int, tuple[Path, float, float]] = {}
    for part in parts:
        device, free = free_gb(part.folder)
        folder, wanted, _ = found.get(device, (part.folder, 0.0, free))
        found[device] = (folder, wanted + part.gb, free)
    return list(found.values())
