"""A warm interpreter: commands run in forks of it as by themselves, and end with those who asked for them.

Run with: pytest tests/test_warm.py (half a minute, since it imports all libraries first)
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from smoke_study import environment

from centurio_lib import paths
from centurio_lib.study.warm import Warm

CELLS = ["%matplotlib inline\nimport matplotlib.pyplot as plt", "print('said', name)\nname * 2",
         "plt.plot([1, 2]);", "display('shown')", "import sys; print('aside', file=sys.stderr)"]


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A warm interpreter of this file's own."""
    started = Warm(tmp_path_factory.mktemp("warm") / "interpreter")
    yield started
    started.close()


def begun(warm: Warm, folder: Path, *command: str) -> subprocess.Popen:
    """A command that runs in a fork."""
    return subprocess.Popen(warm.command(*command), cwd=folder, env=environment(paths.REPO) | warm.environment(),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def notebook(folder: Path, *cells: str) -> Path:
    """A notebook with a parameter `name` before its cells."""
    made = new_notebook(cells=[new_code_cell("name = 'none'", metadata={"tags": ["parameters"]}),
                               *map(new_code_cell, cells)],
                        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nbformat.write(made, folder / "in.ipynb")
    return folder / "in.ipynb"


def outputs(path: Path) -> list[tuple]:
    """Kind and text of all outputs of a notebook; of a picture, its kinds."""
    found = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return [(output.output_type, output.get("text") or output.get("evalue") or
             (sorted(output.data) if "image/png" in output.data else output.data["text/plain"])) for output in found]


def test_notebook_has_the_outputs_of_a_kernel(warm, tmp_path):
    path = notebook(tmp_path, *CELLS)
    for name, command in (("warm", warm.command("papermill")), ("kernel", [sys.executable, "-m", "papermill"])):
        done = subprocess.run([*command, str(path), str(tmp_path / f"{name}.ipynb"), "-p", "name", "x",
                               "--no-progress-bar"], cwd=tmp_path, env=environment(paths.REPO) | warm.environment())
        assert done.returncode == 0
    assert outputs(tmp_path / "warm.ipynb") == outputs(tmp_path / "kernel.ipynb") and len(
        outputs(tmp_path / "warm.ipynb")) == 5


def test_failed_cell_ends_the_notebook_and_the_command(warm, tmp_path):
    path = notebook(tmp_path, "1 / 0", "print('never')")
    command = begun(warm, tmp_path, "papermill", str(path), str(tmp_path / "out.ipynb"), "--no-progress-bar")
    printed, _ = command.communicate()
    assert command.returncode != 0 and "division by zero" in printed and "never" not in printed.split("1 / 0")[0]
    assert ("error", "division by zero") in outputs(tmp_path / "out.ipynb")


def test_commands_have_their_own_folder_environment_and_streams(warm, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import os, sys\nprint(os.getcwd(), os.environ['CENTURIO_HOME'], sys.argv[1])\nsys.exit(3)")
    command = begun(warm, tmp_path, sys.executable, str(script), "a b")
    assert command.communicate()[0].split(maxsplit=2) == [str(tmp_path), str(paths.REPO), "a b\n"]
    assert command.returncode == 3


def test_code_is_read_when_a_command_begins(warm, tmp_path):
    """An edit counts from the next run on, as with a fresh kernel."""
    (tmp_path / "centurio_lib").mkdir()
    for text in ("one", "two"):
        (tmp_path / "centurio_lib" / "__init__.py").write_text(f"TEXT = '{text}' * {len(text)}")
        (tmp_path / "script.py").write_text("import centurio_lib; print(centurio_lib.TEXT)")
        done = subprocess.run(warm.command(sys.executable, "script.py"), cwd=tmp_path, capture_output=True, text=True,
                              env=environment(tmp_path) | warm.environment() | {"PYTHONDONTWRITEBYTECODE": "1"})
        assert done.stdout == 3 * text + "\n", done.stderr


def gone(pid: int, seconds: float = 30) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and Path(f"/proc/{pid}").exists():
        time.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


def test_fork_ends_with_a_command_that_was_killed_and_the_other_way_round(warm, tmp_path):
    (tmp_path / "script.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(100)")
    for killed in ("command", "fork"):
        command = begun(warm, tmp_path, sys.executable, "script.py")
        fork = int(command.stdout.readline())
        os.kill(command.pid if killed == "command" else fork, signal.SIGKILL)
        assert gone(fork) and command.wait(30) in (-signal.SIGKILL, 137)


def test_interpreter_ends_when_nobody_needs_it_and_says_so_to_those_who_come_late(tmp_path):
    code = ("import sys, time; from pathlib import Path; from centurio_lib.study.warm import Warm; "
            f"one = Warm(Path({str(tmp_path / 'own')!r})); print(one.process.pid, flush=True); time.sleep(100)")
    owner = subprocess.Popen([sys.executable, "-c", code], env=environment(paths.REPO), stdout=subprocess.PIPE,
                             text=True)
    interpreter, sender = int(owner.stdout.readline()), (tmp_path / "own" / "papermill").read_text()
    owner.kill()
    owner.wait()
    assert gone(interpreter) and not (tmp_path / "own").exists()
    (tmp_path / "papermill").write_text(sender)
    late = subprocess.run([sys.executable, "-SE", str(tmp_path / "papermill")], capture_output=True, text=True,
                          env=os.environ | {"CENTURIO_WARM_SOCKET": str(tmp_path / "own" / "socket")})
    assert late.returncode == 1 and "has ended" in late.stderr and "start the study again" in late.stderr
