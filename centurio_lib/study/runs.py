"""One run of a notebook: what it depends on, where its results go, whether they are there.

A notebook starts with `run = runs.start("11_instruct", profile, setup, seed)` and ends with `runs.finish(run)`, which
writes `provenance.json`, the result file that says the run is complete. Snakemake asks the same functions for the key.
"""

import fcntl
import time
from pathlib import Path
from typing import IO, NamedTuple

from centurio_lib import params, paths, storage
from centurio_lib.params import benchmarks
from centurio_lib.study import keys

# notebook -> (stage, the parts of the profile that it depends on)
STAGES = {
    "01_languages": ("languages", ["data"]),
    "02_captions": ("captions", ["data", "base.image_size"]),
    "04_instructions": ("instructions", ["data", "base.image_size"]),
    "03_translate": ("translate", ["data", "pretrain.samples", "instruct.samples", "study"]),  # after 02 and 04
    "05_ocr": ("ocr", ["ocr"]),
    "06_smpqa": ("smpqa", ["smpqa"]),
    "07_base_models": ("base_models", ["data", "base"]),
    "08_test_sets": ("test_sets", ["evaluation.items", "evaluation.seed"]),
    "10_pretrain": ("pretrain", ["data", "base", "pretrain", "tuning", "lora_rank", "load_4bit"]),
    "11_instruct": ("instruct", ["data", "base", "pretrain", "instruct", "tuning", "lora_rank", "load_4bit"]),
    "12_evaluate": ("evaluate",
                    ["data", "base", "pretrain", "instruct", "tuning", "lora_rank", "load_4bit", "evaluation"]),
    "13_peers": ("peers", ["data", "base.image_size", "evaluation"]),
    "14_export": ("export", ["data", "base", "pretrain", "instruct", "tuning", "lora_rank", "load_4bit"]),
    "50_benchmarks": ("benchmarks", ["data", "base", "instruct", "tuning", "lora_rank", "load_4bit", "evaluation"]),
    "20_rq1_number_of_languages": ("rq1", ["evaluation"]),
    "21_rq2_instruct_english_share": ("rq2", ["evaluation"]),
    "22_rq3_pretrain_english_share": ("rq3", ["evaluation"]),
    "23_rq4_text_in_images": ("rq4", ["evaluation"]),
    "24_allocation": ("allocation", ["evaluation"]),
    "25_centurio": ("centurio", ["evaluation"]),
    "26_lora_rank": ("lora_rank", ["evaluation"]),
    "40_claims": ("claims", ["evaluation"]),
    "41_figures": ("figure_set", ["evaluation"]),
    "42_report": ("report", ["evaluation"]),
}
# data stages with text in images -> (notebook, table of the images)
TEXT_IMAGES = {"ocr": ("05_ocr", "documents"), "smpqa": ("06_smpqa", "plots")}
_HELD: dict[Path, IO] = {}  # open lock files: a lock lasts until its run is finished or its process ends
SUMMARIES = ["claims", "figure_set", "report"]  # stages that look at the whole study
GATHERING = ["figure_set", "report"]  # those of them that show what the stages before them drew
TRAINED = {"pretrain", "instruct", "evaluate", "export", "benchmarks"}  # stages that a setup and a seed belong to
ANSWERING = {"test_sets", "evaluate", "peers"}  # stages that depend on where published test sets come from
# keys of a profile that only setups with documents, with text of any kind, or with a tuned encoder depend on
OCR_KEYS, ENCODER_KEYS = {"ocr_samples"}, {"encoder_lr", "encoder_weight_decay"}
TEXT_KEYS = {"text_image_size", "text_heavy_samples", *params.TEXT_TASKS}


class Run(NamedTuple):
    """A notebook with its resolved params. `setup` is None where the stage belongs to the whole profile."""

    notebook: str
    stage: str
    profile: params.Profile
    setup: params.Setup | None
    seed: int
    folder: Path
    key: dict
    started: float

    @property
    def label(self) -> str:
        """Short name for messages: "laptop L100 seed 0"."""
        return f"{self.profile.name} {self.setup.name} seed {self.seed}" if self.setup else self.profile.name


