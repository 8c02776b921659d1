"""The study as a graph: one rule a notebook, each a papermill command that can be typed by hand just as it is printed.

`make study`, or: snakemake --profile params/snakemake/default --config profile=laptop seeds=3

Each notebook declares its stage in its metadata (centurio_lib/study/stages.py); what a run reads follows from that
and from the params (centurio_lib/study/runs.py). A run's result is its provenance.json, which the notebook writes last;
that alone is declared as output, so that checkpoints outlive an interruption. Its input key.json changes when what
computes the run does (centurio_lib/study/keys.py).
"""

import atexit
import os
import sys
import tempfile
import time
from pathlib import Path

from centurio_lib import params, paths
from centurio_lib.base_models import download
from centurio_lib.study import checks, plan, plan_page, runs, stages, warm

PROFILE, ALONE = checks.asked(config)  # ALONE: setups of a slice
SEEDS = plan.n_seeds(config.get("seeds"), PROFILE)
GPU = int(PROFILE.base.dtype == "bfloat16")  # profiles in half precision are for GPUs, where runs take turns
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # this environment's papermill
RUN = "{setup}/seed{seed}"
TRAINED = ("pretrain", "instruct")  # stages that several GPUs may share
FRESH = config.get("kernels", "warm") == "fresh"  # a kernel of Jupyter's for each notebook, which takes 10 seconds more

# print each command as it is typed by hand, and leave out what kernels say about sockets on this machine
shell.prefix(r"exec 2> >(grep --line-buffered -v '^\[IPKernelApp\]' >&2); set -x; ")


def short(path):
    """A path as one types it where the study runs, in the repository as a rule: relative where it lies there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def folder(stage, run=RUN):
    """Folder of a stage's run: of a setup and a seed (`run`), or of the whole profile."""
    kind = stages.of(stage).kind
    home = paths.data(PROFILE.name) if kind == "data" else paths.HOME / "results" / PROFILE.name
    return short(home / stage) + (f"/{run}" if kind == "training" else "")


def result(stage, run=RUN):
    """The file that says that a stage's run is complete."""
    return f"{folder(stage, run)}/provenance.json"


def chosen_by(wildcards):
    """Setup and seed of a rule's run, where it has them."""
    return {"setup": wildcards.setup, "seed": int(wildcards.seed)} if "setup" in wildcards.keys() else {}


def key(declared):
    """Input function: key.json of the run, newer than its result only if another key made that."""
    def path(wildcards):
        run = runs.describe(declared.notebook, PROFILE.name, seeds=SEEDS, **chosen_by(wildcards))
        return short(plan.key_file(run))
    return path


def inputs(declared):
    """Input function: results of the stages that a run reads, and cards of its base models."""
    def found(wildcards):
        names = chosen_by(wildcards)
        setup = params.setup(names["setup"]) if names else None
        run = f"{names['setup']}/seed{names['seed']}" if names else ""
        read = [result(stage, run) for stage in runs.inputs_of(declared, PROFILE, setup)]
        if declared.stage in TRAINED:
            read += base_models()
        if declared.kind == "finding":
            drawn = stages.gathered(declared.stage, PROFILE)
            read += scores(declared.stage) + [result(stage) for stage in drawn]
        return read
    return found


def base_models():
    """Records of the base models: of notebook 07 where it builds them, else the cards of those that lie in a folder."""
    borrowed = runs.borrowed_encoder(PROFILE)
    named = [PROFILE.base.language_model, *([] if borrowed else [PROFILE.base.vision])]
    built = [result("base_models") for name in named if name.startswith("data/")]
    cards = [short(paths.REPO / name / "README.md") for name in named if name.startswith("models/")]
    return sorted({*built, *cards, *([short(borrowed / "README.md")] if borrowed else [])})


