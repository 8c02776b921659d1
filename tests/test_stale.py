"""Edit this, and exactly these stages become stale: by their own key, or since they read what another key makes.

A copy of the repository is edited; keys are computed from it, and nothing is run.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from centurio_lib import code_digest, params, paths
from centurio_lib.data.hub import catalogue
from centurio_lib.params import profiles, setups
from centurio_lib.study import runs, stages

HUB = "paper"  # a profile with data sets of the hub and third-party benchmarks
SETUPS = {"smoke": ["L100", "PT50", "OCR50"], HUB: ["L100", "PT50"]}
# what every table and figure shows: scores
FINDINGS = {"rq1", "rq2", "rq3", "rq4", "allocation", "centurio", "lora_rank", "learning_rate", "claims",
            "figure_set", "report"}
TRAINED = {"pretrain", "instruct", "evaluate", "export", "speed"}
CACHES = (code_digest.imports_of, code_digest.module_digest, stages.by_notebook, profiles.profile, setups.all_setups,
          setups.questions, catalogue.entries, catalogue.archives)


BEFORE: dict[str, dict] = {}  # keys of a profile before any edit


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A copy of what keys are made of."""
    copy = tmp_path_factory.mktemp("stale") / "repo"
    for name in ("centurio_lib", "notebooks", "params"):
        shutil.copytree(paths.REPO / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.PACKAGE_LOCK, copy)
    return copy


@pytest.fixture
def repo(original, tmp_path, monkeypatch) -> Path:
    """A copy that a test may edit, in the place of the repository."""
    copy = shutil.copytree(original, tmp_path / "repo")
    for name, value in {"REPO": copy, "NOTEBOOKS": copy / "notebooks", "PARAMS": copy / "params",
                        "PACKAGE_LOCK": copy / "package-lock.json"}.items():
        monkeypatch.setattr(paths, name, value)
    monkeypatch.setattr(setups, "PATH", copy / "params" / "setups.yaml")
    monkeypatch.setattr(catalogue, "FOLDER", copy / "centurio_lib" / "data" / "hub")
    yield copy
    forget()


def forget() -> None:
    """Drop what earlier keys remembered."""
    for cached in CACHES:
        cached.cache_clear()


def described(profile: str) -> dict[str, list[dict]]:
    """Keys of each stage's runs: one of the profile, or one of each of its setups."""
    config, found = params.profile(profile), {}
    for notebook, declared in stages.by_notebook().items():
        if declared.kind == "training":
            chosen = [name for name in SETUPS[profile]
                      if declared.stage != "pretrain" or not params.without_pretraining(params.setup(name))]
            found[declared.stage] = [runs.describe(notebook, profile, name).key for name in chosen]
        elif declared.kind != "finding" or declared.stage in stages.findings(config):
            found[declared.stage] = [runs.describe(notebook, profile).key]
    return found


def gathered(stage: str, config: params.Profile) -> list[str]:
    """Stages whose figures a finding shows, where the profile draws it."""
    return stages.gathered(stage, config) if stage in stages.findings(config) else []


def readers(stale: set[str], profile: str) -> set[str]:
    """Some stages and all that read what they make, directly or not."""
    config = params.profile(profile)
    reads = {one.stage: {*runs.inputs_of(one, config), *(data for name in SETUPS[profile] if one.kind == "training"
                                                         for data in runs.inputs_of(one, config, params.setup(name))),
                         *(["evaluate", *gathered(one.stage, config)] if one.kind == "finding" else [])}
             for one in stages.by_notebook().values()}
    reads["pretrain"].add("base_models")
    reads["instruct"].add("base_models")
    while more := {stage for stage, read in reads.items() if read & stale} - stale:
        stale = stale | more
    return stale


