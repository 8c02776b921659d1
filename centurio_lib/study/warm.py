"""A warm interpreter for a study on CPUs: libraries are imported once, each notebook runs in a fork of it.

    python -m centurio_lib.study.warm FOLDER

The interpreter puts commands into a folder: `papermill`, which takes the arguments of papermill and has a fork run
them, and `python-in-warm`, which does so for Python. It ends, with its folder, when its standard input is closed. A
fork ends with its command, and is killed with it. Modules of the study are imported by each fork anew, since a key
names the code that lies there when a run begins.
"""

import array
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SOCKET = "CENTURIO_WARM_SOCKET"
LIBRARY = "centurio_lib"
KILLED = 137  # exit status of a command whose fork was killed
ALSO = ("matplotlib.pyplot", "matplotlib_inline.backend_inline", "papermill.cli", "snakemake.cli",
        "transformers.models.siglip", "peft", "accelerate")  # imported late, by no module of the study itself
# `python -S -E` starts in 15 ms: it sends its streams, its arguments and its environment, and ends as the fork ends
SENDER = f"""#!{sys.executable} -SE
import array, json, os, socket, sys
warm = socket.socket(socket.AF_UNIX)
try:
    warm.connect(os.environ["{SOCKET}"])
except OSError as error:
    sys.exit(f"the warm interpreter of this study has ended ({{error}}): start the study again")
streams = array.array("i", [0, 1, 2])
warm.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
command = {{"argv": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "cwd": os.getcwd(), "environ": dict(os.environ)}}
warm.sendall(json.dumps(command).encode() + b"\\n")
code = b"".join(iter(lambda: warm.recv(64), b""))
sys.exit(int(code or {KILLED}))  # nothing is said where the fork was killed
"""


class Warm:
    """A warm interpreter that ends with this process, or by `close`."""

    def __init__(self, folder: Path):
        """Start one in some seconds. `folder` gets its socket and its commands. Raises RuntimeError if it ends."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, printed = folder, folder / "printed"
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": home()}
        with printed.open("w") as stream:
            self.process = subprocess.Popen([sys.executable, "-m", f"{LIBRARY}.study.warm", str(folder)],
                                            env=environment, stdin=subprocess.PIPE, stdout=stream, stderr=stream)
        while not (folder / "socket").exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"the warm interpreter did not start:\n{printed.read_text()}")
            time.sleep(0.02)

    def environment(self) -> dict[str, str]:
        """Variables by which a study finds this interpreter (Snakefile)."""
        return {SOCKET: str(self.folder / "socket")}

    def command(self, *command: str) -> list[str]:
        """A command line of papermill or Python as one that is run in a fork; any other as it is."""
        names = {"papermill": "papermill", sys.executable: "python-in-warm"}
        return [str(self.folder / names[command[0]]), *command[1:]] if command[0] in names else list(command)

    def close(self) -> None:
        """End it; forks that are still at work go on."""
        self.process.stdin.close()
        self.process.wait()


def home() -> str:
    """Folder of the library that the interpreter reads what to import from."""
    return str(Path(__file__).resolve().parents[2])


# === in the warm interpreter ===
def preload() -> None:
    """Import every library that a module of the study imports; the study's modules themselves are forgotten."""
    for path in sorted(Path(home(), LIBRARY).rglob("*.py")):
        importlib.import_module(".".join(path.relative_to(home()).with_suffix("").parts).removesuffix(".__init__"))
    for name in ALSO:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == LIBRARY]:
        del sys.modules[name]


def serve(folder: Path) -> None:
    """Fork for each command that comes, until the standard input is closed."""
    sys.path[:] = [place for place in sys.path if place not in ("", home(), os.getcwd())]
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "new"))
    listening.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted study closes the input
    for name in ("papermill", "python-in-warm"):
        (folder / name).write_text(SENDER)
        (folder / name).chmod(0o755)
    os.rename(folder / "new", folder / "socket")
    ready = selectors.DefaultSelector()
    ready.register(listening, selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    while True:
        if any(key.fileobj is sys.stdin for key, _ in ready.select()):  # nothing is ever written to it
            break
        connection, _ = listening.accept()
        if not os.fork():
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            answer(connection)
        connection.close()
    shutil.rmtree(folder, ignore_errors=True)


def received(connection: socket.socket) -> dict:
    """The command of a connection; its streams become those of this process."""
    _, sent, _, _ = connection.recvmsg(1, socket.CMSG_LEN(3 * array.array("i").itemsize))
    for target, stream in enumerate(array.array("i", sent[0][2])):
        os.dup2(stream, target)
        os.close(stream)
    lines = b""
    while not lines.endswith(b"\n"):
        lines += connection.recv(65536)
    return json.loads(lines)


def follow(connection: socket.socket) -> None:
    """Kill this process when the command at the other end has ended."""
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def answer(connection: socket.socket) -> None:
    """Run the command of a connection in this process, tell its exit status, and end."""
    command = received(connection)
    threading.Thread(target=follow, args=[connection], daemon=True).start()
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", buffering=1) for n in (1, 2))
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["environ"])
    places = command["environ"].get("PYTHONPATH", "")
    sys.path[:0] = ["", *(places.split(os.pathsep) if places else [])]
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
    """Run a command line: papermill, or a module (-m) or a script by Python."""
    if argv[0] == "papermill":
        from papermill.cli import papermill

        from centurio_lib.study import notebook_engine

        papermill(["--engine", notebook_engine.register(), *argv[1:]], prog_name="papermill")
    elif argv[1] == "-m":
        sys.argv = argv[2:]
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv[1:]
        runpy.run_path(argv[1], run_name="__main__")


if __name__ == "__main__":
    preload()
    serve(Path(sys.argv[1]))
