"""Homes, users, disks and commands that differ from the usual: found, quoted, or refused by a message.

Run with: pytest tests/test_homes.py
"""

import errno
import fcntl
import os
import subprocess
import sys
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
