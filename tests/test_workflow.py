"""The study's graph: what Snakemake plans in a copy of the repository whose runs are finished, and the time it tells.

Nothing is trained: results are written as a run writes them last, and Snakemake is asked (-n) what is left to do,
which takes it two seconds each time.
"""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from smoke_study import SNAKEMAKE

from centurio_lib import params, paths, storage
from centurio_lib.study import plan, runs, stages

SMOKE = params.profile("smoke")
SETUPS, DRAWN = params.studied(SMOKE), stages.findings(SMOKE)
PRETRAINED = [name for name in SETUPS if not params.without_pretraining(params.setup(name))]
FINISH = """
from centurio_lib import params
from centurio_lib.study import runs, stages
setups = params.studied(params.profile("smoke"))
pretrained = [name for name in setups if not params.without_pretraining(params.setup(name))]
for notebook, declared in stages.by_notebook().items():
    if declared.by_hand or declared.stage in ("translate", "benchmarks"):  # no part of the study
        continue
    each = {"pretrain": pretrained}.get(declared.stage, setups) if declared.kind == "training" else [None]
    for setup in each:
        runs.finish(runs.start(notebook, "smoke", setup, 0, **({"seeds": 1} if setup is None else {})))
"""


def in_copy(copy, *command: str) -> str:
    """Output of a command in a copy of the repository."""
    environment = os.environ | {"PYTHONPATH": str(copy), "CENTURIO_HOME": str(copy)}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def todo(copy, *options: str) -> dict[str, int]:
    """Number of runs of each rule that Snakemake would do."""
    printed = in_copy(copy, *SNAKEMAKE, *options, "-n", "--quiet", "rules")
    assert "Job stats" in printed or "Nothing to be done" in printed, printed
    table = printed.split("Reasons:")[0].split("Job stats:")[-1]
    counts = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
    return {rule: n for rule, n in counts.items() if rule not in ("study", "total")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the repository with every run of the smoke study finished."""
    copy = tmp_path_factory.mktemp("study") / "repo"
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("centurio_lib", "notebooks", "params"):
        shutil.copytree(paths.REPO / name, copy / name, ignore=unwanted)
    for name in ("Snakefile", "package-lock.json"):
        shutil.copy(paths.REPO / name, copy / name)
    once = dict.fromkeys(("languages", "captions", "instructions", "ocr", "smpqa", "base_models", *DRAWN), 1)
    each = {"pretrain": len(PRETRAINED), "instruct": len(SETUPS), "evaluate": len(SETUPS)}
    assert todo(copy) == once | each
    printed = in_copy(copy, sys.executable, "-c", FINISH)
    assert "results/smoke/rq1/provenance.json" in printed, printed
    return copy


@pytest.fixture
def edit(finished):
    """Change a file of the finished copy; it is put back after the test."""
    before = {}

    def change(name: str, old: str, new: str) -> None:
        path = finished / name
        text = path.read_text(encoding="utf-8")
        before.setdefault(path, text)
        assert old in text, f"{name} lacks {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    yield change
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")


def test_second_study_does_nothing_whatever_was_touched(finished):
    for path in [*finished.glob("notebooks/*"), *finished.rglob("centurio_lib/*.py"), *finished.rglob("params/*.yaml")]:
        path.touch()
    assert todo(finished) == {}


def test_one_setup_changed_reruns_what_depends_on_it(finished, edit):
    edit("params/setups.yaml", "english_share: 0.1\n", "english_share: 0.2\n")
    summaries = dict.fromkeys(set(DRAWN) - set(SMOKE.study.questions), 1)
    assert todo(finished) == {"instruct": 1, "evaluate": 1, "rq2": 1} | summaries


@pytest.mark.parametrize(("old", "new", "again"), [
    ("min_font_px: 10.0", "min_font_px: 11.0", {"ocr": 1, "pretrain": 2, "instruct": 2, "evaluate": 3}),
    (" font_px: 10.0", " font_px: 11.0", {"smpqa": 1, "instruct": 3, "evaluate": 3}),
    ("spell_answers: true", "spell_answers: false", {"pretrain": 2, "instruct": 3, "evaluate": 3}),
], ids=["documents", "plots", "spelling"])
def test_options_of_text_rerun_only_what_shows_text(finished, edit, old, new, again):
    edit("params/profiles/smoke.yaml", old, new)
    assert todo(finished) == again | dict.fromkeys({*DRAWN} - {*SMOKE.study.questions} | {"rq4", "centurio"}, 1)


def test_deleted_scores_of_one_setup_are_made_again_and_what_shows_them(finished):
    record = finished / "results" / "smoke" / "evaluate" / "T5" / "seed0" / "provenance.json"
    away = record.rename(record.with_suffix(".away"))
    summaries = dict.fromkeys(set(DRAWN) - set(SMOKE.study.questions), 1)
    try:
        assert todo(finished) == {"evaluate": 1, "rq1": 1} | summaries
    finally:
        away.rename(record)


def test_change_that_is_taken_back_reruns_nothing(finished, edit):
    """Snakemake knows nothing of these runs but their files, as after `papermill` by hand."""
    edit("params/profiles/smoke.yaml", "lora_rank: 4", "lora_rank: 16")
    assert todo(finished)["instruct"] == len(SETUPS)
    edit("params/profiles/smoke.yaml", "lora_rank: 16", "lora_rank: 4")
    assert todo(finished) == {}


def test_result_of_a_key_that_changed_under_way_is_stale(tmp_path):
    """Params edited while a run goes on: its result comes last, yet another key made it."""
    run = runs.Run("toy", "toy", params.profile("smoke"), None, 0, tmp_path, {"params": 1}, 0.0)
    edited = run._replace(key={"params": 2})
    plan.key_file(run)
    plan.key_file(edited)
    result = storage.write_json(tmp_path / "provenance.json", {"key": storage.digest(run.key)})
    os.utime(tmp_path / "key.json", ns=(0, 0))
    assert plan.key_file(edited).stat().st_mtime_ns > result.stat().st_mtime_ns
    assert plan.key_file(run).stat().st_mtime_ns <= result.stat().st_mtime_ns


def test_more_seeds_run_the_new_ones_only(finished):
    again = dict.fromkeys(DRAWN, 1) | {"pretrain": len(PRETRAINED)}
    assert todo(finished, "seeds=2") == again | {"instruct": len(SETUPS), "evaluate": len(SETUPS)}


def test_unknown_names_stop_the_study_before_any_work(finished):
    assert "nowhere.yaml does not exist; there are" in in_copy(finished, *SNAKEMAKE, "profile=nowhere", "-n")
    assert "profile 'none' is a name that YAML" in in_copy(finished, *SNAKEMAKE, "profile=none", "-n")
    assert "seeds = 0: at least 1" in in_copy(finished, *SNAKEMAKE, "seeds=0", "-n")


def jobs(folder, count: int, stage: str = "instruct") -> list[plan.Job]:
    """Runs to do, none of them finished."""
    return [plan.Job(stage, folder / stage / f"T{i}" / "provenance.json") for i in range(count)]


def test_plan_counts_runs_and_divides_their_time(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(plan, "FIRST_S", {"toy": {"instruct": 60 - plan.STARTING_S}})
    said = plan.announcement("toy", jobs(tmp_path, 6), 2)
    assert said == "profile toy: 6 runs to do (6 instruct), 2 at a time: about 3 min"


def test_plan_learns_from_finished_runs_and_admits_what_it_does_not_know(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    assert "time not known" in plan.announcement("toy", jobs(tmp_path, 1), 1)
    for i, runtime in enumerate((10, 30, 1000)):
        storage.write_json(paths.run("toy", "instruct", f"T{i}", 0) / "provenance.json", {"runtime_s": runtime})
    assert plan.stage_seconds("toy")["instruct"] == 30


@pytest.mark.parametrize("profile", ["laptop", "smoke"])
def test_time_of_a_shipped_profile_is_known_before_its_first_run(profile, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    wanted = {"languages", "captions", "instructions", "pretrain", "instruct", "evaluate",
              *stages.findings(params.profile(profile))}
    assert wanted <= set(plan.stage_seconds(profile))


def test_progress_counts_only_what_finished_since_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    wanted, now = jobs(tmp_path, 3), time.time()
    storage.write_json(wanted[0].result, {})
    os.utime(wanted[0].result, (now - 100, now - 100))
    storage.write_json(wanted[1].result, {})
    os.utime(wanted[1].result, (now + 1, now + 1))
    done, line = plan.progress("toy", wanted, 1, now)
    assert done == 1 and line.startswith("== 1 of 3 runs done")


def test_runs_that_began_and_left_no_result_are_named(tmp_path):
    wanted = jobs(tmp_path, 2)
    wanted[0].result.parent.mkdir(parents=True)
    wanted[0].result.with_name("run.ipynb").touch()
    assert plan.failed(wanted, time.time() - 60) == wanted[:1]


def test_second_study_of_a_profile_waits_its_turn_and_a_killed_one_blocks_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    script = ("import time; from centurio_lib.study import plan\n"
              "held = plan.hold('toy'); print('held', flush=True); time.sleep(60)")
    first = subprocess.Popen([sys.executable, "-c", script], cwd=paths.REPO, stdout=subprocess.PIPE,
                             env=os.environ | {"CENTURIO_HOME": str(tmp_path)})
    try:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(plan.StudyRunning, match=f"process {first.pid} already runs"):
            plan.hold("toy")
        plan.hold("other").close()
    finally:
        first.kill()
        first.wait()
    plan.hold("toy").close()


@pytest.mark.parametrize(("asked", "seeds"), [(None, 1), (1, 1), (5, 5)])
def test_seeds_come_from_the_command_or_the_profile(asked, seeds):
    assert plan.n_seeds(asked, params.profile("smoke")) == seeds


@pytest.mark.parametrize("asked", [0, -1, "two", 1.5, True])
def test_bad_number_of_seeds_is_refused(asked):
    with pytest.raises(params.ParamsError, match="seed"):
        plan.n_seeds(asked, params.profile("smoke"))
