"""Homes, users, disks and commands that differ from the usual: found, quoted, or refused by a message.

Run with: pytest tests/test_homes.py
"""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from smoke_study import SNAKEMAKE

from centurio_lib import lock, paths
from centurio_lib.params import ParamsError
from centurio_lib.study import checks


# === folders that variables name ===
@pytest.mark.parametrize(("said", "folder"), [
    ("", paths.REPO / "data"), ("  ", paths.REPO / "data"), ("~/my study", "HOME/my study"), ("~", "HOME"),
    ("a/b", paths.REPO / "a" / "b"), ("./c d", paths.REPO / "c d"), ("/x/../y z", "/y z")])
def test_a_home_is_empty_relative_or_the_users(monkeypatch, tmp_path, said, folder):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CENTURIO_HOME", said)
    monkeypatch.chdir(tmp_path)
    assert str(paths.stated("CENTURIO_HOME", paths.REPO / "data")) == str(folder).replace("HOME", str(tmp_path))


def test_a_variable_that_is_not_set_leaves_the_default(monkeypatch):
    monkeypatch.delenv("CENTURIO_HOME", raising=False)
    assert paths.stated("CENTURIO_HOME", paths.REPO) == paths.REPO


# === what a command asks for ===
def dry(*options: str, **environment: str) -> str:
    """What Snakemake says that it would run."""
    done = subprocess.run([*SNAKEMAKE, *options, "-n", "-p", "--quiet", "host"], cwd=paths.REPO,
                          env=os.environ | environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_home_with_a_blank_is_quoted_in_the_commands(tmp_path):
    home = tmp_path / "my home; it's"
    said = dry("--until", "languages", CENTURIO_HOME=str(home))
    log = f"{home}/data/smoke/languages/run.ipynb"
    quoted = log.replace("'", "'\"'\"'")
    assert f"papermill notebooks/01_languages.ipynb '{quoted}' -p profile smoke" in said, said


# === a clone that may only be read ===
@pytest.fixture
def clone(tmp_path):
    """A copy of what a study needs, which may not be written to, and a home elsewhere."""
    folder = tmp_path / "clone"
    for name in ("centurio_lib", "notebooks", "params"):
        shutil.copytree(paths.REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "Snakefile", "package.json", "package-lock.json", "pyproject.toml"):
        shutil.copy(paths.REPO / name, folder / name)
    (tmp_path / "my home").mkdir()
    folder.chmod(0o555)
    yield folder, tmp_path / "my home"
    folder.chmod(0o755)


def read_by(clone: Path, home: Path, *command: str, **environment: str) -> str:
    """What a command says in a clone that may not be written to, for root neither."""
    for_root = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && '
                'exec "$@"', str(clone)] if os.getuid() == 0 else []
    if for_root and subprocess.run([*for_root, "true"], capture_output=True).returncode:
        pytest.skip("this root may not mount, and no folder is read-only for it")
    done = subprocess.run([*for_root, *command], cwd=clone, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(clone)} | environment)
    return done.stdout + done.stderr


def test_a_study_of_a_clone_that_is_read_only_has_its_state_in_the_home(clone):
    folder, home = clone
    said = read_by(folder, home, "make", "-n", "study", "PROFILE=smoke", f"PYTHON={sys.executable}",
                   CENTURIO_HOME=str(home))
    assert f"--profile params/snakemake/default --directory '{home}' --config profile=smoke" in said, said
    said = read_by(folder, home, *SNAKEMAKE, "-n", "-p", "--quiet", "host", "--until", "languages", "--directory",
                   str(home), CENTURIO_HOME=str(home))
    assert f"papermill {folder}/notebooks/01_languages.ipynb data/smoke/languages/run.ipynb -p profile smoke" in said
    assert not (folder / ".snakemake").exists() and (home / ".snakemake").exists()


def test_a_study_of_a_clone_that_is_read_only_says_that_it_wants_a_home(clone):
    said = read_by(*clone, "make", "-n", "study", "PROFILE=smoke", f"PYTHON={sys.executable}", CENTURIO_HOME="")
    assert "may not be written to" in said and "set CENTURIO_HOME to a folder of your own" in said
    said = read_by(*clone, sys.executable, "-c", "from centurio_lib.data.sources import packages; packages.fetch()",
                   CENTURIO_PACKAGES=str(clone[0] / "data" / "packages"))
    assert "packages may not be written to" in said and "set CENTURIO_PACKAGES" in said


