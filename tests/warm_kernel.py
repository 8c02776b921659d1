"""Notebooks and scripts in a warm interpreter: libraries are imported once, each command runs in a fork of it.

`Warm(folder)` starts the interpreter. In its `environment()` the command `papermill` is run by it, for Snakemake too.
Modules of the study are imported by each fork anew, from its own PYTHONPATH.
"""

import array
import base64
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SOCKET = "CENTURIO_WARM_SOCKET"
OWN = "centurio_lib"
KILLED = 137  # exit status of a command whose fork was killed
# `python -S -E` starts in 15 ms: it sends its streams, its arguments and its environment, and ends as the fork ends
SENDER = f"""#!{sys.executable} -SE
import array, json, os, socket, sys
warm = socket.socket(socket.AF_UNIX)
warm.connect(os.environ["{SOCKET}"])
streams = array.array("i", [0, 1, 2])
warm.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
command = {{"argv": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "cwd": os.getcwd(), "environ": dict(os.environ)}}
warm.sendall(json.dumps(command).encode())
warm.shutdown(socket.SHUT_WR)
code = b"".join(iter(lambda: warm.recv(64), b""))
sys.exit(int(code or {KILLED}))  # nothing is said where the fork was killed
"""


class Warm:
    """A warm interpreter of its own; `close` ends it."""

    def __init__(self, folder: Path):
        """Start it: some seconds. `folder` gets its socket and a command `papermill` that runs in it."""
        folder.mkdir(parents=True)
        self.folder, self.printed = folder, folder / "printed"
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": search()}
        with self.printed.open("w") as printed:
            self.process = subprocess.Popen([sys.executable, __file__, str(folder / "socket")], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=printed, stderr=printed)
        for name in ("papermill", "python-in-warm"):
            (folder / name).write_text(SENDER)
            (folder / name).chmod(0o755)
        (folder / "first").write_text(f'PATH="{folder}:$PATH"\n')
        while not (folder / "socket").exists():
            assert self.process.poll() is None, self.printed.read_text()
            time.sleep(0.02)

    def environment(self) -> dict[str, str]:
        """Environment by which a process runs `papermill` here: bash sources BASH_ENV before each command."""
        return {SOCKET: str(self.folder / "socket"), "BASH_ENV": str(self.folder / "first")}

    def command(self, *command: str) -> list[str]:
        """A command line of papermill or Python as one that is run in a fork; any other as it is."""
        names = {"papermill": "papermill", sys.executable: "python-in-warm"}
        return [str(self.folder / names[command[0]]), *command[1:]] if command[0] in names else list(command)

    def close(self) -> None:
        """End it. Forks that are still at work go on."""
        self.process.kill()
        self.process.wait()


def search() -> str:
    """Where the warm interpreter finds the study's modules while it learns what they import."""
    return str(Path(__file__).resolve().parent.parent)


# === in the warm interpreter ===
def preload() -> None:
    """Import every library that a module of the study imports; the study's modules themselves are forgotten."""
    import importlib

    for path in sorted(Path(search(), OWN).rglob("*.py")):
        name = ".".join(path.relative_to(search()).with_suffix("").parts).removesuffix(".__init__")
        importlib.import_module(name)
    for name in ("matplotlib.pyplot", "IPython.core.interactiveshell", "matplotlib_inline.backend_inline",
                 "papermill.cli", "snakemake.cli", "transformers.models.siglip", "peft", "accelerate"):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == OWN]:
        del sys.modules[name]


