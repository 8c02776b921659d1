"""Run keys follow what a result follows from and nothing else; results are written whole or not at all."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centurio_lib import code_digest, params, paths, storage
from centurio_lib.study import keys, runs, stages

CODE = "from centurio_lib import used\nresult = used.double(rate)  # why\n"


def cell(kind: str, source: str, tags: tuple = (), outputs: tuple = ()) -> dict:
    """A notebook cell."""
    return {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": source.splitlines(keepends=True),
            **({"outputs": list(outputs), "execution_count": None} if kind == "code" else {})}


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A repository of one notebook, the module it imports, the one that this imports, and one that nothing imports."""
    library, notebooks = tmp_path / "centurio_lib", tmp_path / "notebooks"
    library.mkdir()
    notebooks.mkdir()
    (library / "__init__.py").write_text('"""Toy."""\n')
    used = '"""Used."""\nfrom centurio_lib.below import TWO\n\n\ndef double(x):\n    return TWO * x\n'
    (library / "used.py").write_text(used)
    (library / "below.py").write_text('"""Below."""\nTWO = 2\n')
    (library / "unused.py").write_text('"""Unused."""\nTHREE = 3\n')
    shutil.copy(paths.PACKAGE_LOCK, tmp_path)
    monkeypatch.setattr(paths, "REPO", tmp_path)
    monkeypatch.setattr(paths, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(paths, "HOME", tmp_path)
    write(tmp_path)
    yield tmp_path
    forget()


def forget() -> None:
    """Drop what earlier keys remembered of the modules."""
    code_digest.imports_of.cache_clear()
    code_digest.module_digest.cache_clear()
    stages.by_notebook.cache_clear()


def write(repo, code: str = CODE, prose: str = "# Title", outputs: tuple = (), parameters: str = "rate = 1  # help\n",
          name: str = "toy") -> None:
    """Write the notebook of a toy repository."""
    cells = [cell("markdown", prose), cell("code", parameters, ("parameters",)), cell("code", code, outputs=outputs)]
    declared = {"centurio": {"stage": "instruct", "kind": "training", "params": ["instruct"]}} if name != "toy" else {}
    (repo / "notebooks" / f"{name}.ipynb").write_text(json.dumps({"cells": cells, "metadata": declared}))


def key(rate: float = 1.0) -> str:
    """Digest of the toy notebook's key, as a fresh process sees it."""
    forget()
    return storage.digest(keys.run_key("toy", {"rate": rate}))


def edit(repo, module: str, old: str, new: str, kind: str = "py") -> None:
    """Replace some text of a library module, or of another file beside it."""
    path = repo / "centurio_lib" / f"{module}.{kind}"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("change", [
    lambda repo: write(repo, code=CODE.replace("# why", "# another reason") + "\n\n# and one more\n"),
    lambda repo: write(repo, prose="# Another title"),
    lambda repo: write(repo, outputs=({"output_type": "stream", "name": "stdout", "text": ["2"]},)),
    lambda repo: write(repo, parameters="rate = 5  # the default is not what a run used\n"),
    lambda repo: write(repo, code="%matplotlib inline\n" + CODE),
    lambda repo: edit(repo, "used", '"""Used."""', '"""Used, and better said."""'),
    lambda repo: edit(repo, "below", "TWO = 2", "TWO  =  2  # a pair"),
    lambda repo: edit(repo, "unused", "3", "4"),
    lambda repo: os.utime(repo / "centurio_lib" / "used.py"),
], ids=["comment", "prose", "outputs", "default", "magic", "docstring", "layout", "module not imported", "touch"])
def test_cosmetic_change_keeps_the_key(repo, change):
    before = key()
    change(repo)
    assert key() == before


@pytest.mark.parametrize("change", [
    lambda repo: write(repo, code=CODE.replace("double(rate)", "double(rate + 1)")),
    lambda repo: write(repo, code=CODE + "from centurio_lib import unused\n"),
    lambda repo: edit(repo, "used", "TWO * x", "TWO + x"),
    lambda repo: edit(repo, "below", "2", "3"),
], ids=["notebook", "new import", "module", "module of a module"])
def test_change_of_code_changes_the_key(repo, change):
    before = key()
    change(repo)
    assert key() != before


def test_change_that_is_taken_back_gives_the_first_key(repo):
    before = key()
    edit(repo, "below", "2", "3")
    edit(repo, "below", "3", "2")
    assert key() == before


def test_params_change_the_key(repo):
    assert key(rate=1.0) != key(rate=2.0)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(), min_size=2))
def test_digest_ignores_the_order_of_keys(value):
    assert storage.digest(value) == storage.digest(dict(reversed(value.items())))