def test_logs_of_notebooks_by_hand_lie_in_the_home(tmp_path):
    home = tmp_path / "it's mine"

    def make(*words: str) -> str:
        return subprocess.run(["make", "-n", *words, "PROFILE=smoke", f"PYTHON={sys.executable}"], cwd=paths.REPO,
                              env=os.environ | {"CENTURIO_HOME": str(home)}, capture_output=True, text=True).stdout
    quoted = str(home / "results").replace("'", "'\\''")
    for target, log in {"bench": "speed", "external": "smoke/external_models", "export": "smoke/export/L100/seed0",
                        "base": "smoke/base_models"}.items():
        said = make(target)
        assert f"mkdir -p '{quoted}/{log}'" in said and f" '{quoted}/{log}/run.ipynb' -p profile smoke" in said
    assert "centurio_lib.study.report smoke" in make("report"), "the committed one, where the home has no run"
    run = home / "results" / "smoke" / "evaluate" / "L100" / "seed0"
    run.mkdir(parents=True)
    (run / "provenance.json").write_text("{}")
    assert "--forcerun report -- report" in make("report")


def test_an_unknown_option_of_a_study_is_refused():
    assert "--config names unknown options ['sedes']" in dry("sedes=3")


def test_make_checks_names_before_it_makes_folders_and_quotes_the_rest(tmp_path):
    def make(*words: str) -> str:
        done = subprocess.run(["make", "-n", "external", f"PYTHON={sys.executable}", *words], cwd=paths.REPO,
                              capture_output=True, text=True)
        return done.stdout + done.stderr
    for bad in ("PROFILE=../profiles/smoke", "PROFILE=a;touch pwn", "PROFILE=007", "SETUP=a/b", "PROFILE="):
        assert "is no name: use letters, digits" in make(bad) and "mkdir" not in make(bad)
    assert "-p model '/m/My '\\''Model'\\'''" in make("PROFILE=smoke", "MODEL=/m/My 'Model'")


def injected(monkeypatch, *cells: str) -> None:
    monkeypatch.setattr(checks, "get_ipython", lambda: SimpleNamespace(user_ns={"In": ["", *cells]}))


def test_an_unknown_parameter_of_a_notebook_is_refused(monkeypatch):
    injected(monkeypatch, "# Parameters\nprofile = \"smoke\"\nsede = 1\n", "x = 1")
    with pytest.raises(ParamsError, match=r"11_instruct.ipynb has no parameters \['sede'\]; papermill -p takes"):
        checks.parameters("11_instruct")
    injected(monkeypatch, "# Parameters\nprofile = \"smoke\"\nsetup = \"T5\"\nseed = 1\n", "sede = 1")
    checks.parameters("11_instruct")
    monkeypatch.setattr(checks, "get_ipython", lambda: None)
    checks.parameters("11_instruct")


# === disks without locks ===
def refusing(*codes: int):
    """A lock that fails with each code in turn."""
    answers = iter(codes)

    def locked(file, how):
        raise OSError(next(answers), "no")
    return locked


def test_a_disk_without_flock_is_locked_otherwise(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOSYS))
    with (tmp_path / "a").open("w") as file:
        assert lock.taken(file) and not capsys.readouterr().out
        other = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        assert subprocess.run([sys.executable, "-c", other, file.name], capture_output=True).returncode != 0


def test_a_disk_without_any_lock_is_named_and_the_work_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOSYS))
    monkeypatch.setattr(fcntl, "lockf", refusing(errno.ENOLCK))
    with (tmp_path / "a").open("w") as file:
        assert lock.taken(file)
    assert f"the disk of {tmp_path} has no locks" in capsys.readouterr().out


def test_a_file_that_another_holds_is_not_taken_and_other_errors_are_raised(tmp_path, monkeypatch):
    with (tmp_path / "a").open("w") as held, (tmp_path / "a").open("w") as file:
        assert lock.taken(held) and not lock.taken(file)
        monkeypatch.setattr(fcntl, "flock", refusing(errno.EIO))
        with pytest.raises(OSError, match="no"):
            lock.taken(file)


# === users ===
@pytest.mark.skipif(os.getuid() != 0, reason="only root may become a user without a name")
def test_a_user_without_a_name_gets_one():
    code = "import getpass, os, pwd, re, warnings; os.setuid(54321); import centurio_lib; print(getpass.getuser())"
    bare = {name: value for name, value in os.environ.items() if name not in ("USER", "LOGNAME", "LNAME", "USERNAME")}
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.REPO, env=bare, capture_output=True, text=True)
    assert done.stdout.strip() == "uid54321", done.stderr