def describe(notebook: str, profile: str, setup: str | None = None, seed: int = 0, seeds: int | None = None) -> Run:
    """A run, without touching any file. `seeds`: how many an ablation compares; None or 0 for the profile's number.

    Of stage "peers", `setup` is a model: its name on the hub (and `@revision`), or its folder.

    Raises params.ParamsError for anything unknown or out of range.
    """
    stage, parts = STAGES[notebook]
    config, chosen, seed = params.profile(profile), None, params.seed(seed)
    resolved: dict = {part: _part(config, part) for part in parts}
    resolved["packages"] = storage.file_digest(paths.PACKAGE_LOCK)
    if benchmarks.of_profile(config) and stage in ANSWERING:
        resolved["test_sets"] = benchmarks.resolved(config)
    if stage == "peers":
        resolved["model"] = setup
        folder = paths.HOME / "results" / profile / stage / str(setup).strip("/").replace("/", "--")
    elif stage in TRAINED:
        chosen = params.setup(setup)
        params.check(config, chosen)
        resolved = of_setup(resolved, config, chosen, "instruct" if stage == "export" else stage) | {"seed": seed}
        folder = paths.run(profile, stage, chosen.name, seed)
    elif stage in params.questions() or stage in SUMMARIES:
        setups = params.studied(config) if stage in SUMMARIES else params.compared(config, stage)
        if not any(params.reads(config, params.setup(name)) for name in setups):
            resolved = _without(resolved, TEXT_KEYS)
        resolved |= {"setups": setups, "seeds": params.seed(seeds or 0) or config.study.seeds}
        if stage == "claims":
            resolved["claims"] = params.load(params.CLAIMS)
        folder = paths.HOME / "results" / profile / stage
    else:
        folder = paths.data(profile, stage)
        if stage == "translate":  # what is translated follows from the mixes
            resolved["setups"] = [_asked(params.setup(name)) for name in params.studied(config)]
    return Run(notebook, stage, config, chosen, seed, folder, keys.run_key(notebook, resolved), time.time())


def of_setup(resolved: dict, config: params.Profile, chosen: params.Setup, stage: str) -> dict:
    """Parts of a profile, less what a setup does not depend on, and the setup: what it asks for, not its name."""
    data = shown_by(config, chosen, stage)
    text = {part: _part(config, part) for part in [*data, *(["spell_answers"] if data else [])]}
    return _without(resolved, unused(chosen, data)) | text | {"setup": _asked(chosen)}


def shown_by(config: params.Profile, chosen: params.Setup, stage: str) -> list[str]:
    """Data stages whose images of text a run of a setup depends on, by its own stage or an earlier one."""
    order = ["pretrain", "instruct", "evaluate"]
    stages = order[params.without_pretraining(chosen):order.index(stage) + 1] if stage in order else []
    return list(dict.fromkeys(data for earlier in stages for data in text_data(config, chosen, earlier)))


def unused(chosen: params.Setup, data: list[str]) -> set[str]:
    """Keys of a profile that a run of a setup does not depend on, given whose images of text it does (`shown_by`)."""
    encoder, documents = set() if chosen.tune_encoder else ENCODER_KEYS, set() if "ocr" in data else OCR_KEYS
    return encoder | documents | (set() if data else TEXT_KEYS)


def text_data(config: params.Profile, chosen: params.Setup, stage: str) -> list[str]:
    """Data stages whose images of text a stage of a setup shows: "ocr" (documents), "smpqa" (plots)."""
    documents = ["ocr"] if chosen.ocr and stage in ("pretrain", "instruct") else []
    if stage == "evaluate":
        return params.text_tests(config) if params.reads(config, chosen) else []
    return documents + (["smpqa"] if stage == "instruct" and params.plots(config, chosen) else [])


def text_stages(config: params.Profile) -> list[str]:
    """Data stages with text in images that the study of a profile shows anywhere."""
    chosen = [params.setup(name) for name in params.studied(config)]
    shown = {data for setup in chosen for data in shown_by(config, setup, "evaluate")}
    return [stage for stage, _ in STAGES.values() if stage in shown]


