"""The plan of a study for the Snakefile: runs to do, minutes left, progress.

The Snakefile hands over the runs that Snakemake schedules. The time of a run is the median of finished runs of its
stage, or `FIRST_S` before any run of the stage has finished.
"""

import os
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

from centurio_lib import lock, params, paths, storage
from centurio_lib.params import benchmarks
from centurio_lib.study import keys, runs, stages

# seconds of one run before any is recorded, measured on two CPU cores with two runs side by side
FIRST_S = {
    "smoke": {"languages": 3, "captions": 5, "instructions": 5, "base_models": 10, "pretrain": 5, "instruct": 8,
              "evaluate": 5, "ocr": 10, "smpqa": 6, "translate": 10},
    "laptop": {"languages": 4, "captions": 9, "instructions": 14, "pretrain": 20, "instruct": 70, "evaluate": 25},
}
DRAWING_S = 10  # of a notebook that draws tables and figures, of any profile
STARTING_S = 1  # of a fork and its imports, which a run does not record


class Job(NamedTuple):
    """A run to do: its stage and the `provenance.json` that says it is complete."""

    stage: str
    result: Path


class StudyRunning(RuntimeError):
    """Another process already works on the same study."""


def key_file(run: runs.Run) -> Path:
    """Write `key.json` of a run so that it is newer than a stale result and older than a fresh one.

    Snakemake compares times and contents only. So the key of a stale result also names the key that it replaces. The
    key of a fresh result is no newer than the result, even if the key was changed and changed back in between.
    """
    result = run.folder / "provenance.json"
    made_by = storage.read_json(result)["key"] if result.exists() else None
    if made_by in (None, storage.digest(run.key)):
        path = keys.write_key(run.folder, run.key)
    else:
        path = keys.write_key(run.folder, run.key | {"replaces": made_by})
    if made_by == storage.digest(run.key):
        written = min(path.stat().st_mtime_ns, result.stat().st_mtime_ns)
        os.utime(path, ns=(written, written))
    return path


def data_stages(profile: params.Profile) -> list[str]:
    """Stages that `make data` builds for a profile."""
    return ["languages", "captions", "instructions", *(["translate"] if profile.data.sources else []),
            *runs.text_stages(profile), *(["benchmarks"] if benchmarks.of_profile(profile) else [])]


def stage_seconds(profile: str) -> dict[str, float]:
    """Seconds of one run of each stage: the median of finished runs, else `FIRST_S`."""
    recorded: dict[str, list[float]] = {}
    for folder in (paths.HOME / "results" / profile, paths.data(profile)):
        for result in folder.glob("*/**/provenance.json"):
            stage = result.relative_to(folder).parts[0]
            recorded.setdefault(stage, []).append(storage.read_json(result)["runtime_s"])
    drawing = {one.stage: DRAWING_S for one in stages.by_notebook().values() if one.kind == "finding"}
    return drawing | FIRST_S.get(profile, {}) | {stage: median(times) for stage, times in recorded.items()}


def minutes(jobs: list[Job], seconds: dict[str, float], abreast: int) -> float | None:
    """Minutes of some runs, `abreast` at a time; None where the time of a stage is unknown."""
    if any(job.stage not in seconds for job in jobs):
        return None
    each = [STARTING_S + seconds[job.stage] for job in jobs]
    return max(sum(each) / abreast, max(each, default=0)) / 60


def spoken(duration: float | None) -> str:
    """A duration in minutes, in words."""
    if duration is None:
        return "time not known before the first run of each stage"
    return f"about {round(duration)} min" if duration >= 1.5 else f"about {max(10, round(duration * 6) * 10)} s"


def announcement(profile: str, jobs: list[Job], abreast: int) -> str:
    """A sentence that says which runs follow and about how long these take."""
    counts = Counter(job.stage for job in jobs)
    order = [one.stage for one in stages.by_notebook().values()]
    listed = ", ".join(f"{counts[stage]} {stage}" for stage in order if counts[stage])
    duration = spoken(minutes(jobs, stage_seconds(profile), abreast))
    return f"profile {profile}: {len(jobs)} runs to do ({listed}), {abreast} at a time: {duration}"


def progress(profile: str, jobs: list[Job], abreast: int, since: float) -> tuple[int, str]:
    """Number of runs finished since a time (seconds of the epoch), and a line with the time left."""
    left = [job for job in jobs if not (job.result.exists() and job.result.stat().st_mtime >= since)]
    done = len(jobs) - len(left)
    return done, f"== {done} of {len(jobs)} runs done, {spoken(minutes(left, stage_seconds(profile), abreast))} left"


def failed(jobs: list[Job], since: float) -> list[Job]:
    """Runs that began after a time (seconds of the epoch) and left a notebook but no result."""
    logs = {job: job.result.with_name("run.ipynb") for job in jobs if not job.result.exists()}
    return [job for job, log in logs.items() if log.exists() and log.stat().st_mtime >= since]


def watch(profile: str, jobs: list[Job], abreast: int, every_s: float = 5) -> threading.Thread:
    """Print the plan, then a line whenever a run has finished, from a thread that ends with the process."""
    started = time.time()
    print(announcement(profile, jobs, abreast), flush=True)

    def follow() -> None:
        before = 0
        while before < len(jobs):
            time.sleep(every_s)
            done, line = progress(profile, jobs, abreast, started)
            if before < done < len(jobs):
                print(line, flush=True)
            before = done

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def hold(profile: str) -> IO:
    """Lock the profile against a second study; the lock lasts while the returned file is open.

    The system frees the lock when the process ends, so a killed study blocks nothing. Raises StudyRunning naming the
    process that holds the lock.
    """
    path = paths.HOME / "results" / profile / ".study"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    if not lock.taken(file):
        file.seek(0)
        raise StudyRunning(f"process {file.read().strip()} already runs the study of profile {profile}: "
                           "wait for it or stop it")
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def n_seeds(asked: object, profile: params.Profile) -> int:
    """Number of seeds of the study: the given one, else the profile's. Raises ParamsError below 1."""
    if asked is None:
        return profile.study.seeds
    if params.seed(asked) < 1:
        raise params.ParamsError(f"seeds = {asked!r}: at least 1 is wanted")
    return asked