def scores(stage):
    """Evaluations that a table or figure compares: every setup of its question (or of the study) with every seed."""
    summary = stages.of(stage).summary
    if not summary and stage not in PROFILE.study.questions:
        return []
    names = params.studied(PROFILE) if summary else params.compared(PROFILE, stage)
    return [result("evaluate", f"{name}/seed{seed}") for seed in range(SEEDS) for name in names]


def stated(declared):
    """Parameters of a rule's papermill command."""
    def options(wildcards):
        values = {"profile": PROFILE.name} | chosen_by(wildcards)
        if declared.kind == "finding":
            values["seeds"] = SEEDS
        return " ".join(f"-p {name} {value}" for name, value in values.items())
    return options


def threads_of(stage):
    """Cores of a stage's run."""
    if stage == "base_models":
        return PROFILE.base_threads
    return PROFILE.threads if stages.of(stage).gpu else 1


wildcard_constraints:
    setup=r"[^/]+",
    seed=r"\d+",


def warm_up():
    """Have notebooks run in forks of one warm interpreter, that of the environment or a new one."""
    if warm.SOCKET not in os.environ:
        started = warm.Warm(Path(tempfile.mkdtemp(prefix="centurio-")))
        atexit.register(started.close)
        os.environ |= started.environment()
    os.environ["PATH"] = f"{Path(os.environ[warm.SOCKET]).parent}{os.pathsep}{os.environ['PATH']}"


onstart:
    download.ready(PROFILE.base.language_model)
    if line := plan_page.short(PROFILE):
        print(line, flush=True)
    global held, jobs, since  # the hold lasts as long as the file is open
    held, since = plan.hold(PROFILE.name), time.time()
    todo = [job for job in workflow.dag.needrun_jobs() if job.output]
    jobs = [plan.Job(job.rule.name, Path(job.output[0]).absolute()) for job in todo]
    sent = workflow.resource_settings.nodes  # to a cluster, which has cores of its own
    plan.watch(PROFILE.name, jobs, abreast=sent or (1 if GPU else max(1, workflow.cores // PROFILE.threads)))
    if not (FRESH or GPU or sent):  # CUDA does not outlive a fork, and a cluster's nodes are elsewhere
        warm_up()


onsuccess:
    print(f"tables and figures: {short(paths.figures(PROFILE.name))}")


onerror:
    for job in plan.failed(jobs, since):
        print(f"not finished: {short(job.result.parent)} (run.ipynb in it shows how far it came)")
    print("the same command goes on where this one ended")


rule study:
    input:
        result("languages"),
        scores("claims"),  # asked for by themselves, so that scores that were deleted are made again
        [result(stage) for stage in stages.findings(PROFILE)],


rule setups:  # a slice of the study, up to its scores: make study SETUPS="English L100"
    input:
        [result("evaluate", f"{params.trained_as(PROFILE, name)}/seed{seed}")
         for name in ALONE for seed in range(SEEDS)],


rule data:
    input:
        [result(stage) for stage in plan.data_stages(PROFILE)],


rule figures:
    input:
        [result(stage) for stage in stages.findings(PROFILE)],


# what the commands name comes by way of params: it is looked up when a rule runs, after this loop has ended
for declared in stages.by_notebook().values():
    if not declared.by_hand:
        rule:
            name: declared.stage
            input:
                inputs(declared),
                key=key(declared),
            output:
                result(declared.stage),
            log:
                f"{folder(declared.stage)}/run.ipynb",
            params:
                notebook=short(paths.NOTEBOOKS / f"{declared.notebook}.ipynb"),
                options=stated(declared),
            threads: threads_of(declared.stage)
            # a trained setup is scored before the next one is trained; tables are drawn as soon as they can be
            priority: {"finding": 20, "training": 10 * (declared.stage == "evaluate")}.get(declared.kind, 0)
            resources:
                gpu=GPU * (PROFILE.gpus if declared.stage in TRAINED else 1) if declared.gpu else 0,
            shell:
                "papermill {params.notebook:q} {log:q} {params.options} --no-progress-bar "
                "--log-level WARNING --stdout-file -"