def stale(profile: str, edit: Callable[[Path], None], repo: Path) -> tuple[set[str], set[str]]:
    """Stages whose own key an edit changes, and all that become stale."""
    if profile not in BEFORE:
        forget()
        BEFORE[profile] = described(profile)
    before = BEFORE[profile]
    edit(repo)
    forget()
    after = described(profile)
    own = {stage for stage in after if after[stage] != before.get(stage)}
    return own, readers(own, profile)


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    """An edit of one file."""
    def edit(repo: Path) -> None:
        text = (repo / name).read_text(encoding="utf-8")
        assert old in text, f"{name} lacks {old!r}"
        (repo / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return edit


def line(name: str, text: str = "\n\nADDED = 1\n") -> Callable[[Path], None]:
    """An edit that adds a line of code to a module."""
    def edit(repo: Path) -> None:
        path = repo / "centurio_lib" / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    return edit


def figure_registered(repo: Path) -> None:
    """A question of its own: a line of setups.yaml and a notebook."""
    replace("params/setups.yaml", "  rq1: [", "  toy: [English, L100]\n  rq1: [")(repo)
    notebook = json.loads((repo / "notebooks" / "24_allocation.ipynb").read_text(encoding="utf-8"))
    notebook["metadata"]["centurio"]["stage"] = "toy"
    (repo / "notebooks" / "27_toy.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def task_added(repo: Path) -> None:
    """A task that no profile asks yet."""
    folder = repo / "centurio_lib" / "evaluation" / "tasks"
    text = (folder / "flag.py").read_text(encoding="utf-8")
    (folder / "toy.py").write_text(text.replace('"flag"', '"toy"'), encoding="utf-8")


def font_updated(repo: Path) -> None:
    """Another version of one font's archive."""
    path = repo / "package-lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    lock["packages"]["node_modules/@fontsource-variable/noto-sans"]["integrity"] = "sha512-of-another"
    path.write_text(json.dumps(lock), encoding="utf-8")


def everything_after(*own: str) -> set[str]:
    """Some stages, and the runs and findings behind them."""
    return {*own, "evaluate", "export", "speed", *FINDINGS}


TABLE = {
    # what is edited: (profile, the edit, stages whose own key changes, all that become stale)
    "a figure registered": ("smoke", figure_registered, set(), set()),
    "a task added": ("smoke", task_added, set(), set()),
    "a prompt of another task": ("smoke", line("evaluation/tasks/maxm.py"), set(), set()),
    "a row of the catalogue, no data of the hub":
        ("smoke", replace("centurio_lib/data/hub/catalogue.csv", "CC-BY-NC-4.0", "CC-BY-4.0"), set(), set()),
    "the translator, no data of the hub": ("smoke", line("data/hub/translators.py"), set(), set()),
    "memory prediction": ("smoke", line("model/memory.py"), set(), set()),
    "progress": ("smoke", line("study/plan.py"), set(), set()),
    "a field of params": ("smoke", line("params/profiles.py"), set(), set()),
    "the report": ("smoke", line("report/site.py"), {"report"}, {"report"}),
    "a claim's verdict":
        ("smoke", line("findings/claims.py"), {"claims", "report"}, {"claims", "report"}),
    "mix.py": ("smoke", line("data/mix.py"), {"pretrain", "instruct", "speed"},
               everything_after("pretrain", "instruct")),
    "conversation.py": ("smoke", line("model/conversation.py"), {"base_models", *TRAINED, "external_models"},
                        everything_after("base_models", "pretrain", "instruct", "external_models")),
    "one task's scoring": ("smoke", line("evaluation/tasks/flag.py"), {"evaluate", "external_models", "speed"},
                           {"evaluate", "external_models", "speed", *FINDINGS}),
    "a font": ("smoke", font_updated, {"ocr", "smpqa", "base_models", "report"},
               everything_after("ocr", "smpqa", "base_models", "pretrain", "instruct", "external_models")),
}


@pytest.mark.parametrize("name", TABLE)
def test_an_edit_makes_exactly_these_stages_stale(name, repo):
    profile, edit, own, all_of_them = TABLE[name]
    assert stale(profile, edit, repo) == (own, all_of_them)