def test_key_file_is_rewritten_only_when_its_content_changes(repo):
    folder = repo / "results" / "run"
    path = keys.write_key(folder, {"params": {"rate": 1.0, "tiers": (5, 4)}})
    os.utime(path, ns=(0, 0))
    keys.write_key(folder, {"params": {"tiers": (5, 4), "rate": 1.0}})
    assert path.stat().st_mtime_ns == 0, "an unchanged key was written again: Snakemake would rerun its run"
    keys.write_key(folder, {"params": {"rate": 2.0, "tiers": (5, 4)}})
    assert path.stat().st_mtime_ns > 0 and storage.read_json(path)["params"]["rate"] == 2.0


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = storage.write_json(tmp_path / "result.json", "old")
    with pytest.raises(RuntimeError, match="midway"), storage.atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("midway")
    assert storage.read_json(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_killed_write_leaves_the_old_file(tmp_path):
    path = storage.write_json(tmp_path / "result.json", "old")
    script = ("import os, signal, sys; from centurio_lib import storage\n"
              "with storage.atomic(sys.argv[1]) as temporary:\n"
              "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)")
    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=paths.REPO)
    assert killed.returncode == -signal.SIGKILL
    assert storage.read_json(path) == "old"


def test_unserialisable_value_leaves_the_old_file(tmp_path):
    path = storage.write_json(tmp_path / "result.json", "old")
    with pytest.raises(TypeError):
        storage.write_json(path, object())
    assert storage.read_json(path) == "old"


def test_result_of_the_same_key_is_accepted_and_says_how_it_was_made(repo):
    made = keys.run_key("toy", {"rate": 1.0})
    path = storage.write_json(repo / "run" / "provenance.json", keys.record(made, runtime_s=1.5))
    stored = keys.check_key(path, made)
    assert stored["runtime_s"] == 1.5 and stored["params"] == {"rate": 1.0} and stored["versions"]["pandas"]


def test_missing_result_names_the_notebook_to_run(repo):
    with pytest.raises(keys.KeyMismatch, match=r"provenance\.json is missing: run notebook toy"):
        keys.check_key(repo / "run" / "provenance.json", keys.run_key("toy", {"rate": 1.0}))


def test_result_of_other_params_or_code_is_refused_and_says_which(repo):
    path = repo / "run" / "provenance.json"
    storage.write_json(path, keys.record(keys.run_key("toy", {"rate": 1.0})))
    with pytest.raises(keys.KeyMismatch, match=r"written by other params than.*rerun notebook toy"):
        keys.check_key(path, keys.run_key("toy", {"rate": 2.0}))
    edit(repo, "below", "2", "3")
    forget()
    with pytest.raises(keys.KeyMismatch, match=r"written by other modules than"):
        keys.check_key(path, keys.run_key("toy", {"rate": 1.0}))


@pytest.fixture
def stage(repo):
    """The toy repository with a notebook named as the instruct stage."""
    write(repo, name="11_instruct")
    forget()
    return "11_instruct"


@pytest.mark.parametrize(("arguments", "message"), [
    (("nowhere", "T5", 0), r"nowhere\.yaml does not exist; there are: .*laptop.*smoke"),
    (("smoke", "T6", 0), r"unknown setup 'T6'; params/setups\.yaml has: English, T5"),
    (("smoke", None, 0), "unknown setup None"),
    (("smoke", "T5", -1), "seed = -1: a whole number from 0"),
    (("smoke", "T5", "0"), "seed = '0': a whole number from 0"),
    (("smoke", "T5", True), "seed = True"),
], ids=["profile", "setup", "no setup", "negative seed", "seed as text", "seed as yes"])
def test_run_of_anything_unknown_is_refused_before_any_file_is_touched(stage, repo, arguments, message):
    before = sorted(repo.rglob("*"))
    with pytest.raises(params.ParamsError, match=message):
        runs.describe(stage, *arguments)
    assert sorted(repo.rglob("*")) == before


def test_runs_of_other_setups_and_seeds_have_other_keys_and_folders(stage):
    described = [runs.describe(stage, "smoke", setup, seed) for setup in ("English", "T5", "L100") for seed in (0, 1)]
    assert len({storage.digest(run.key) for run in described}) == len({run.folder for run in described}) == 6


def test_wording_of_a_setup_is_no_part_of_its_key(stage, monkeypatch):
    before = runs.describe(stage, "smoke", "T5").key
    stated = params.all_setups() | {"T5": params.setup("T5").model_copy(update={"question": "Why six?", "table": "9"})}
    monkeypatch.setattr(params.setups, "all_setups", lambda: stated)
    assert runs.describe(stage, "smoke", "T5").key == before
    stated["T5"] = stated["T5"].model_copy(update={"english_share": 0.25})
    assert runs.describe(stage, "smoke", "T5").key != before


def test_finished_run_is_found_and_an_unfinished_one_is_not(stage, capsys):
    run = runs.start(stage, "smoke", "T5", 1)
    with pytest.raises(keys.KeyMismatch, match="missing"):
        runs.finished(stage, "smoke", "T5", 1)
    runs.finish(run, loss=0.5)
    assert runs.finished(stage, "smoke", "T5", 1).folder == run.folder
    assert "smoke T5 seed 1" in capsys.readouterr().out


def test_digest_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "file").write_bytes(b"content\n" * 100_000)  # longer than what is read at a time
    content = (tmp_path / "file").read_bytes()
    assert storage.file_digest(tmp_path / "file") == storage.sha256(content)
    assert storage.file_digest(tmp_path / "file", "md5") == hashlib.md5(content).hexdigest()
