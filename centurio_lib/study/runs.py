"""One run of a notebook: its inputs, its folder and the state of its results.

A notebook starts with `run = runs.start("11_instruct", profile, setup, seed)` and ends with `runs.finish(run)`, which
writes `provenance.json`, the result file that says the run is complete. Snakemake asks the same functions for the key.
"""

import time
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow.parquet as pq

from centurio_lib import lock, params, paths, storage
from centurio_lib.base_models import language_models
from centurio_lib.data.hub import catalogue
from centurio_lib.evaluation import tasks
from centurio_lib.evaluation.task import TEXT_IN_IMAGES
from centurio_lib.params import benchmarks
from centurio_lib.study import checks, keys, stages

# data stages with text in images -> table of the images
TEXT_IMAGES = {"ocr": "documents", "smpqa": "plots"}
ANSWERING = {"benchmarks", "evaluate", "external_models"}  # stages that depend on where benchmarks come from
# keys of a profile that only setups with documents, with text of any kind, or with a tuned encoder depend on
OCR_KEYS, ENCODER_KEYS = {"ocr_samples"}, {"encoder_lr", "encoder_weight_decay"}
TEXT_KEYS = {"text_image_size", "text_heavy_samples", *tasks.of_group(TEXT_IN_IMAGES)}
_LOCKS: dict[Path, IO] = {}  # open lock files: a lock lasts until its run is finished or its process ends


class Run(NamedTuple):
    """A notebook with its resolved params. `setup` is None where the stage belongs to the whole profile.

    `inputs`: the folder of each stage that it reads, once it has begun.
    """

    notebook: str
    stage: str
    profile: params.Profile
    setup: params.Setup | None
    seed: int
    folder: Path
    key: dict
    started: float
    inputs: dict[str, Path] = {}

    @property
    def label(self) -> str:
        """Short name for messages: "laptop L100 seed 0"."""
        return f"{self.profile.name} {self.setup.name} seed {self.seed}" if self.setup else self.profile.name


def describe(notebook: str, profile: str, setup: str | None = None, seed: int = 0, seeds: int | None = None) -> Run:
    """Describe a run without touching any file.

    `seeds`: number of seeds that a finding compares; None or 0 for the profile's number. `setup` of a third-party
    model is its name on the hub (and `@revision`), or its folder.

    Raises params.ParamsError for anything unknown or out of range.
    """
    declared = stages.by_notebook()[notebook]
    config, chosen, seed = params.profile(profile), None, params.seed(seed)
    resolved = {part: _part(config, part) for part in declared.params} | outside(declared, config)
    folder = paths.HOME / "results" / profile / declared.stage
    if declared.kind == "model":
        resolved["model"] = setup
        folder /= str(setup).strip("/").replace("/", "--")
    elif declared.kind == "training":
        chosen = params.setup(setup)
        params.check(config, chosen, text_tests(config))
        resolved = of_setup(resolved, config, chosen, declared.stage) | {"seed": seed}
        folder = paths.run(profile, declared.stage, chosen.name, seed)
    elif declared.kind == "finding":
        resolved = of_finding(resolved, config, declared, seeds)
    else:
        folder = paths.data(profile, declared.stage)
        if declared.stage == "translate":  # what is translated follows from the mixes
            resolved["setups"] = [_contents(params.setup(name)) for name in params.studied(config)]
    key = keys.run_key(notebook, resolved, declared.writes, task_modules(declared, config, chosen),
                       config.data.sources is not None)
    return Run(notebook, declared.stage, config, chosen, seed, folder, key, time.time())


def outside(declared: stages.Stage, config: params.Profile) -> dict:
    """Rows of catalogues that a run depends on: data sets of the hub, third-party benchmarks."""
    found = {}
    if config.data.sources and "data" in declared.params:
        found["catalogue"] = data_sets(config.data.sources)
    if benchmarks.of_profile(config) and declared.stage in ANSWERING:
        found["benchmarks"] = benchmarks.resolved(config)
    return found


def data_sets(chosen: params.Sources) -> dict[str, dict]:
    """Rows of the catalogue that a profile names, and rows of the archives that hold their images."""
    entries = [catalogue.entries().get(name) for name in [*chosen.pretrain, *chosen.instruct]]
    rows = {entry.name: entry._asdict() for entry in entries if entry}
    images = {name for row in rows.values() for name in row["images"]} & catalogue.archives().keys()
    return rows | {name: catalogue.archives()[name]._asdict() for name in sorted(images)}


def task_modules(declared: stages.Stage, config: params.Profile, chosen: params.Setup | None) -> list[str]:
    """Modules of a stage's tasks, found by their names in the profile."""
    if declared.kind == "finding" or not {"evaluation", "evaluation.items"} & set(declared.params):
        return []
    names = benchmarks.of_profile(config) if declared.stage == "benchmarks" else list(config.evaluation.items)
    tasks.check(names, f"profile {config.name}: ")
    reads = chosen is None or params.reads(config, chosen)
    return [tasks.module_of(name) for name in names if reads or name not in TEXT_KEYS]


