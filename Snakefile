"""The study as a graph: one rule a notebook, each a papermill command that can be typed by hand just as it is printed.

`make study`, or: snakemake --profile params/snakemake/default --config profile=laptop seeds=3

A run's result is its provenance.json, which the notebook writes last; that alone is declared as output, so that
checkpoints outlive an interruption. Its input key.json changes when the run's code or params do (centurio_lib/study/runs.py).
"""

import os
import sys
import time
from pathlib import Path

from centurio_lib import params, paths
from centurio_lib.base_models import download, language_models
from centurio_lib.params import benchmarks
from centurio_lib.study import plan, runs

PROFILE = params.profile(config.get("profile", "laptop"))
SEEDS = plan.n_seeds(config.get("seeds"), PROFILE)
THREADS = PROFILE.threads
GPU = int(PROFILE.base.dtype == "bfloat16")  # profiles in half precision are for GPUs, where runs take turns
GPUS = GPU * PROFILE.gpus  # of a training run
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # this environment's papermill


# print each command as it is typed by hand, and leave out what kernels say about sockets on this machine
shell.prefix(r"exec 2> >(grep --line-buffered -v '^\[IPKernelApp\]' >&2); set -x; ")


def short(path):
    """A path as one types it in the repository: relative where it lies there."""
    return str(path.relative_to(paths.REPO) if path.is_relative_to(paths.REPO) else path)


DATA = short(paths.data(PROFILE.name))
RESULTS = short(paths.HOME / "results" / PROFILE.name)
RUN = "{setup}/seed{seed}"
TEST_SETS = [f"{DATA}/test_sets/provenance.json"] if benchmarks.of_profile(PROFILE) else []  # the published ones
ARCHIVES = "package-lock.json"  # names the archives that images and texts come from, with the sha512 of each


def key(notebook):
    """Input function: key.json of the run, newer than its result only if another key made that."""
    def path(wildcards):
        chosen = {"setup": wildcards.setup, "seed": int(wildcards.seed)} if "setup" in wildcards.keys() else {}
        return short(plan.key_file(runs.describe(notebook, PROFILE.name, seeds=SEEDS, **chosen)))
    return path


def papermill(notebook, **parameters):
    """Shell command of a rule: the executed notebook is its log, what the notebook prints goes to the terminal."""
    stated = " ".join(f"-p {name} {value}" for name, value in {"profile": PROFILE.name, **parameters}.items())
    return f"papermill notebooks/{notebook}.ipynb {{log}} {stated} --no-progress-bar --log-level WARNING --stdout-file -"


# translations are wanted where mixes are made of data sets of the hub
translated = [f"{DATA}/translate/provenance.json"] if PROFILE.data.sources else []


def base_models(wildcards):
    """Input function: records of the base models: of notebook 07 where it builds them, their cards where they are shipped
    (models/) or another profile builds them (data/). None for those that come from a hub.
    """
    borrowed = runs.borrowed_encoder(PROFILE)
    named = [PROFILE.base.language_model, *([] if borrowed else [PROFILE.base.vision])]
    built = [f"{DATA}/base_models/provenance.json" for name in named if name.startswith("data/")]
    cards = [f"{name}/README.md" for name in named if name.startswith("models/")]
    return sorted({*built, *cards, *([short(borrowed / "README.md")] if borrowed else [])})


def trimmed_to():
    """Tables with the study's texts, where the vocabulary of the language model is trimmed to them."""
    backbone = language_models.of(PROFILE.base.language_model)
    stages = ["captions", "instructions", *runs.text_stages(PROFILE)] if backbone and backbone.trimmed else []
    return [f"{DATA}/{stage}/provenance.json" for stage in stages]


def pretrained(wildcards):
    """Input function: the pre-training that a setup's instruct stage goes on from, if it has one."""
    return [] if params.without_pretraining(params.setup(wildcards.setup)) else f"{RESULTS}/pretrain/{RUN}/provenance.json"


def text_data(stage):
    """Input function: documents and plots that a stage of a setup shows, if it shows any."""
    def made(wildcards):
        stages = runs.text_data(PROFILE, params.setup(wildcards.setup), stage)
        return [f"{DATA}/{name}/provenance.json" for name in stages]
    return made


def scores(question):
    """Evaluations that a table compares: every setup of the question (or of the study) with every seed.

    None for a question that the profile does not study.
    """
    if question in runs.SUMMARIES:
        names = params.studied(PROFILE)
    else:
        names = params.compared(PROFILE, question) if question in PROFILE.study.questions else []
    return [f"{RESULTS}/evaluate/{name}/seed{seed}/provenance.json" for seed in range(SEEDS) for name in names]


wildcard_constraints:
    setup=r"[^/]+",
    seed=r"\d+",