def text_images(stage: str, profile: str) -> list[Path]:
    """Files of the images of a data stage with text in them. Raises keys.KeyMismatch as `finished`."""
    notebook, table = TEXT_IMAGES[stage]
    return sorted(finished(notebook, profile).folder.glob(f"{table}-*.parquet"))


def pictures(profile: str) -> dict[str, list[Path]]:
    """Files of the study's own pictures that a profile's items show, by table: drawings, and text if any is asked.

    Raises keys.KeyMismatch where one is missing or stale.
    """
    config = params.profile(profile)
    asked = [stage for stage in params.text_tests(config) if stage in text_stages(config)]
    return {"images": [finished("02_captions", profile).folder / "images.parquet"],
            **{TEXT_IMAGES[stage][1]: text_images(stage, profile) for stage in asked}}


def borrowed_encoder(config: params.Profile) -> Path | None:
    """Folder of the vision encoder where another profile makes it, None where none does.

    Raises params.ParamsError where it is not there yet.
    """
    name = config.base.vision
    if config.base.encoder or not name.startswith("data/"):
        return None
    maker = Path(name).parts[1]
    if not (folder := paths.model(name)):
        raise params.ParamsError(f"profile {config.name}: base.vision = {name!r} is made by profile {maker} and not "
                                 f"there yet: run `make data base PROFILE={maker}` first")
    return folder


def findings(profile: str) -> list[str]:
    """Stages of a profile's study that draw tables and figures from stored scores."""
    drawn = [*params.profile(profile).study.questions, *SUMMARIES]
    return [stage for stage, _ in STAGES.values() if stage in drawn]


def gathered(stage: str, profile: str) -> list[str]:
    """Stages whose tables and figures a stage shows: all that are drawn before it, or none."""
    drawn = findings(profile)
    return drawn[:drawn.index(stage)] if stage in GATHERING else []


def start(notebook: str, profile: str, setup: str | None = None, seed: int = 0, seeds: int | None = None) -> Run:
    """A run about to begin: its folder made, its key written, what it is said."""
    run = describe(notebook, profile, setup, seed, seeds)
    if "base" in STAGES[notebook][1]:
        borrowed_encoder(run.profile)  # before any work
    _hold(run)
    keys.write_key(run.folder, run.key)
    print(f"{notebook}: {run.label}" + (f": {run.setup.question}" if run.setup else ""), flush=True)
    return run


def finish(run: Run, **extra) -> Path:
    """Write `provenance.json`, the last file that a run writes: the run is complete. Its checkpoints go."""
    extra = {"runtime_s": round(time.time() - run.started, 1), "seed": run.seed} | extra
    path = storage.write_json(run.folder / "provenance.json", keys.record(run.key, **extra))
    for checkpoint in run.folder.glob("checkpoint-*"):  # of no use any more
        checkpoint.unlink()
    if run.folder in _HELD:
        _HELD.pop(run.folder).close()
    print(f"{run.label}: done in {extra['runtime_s']:.0f} s: {path}", flush=True)
    return path


def finished(notebook: str, profile: str, setup: str | None = None, seed: int = 0) -> Run:
    """A run whose result is there and was made by the present params and code.

    Raises keys.KeyMismatch otherwise.
    """
    run = describe(notebook, profile, setup, seed)
    keys.check_key(run.folder / "provenance.json", run.key)
    return run


def _hold(run: Run) -> None:
    """Wait while another process is at work on the same run, as one may be that outlived a killed study."""
    run.folder.mkdir(parents=True, exist_ok=True)
    file = (run.folder / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{run.label}: another process is at work in {run.folder}: waiting for it to end", flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    _HELD[run.folder] = file


def _without(value, keys: set[str]):
    """A value without some keys, at any depth."""
    if not isinstance(value, dict):
        return value
    return {key: _without(inner, keys) for key, inner in value.items() if key not in keys}


def _asked(chosen: params.Setup) -> dict:
    """What a setup asks for, whatever it is called."""
    return chosen.model_dump(mode="json", exclude={"name", "question", "table"})


def _part(config: params.Profile, dotted: str):
    value = config
    for name in dotted.split("."):
        value = getattr(value, name)
    return value.model_dump(mode="json") if isinstance(value, params.Strict) else value