def of_setup(resolved: dict, config: params.Profile, chosen: params.Setup, stage: str) -> dict:
    """Params of a setup's run: the parts of the profile that the setup reads, and its values without its name."""
    shown = shown_by(config, chosen, stage)
    text = {part: _part(config, part) for part in [*shown, *(["spell_answers"] if shown else [])]}
    return _without(resolved, unused(chosen, shown)) | text | {
        "setup": _contents(chosen), "languages": chosen.mix, "text_heavy": params.text_heavy(config, chosen),
        "text_in_images": shown}


def of_finding(resolved: dict, config: params.Profile, declared: stages.Stage, seeds: int | None) -> dict:
    """Params of a table or figure: the setups and seeds that it compares, and the rules of claims."""
    setups = params.studied(config) if declared.summary else params.compared(config, declared.stage)
    if not any(params.reads(config, params.setup(name)) for name in setups):
        resolved = _without(resolved, TEXT_KEYS)
    resolved |= {"setups": setups, "seeds": params.seed(seeds or 0) or config.study.seeds}
    return resolved | ({"claims": params.load(params.CLAIMS)} if declared.stage == "claims" else {})


def shown_by(config: params.Profile, chosen: params.Setup, stage: str) -> list[str]:
    """Data stages whose images of text a run of a setup reads, in its stage or an earlier one."""
    order = ["pretrain", "instruct", "evaluate"]
    last = order.index(stage if stage in order else "instruct")
    stages_before = order[params.without_pretraining(chosen):last + 1]
    return list(dict.fromkeys(data for earlier in stages_before for data in text_data(config, chosen, earlier)))


def unused(chosen: params.Setup, shown: list[str]) -> set[str]:
    """Keys of a profile that a run of a setup does not read, given its data stages of text (`shown_by`)."""
    encoder, documents = set() if chosen.tune_encoder else ENCODER_KEYS, set() if "ocr" in shown else OCR_KEYS
    return encoder | documents | (set() if shown else TEXT_KEYS)


def text_data(config: params.Profile, chosen: params.Setup, stage: str) -> list[str]:
    """Data stages whose images of text a stage of a setup shows: "ocr" (documents), "smpqa" (plots)."""
    documents = ["ocr"] if chosen.ocr and stage in ("pretrain", "instruct") else []
    if stage == "evaluate":
        return text_tests(config) if params.reads(config, chosen) else []
    return documents + (["smpqa"] if stage == "instruct" and params.plots(config, chosen) else [])


def text_tests(config: params.Profile) -> list[str]:
    """Data stages whose questions about text in images belong to a profile's test."""
    asked = tasks.of_group(TEXT_IN_IMAGES)
    return list(dict.fromkeys(asked[name].source for name in config.evaluation.items if name in asked))


def text_stages(config: params.Profile) -> list[str]:
    """Data stages with text in images that the study of a profile uses anywhere."""
    chosen = [params.setup(name) for name in params.studied(config)]
    shown = {data for setup in chosen for data in shown_by(config, setup, "evaluate")}
    return [stage for stage in TEXT_IMAGES if stage in shown]


def inputs_of(declared: stages.Stage, config: params.Profile, chosen: params.Setup | None = None) -> list[str]:
    """Stages whose results a run reads: declared by its notebook, or implied by the params."""
    stage = declared.stage
    trains = stage if stage in ("pretrain", "evaluate") else "instruct"
    names = list(declared.reads)
    if chosen and stage != "export":
        names += text_data(config, chosen, trains)
        names += ["translate"] if config.data.sources and trains != "evaluate" else []
        names += ["pretrain"] if trains == "instruct" and not params.without_pretraining(chosen) else []
    if declared.kind == "model" or stage == "export":
        names += [data for data in text_stages(config) if data in text_tests(config)]
    if benchmarks.of_profile(config) and stage in ANSWERING - {"benchmarks"}:
        names += ["benchmarks"]
    if stage == "report":
        names += ["captions", *(data for data in text_stages(config) if data in text_tests(config))]
    backbone = language_models.of(config.base.language_model)
    if stage == "base_models" and backbone and backbone.trimmed:
        names += ["captions", "instructions", *text_stages(config)]
    return list(dict.fromkeys(names))


def images_with_text(run: Run, stage: str) -> list[Path]:
    """Files of the images of a data stage with text in them."""
    return sorted(run.inputs[stage].glob(f"{TEXT_IMAGES[stage]}-*.parquet"))