def serve(path: str) -> None:
    """Fork for each command that comes, for ever."""
    sys.path[:] = [place for place in sys.path if place not in (search(), str(Path(__file__).parent))]
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{path}.new")
    listening.listen(64)
    os.rename(f"{path}.new", path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listening.accept()
        if not os.fork():
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(connection)
        connection.close()


def answer(connection: socket.socket) -> None:
    """Run the command of a connection in this process, tell its exit status, and end."""
    _, sent, _, _ = connection.recvmsg(1, socket.CMSG_LEN(3 * array.array("i").itemsize))
    for target, stream in enumerate(array.array("i", sent[0][2])):
        os.dup2(stream, target)
        os.close(stream)
    command = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", buffering=1) for n in (1, 2))
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["environ"])
    places = command["environ"].get("PYTHONPATH", "")
    sys.path[:0] = places.split(os.pathsep) if places else []
    code: Any = 1
    try:
        run(command["argv"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush(), sys.stderr.flush()
    connection.sendall(str(code).encode())
    sys.exit(code)


def run(argv: list[str]) -> None:
    """Run a command line: papermill, a module (-m) or a script."""
    if argv[0] == "papermill":
        from papermill.cli import papermill

        register()
        papermill(["--engine", "warm", *argv[1:]], prog_name="papermill")
    elif argv[1] == "-m":
        sys.argv = argv[2:]
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv[1:]
        runpy.run_path(argv[1], run_name="__main__")


def register() -> None:
    """An engine of papermill that runs cells in this process, in place of a kernel."""
    from papermill.engines import Engine, papermill_engines

    class WarmEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, stdout_file: Any = None, **other: Any) -> None:
            execute = executor(stdout_file)
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                if cell.cell_type == "code" and cell.source:
                    execute(cell)
                if failed := any(output.output_type == "error" for output in cell.get("outputs", [])):
                    nb_man.cell_exception(cell, cell_index=index)
                nb_man.cell_complete(cell, cell_index=index)
                if failed:
                    break

    papermill_engines.register("warm", WarmEngine)


def executor(stdout_file: Any) -> Any:
    """A function that runs a code cell and keeps what it prints, shows and raises, as a kernel would.

    Magics, `display` and figures at the end of a cell work as in a kernel. What is printed goes to `stdout_file` too.
    """
    from contextlib import redirect_stderr, redirect_stdout

    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from nbformat.v4 import new_output
    from traitlets import Type
    from traitlets.config import Config

    outputs: list = []

    def encoded(data: dict) -> dict:
        return {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                for kind, value in data.items()}

    class Hook(DisplayHook):
        def write_output_prompt(self) -> None: ...

        def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
            outputs.append(new_output("execute_result", encoded(format_dict), metadata=md_dict or {},
                                      execution_count=self.prompt_count))

        def finish_displayhook(self) -> None: ...

    class Publisher(DisplayPublisher):
        def publish(self, data: dict, metadata: dict | None = None, **other: Any) -> None:
            outputs.append(new_output("display_data", encoded(data), metadata=metadata or {}))

    class Shell(InteractiveShell):
        displayhook_class, display_pub_class = Type(Hook), Type(Publisher)

        def enable_gui(self, gui: str | None = None) -> None: ...

        def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
            outputs.append(new_output("error", ename=etype.__name__, evalue=str(evalue), traceback=stb))

    class Printed(io.TextIOBase):
        def __init__(self, name: str):
            self.name = name

        def write(self, text: str) -> int:
            if not outputs or outputs[-1].get("name") != self.name:
                outputs.append(new_output("stream", name=self.name, text=""))
            outputs[-1].text += text
            if stdout_file and self.name == "stdout":
                stdout_file.write(text)
                stdout_file.flush()
            return len(text)

    config = Config()
    config.HistoryManager.enabled, config.InteractiveShell.colors = False, "nocolor"
    shell = Shell.instance(config=config)
    shell.enable_matplotlib("inline")

    def execute(cell: Any) -> None:
        outputs.clear()
        with redirect_stdout(Printed("stdout")), redirect_stderr(Printed("stderr")):
            shell.run_cell(cell.source, store_history=True)
        cell.outputs, cell.execution_count = list(outputs), shell.execution_count - 1

    return execute


if __name__ == "__main__":
    preload()
    serve(sys.argv[1])