onstart:
    download.ready(PROFILE.base.language_model)
    global held, jobs, since  # the hold lasts as long as the file is open
    held, since = plan.hold(PROFILE.name), time.time()
    todo = [job for job in workflow.dag.needrun_jobs() if job.output]
    jobs = [plan.Job(job.rule.name, Path(job.output[0]).absolute()) for job in todo]
    sent = workflow.resource_settings.nodes  # to a cluster, which has cores of its own
    plan.watch(PROFILE.name, jobs, abreast=sent or (1 if GPU else max(1, workflow.cores // THREADS)))


onsuccess:
    print(f"tables and figures: {short(paths.figures(PROFILE.name))}")


onerror:
    for job in plan.failed(jobs, since):
        print(f"not finished: {short(job.result.parent)} (run.ipynb in it shows how far it came)")
    print("the same command goes on where this one ended")


rule study:
    input:
        f"{DATA}/languages/provenance.json",
        scores("claims"),  # asked for by themselves, so that scores that were deleted are made again
        [f"{RESULTS}/{stage}/provenance.json" for stage in runs.findings(PROFILE.name)],


rule setups:  # a slice of the study, up to its scores: make study SETUPS="English L100"
    input:
        [f"{RESULTS}/evaluate/{params.trained_as(PROFILE, name)}/seed{seed}/provenance.json"
         for name in str(config.get("setups", "")).split() for seed in range(SEEDS)],


rule data:
    input:
        expand(f"{DATA}/{{stage}}/provenance.json", stage=["languages", "captions", "instructions"]),
        translated,
        expand(f"{DATA}/{{stage}}/provenance.json", stage=runs.text_stages(PROFILE)),
        TEST_SETS,


rule figures:
    input:
        [f"{RESULTS}/{stage}/provenance.json" for stage in runs.findings(PROFILE.name)],


# === data ===
rule languages:
    input:
        ARCHIVES,
        key=key("01_languages"),
    output:
        f"{DATA}/languages/provenance.json",
    log:
        f"{DATA}/languages/run.ipynb",
    shell:
        papermill("01_languages")


rule captions:
    input:
        ARCHIVES,
        key=key("02_captions"),
    output:
        f"{DATA}/captions/provenance.json",
    log:
        f"{DATA}/captions/run.ipynb",
    shell:
        papermill("02_captions")


rule instructions:
    input:
        rules.captions.output,
        key=key("04_instructions"),
    output:
        f"{DATA}/instructions/provenance.json",
    log:
        f"{DATA}/instructions/run.ipynb",
    shell:
        papermill("04_instructions")


rule translate:
    input:
        rules.captions.output,
        rules.instructions.output,
        key=key("03_translate"),
    output:
        f"{DATA}/translate/provenance.json",
    log:
        f"{DATA}/translate/run.ipynb",
    threads: THREADS
    resources:
        gpu=GPU,
    shell:
        papermill("03_translate")


rule ocr:
    input:
        ARCHIVES,
        key=key("05_ocr"),
    output:
        f"{DATA}/ocr/provenance.json",
    log:
        f"{DATA}/ocr/run.ipynb",
    shell:
        papermill("05_ocr")


rule smpqa:
    input:
        ARCHIVES,
        key=key("06_smpqa"),
    output:
        f"{DATA}/smpqa/provenance.json",
    log:
        f"{DATA}/smpqa/run.ipynb",
    shell:
        papermill("06_smpqa")


rule test_sets:
    input:
        key=key("08_test_sets"),
    output:
        f"{DATA}/test_sets/provenance.json",
    log:
        f"{DATA}/test_sets/run.ipynb",
    shell:
        papermill("08_test_sets")


# === base models, where the profile builds its own as part of the study (laptop's are shipped: make base) ===
rule base_models:
    input:
        ARCHIVES,
        trimmed_to(),
        key=key("07_base_models"),
    output:
        f"{DATA}/base_models/provenance.json",
    log:
        f"{DATA}/base_models/run.ipynb",
    threads: PROFILE.base_threads
    resources:
        gpu=GPU,
    shell:
        papermill("07_base_models")


# === training and evaluation: a setup and a seed each ===
rule pretrain:
    input:
        rules.captions.output,
        translated,
        text_data("pretrain"),
        base_models,
        key=key("10_pretrain"),
    output:
        f"{RESULTS}/pretrain/{RUN}/provenance.json",
    log:
        f"{RESULTS}/pretrain/{RUN}/run.ipynb",
    threads: THREADS
    resources:
        gpu=GPUS,
    shell:
        papermill("10_pretrain", setup="{wildcards.setup}", seed="{wildcards.seed}")


rule instruct:
    input:
        rules.instructions.output,
        translated,
        base_models,
        pretrained,
        text_data("instruct"),
        key=key("11_instruct"),
    output:
        f"{RESULTS}/instruct/{RUN}/provenance.json",
    log:
        f"{RESULTS}/instruct/{RUN}/run.ipynb",
    threads: THREADS
    resources:
        gpu=GPUS,
    shell:
        papermill("11_instruct", setup="{wildcards.setup}", seed="{wildcards.seed}")


rule evaluate:
    input:
        rules.instruct.output,
        text_data("evaluate"),
        TEST_SETS,
        key=key("12_evaluate"),
    output:
        f"{RESULTS}/evaluate/{RUN}/provenance.json",
    log:
        f"{RESULTS}/evaluate/{RUN}/run.ipynb",
    threads: THREADS
    resources:
        gpu=GPU,
    priority: 10  # a trained setup is scored before the next one is trained
    shell:
        papermill("12_evaluate", setup="{wildcards.setup}", seed="{wildcards.seed}")


# === tables and figures: drawn as soon as their runs are done, one rule for all notebooks of questions and summaries ===
for notebook, (question, _) in runs.STAGES.items():
    if question in params.questions() or question in runs.SUMMARIES:
        rule:
            name: question
            input:
                scores(question),
                [f"{DATA}/smpqa/provenance.json"] if question == "rq4" else [],  # it shows plots
                [f"{RESULTS}/{stage}/provenance.json" for stage in runs.gathered(question, PROFILE.name)],
                key=key(notebook),
            output:
                f"{RESULTS}/{question}/provenance.json",
            log:
                f"{RESULTS}/{question}/run.ipynb",
            params:
                notebook=notebook,  # by way of a param: what the shell command names is looked up when it runs
            priority: 20
            shell:
                papermill("{params.notebook}", seeds=SEEDS)