def pictures(run: Run) -> dict[str, list[Path]]:
    """Files of the study's own pictures that a run reads, by table: drawings, and images with text."""
    text = {TEXT_IMAGES[stage]: images_with_text(run, stage) for stage in run.inputs if stage in TEXT_IMAGES}
    return {"images": [run.inputs["captions"] / "images.parquet"], **text}


def borrowed_encoder(config: params.Profile) -> Path | None:
    """Folder of the vision encoder that another profile builds; None where the profile uses no such encoder.

    Raises params.ParamsError where that folder is missing.
    """
    name = config.base.vision
    if config.base.encoder or not name.startswith("data/"):
        return None
    maker = Path(name).parts[1]
    if not (folder := paths.model(name)):
        raise params.ParamsError(f"profile {config.name}: base.vision = {name!r} is made by profile {maker} and not "
                                 f"there yet: run `make data base PROFILE={maker}` first")
    return folder


def start(notebook: str, profile: str, setup: str | None = None, seed: int = 0, seeds: int | None = None) -> Run:
    """Begin a run: find its inputs, make and lock its folder, write its key, print its name."""
    run, declared = describe(notebook, profile, setup, seed, seeds), stages.by_notebook()[notebook]
    checks.parameters(notebook)
    checks.profile(run.profile)
    if "base" in declared.params:
        borrowed_encoder(run.profile)  # before any work
    if declared.kind != "finding":  # what these compare are many runs, or scores that lie beside the figures
        run = with_inputs(run)
    _hold(run)
    keys.write_key(run.folder, run.key)
    print(f"{notebook}: {run.label}" + (f": {run.setup.question}" if run.setup else ""), flush=True)
    return run


def ready(notebook: str, profile: str, setup: str | None = None, seed: int = 0, seeds: int | None = None) -> Run:
    """Describe a run and its inputs without writing a file. Raises keys.KeyMismatch as `with_inputs`."""
    return with_inputs(describe(notebook, profile, setup, seed, seeds))


def with_inputs(run: Run) -> Run:
    """A run with the folder of each stage that it reads. Raises keys.KeyMismatch for a missing or stale stage."""
    names = inputs_of(stages.by_notebook()[run.notebook], run.profile, run.setup)
    made = [finished(stages.of(name).notebook, run.profile.name, run.setup and run.setup.name, run.seed)
            for name in names]
    return run._replace(inputs={one.stage: one.folder for one in made})


def finish(run: Run, **extra) -> Path:
    """Write `provenance.json`, which marks the run as complete, and delete its checkpoints."""
    of = {"setup": run.setup.name if run.setup else None, "seed": run.seed}
    extra = {"runtime_s": round(time.time() - run.started, 1), **of} | extra
    path = storage.write_json(run.folder / "provenance.json", keys.record(run.key, **extra))
    for checkpoint in run.folder.glob("checkpoint-*"):  # of no use any more
        checkpoint.unlink()
    if run.folder in _LOCKS:
        _LOCKS.pop(run.folder).close()
    print(f"{run.label}: done in {extra['runtime_s']:.0f} s: {path}", flush=True)
    return path


def manifest(run: Run, **counts) -> Path:
    """Write `manifest.json` of a data stage: row counts and sha256 of each table."""
    files = sorted(run.folder.rglob("*.parquet"))
    rows = {str(f.relative_to(run.folder)): {"rows": pq.read_metadata(f).num_rows, "sha256": storage.file_digest(f)}
            for f in files}
    return storage.write_json(run.folder / "manifest.json", keys.record(run.key, tables=rows, **counts))


def finished(notebook: str, profile: str, setup: str | None = None, seed: int = 0) -> Run:
    """Describe a finished run that the present params and code made.

    Raises keys.KeyMismatch for a missing or stale run.
    """
    per_setup = stages.by_notebook()[notebook].kind in ("training", "model")
    run = describe(notebook, profile, setup if per_setup else None, seed if per_setup else 0)
    keys.check_key(run.folder / "provenance.json", run.key)
    return run


def _hold(run: Run) -> None:
    """Wait while another process works on the same run; a process may outlive a killed study."""
    run.folder.mkdir(parents=True, exist_ok=True)
    file = (run.folder / ".lock").open("w")
    if not lock.taken(file):
        print(f"{run.label}: another process is at work in {run.folder}: waiting for it to end", flush=True)
        lock.taken(file, wait=True)
    _LOCKS[run.folder] = file


def _without(value, dropped: set[str]):
    """Copy a value without some keys, at any depth."""
    if not isinstance(value, dict):
        return value
    return {key: _without(inner, dropped) for key, inner in value.items() if key not in dropped}


def _contents(chosen: params.Setup) -> dict:
    """Values of a setup without its name."""
    return chosen.model_dump(mode="json", exclude={"name", "question", "table"})


def _part(config: params.Profile, dotted: str):
    value = config
    for name in dotted.split("."):
        value = getattr(value, name)
    return value.model_dump(mode="json") if isinstance(value, params.Strict) else value
