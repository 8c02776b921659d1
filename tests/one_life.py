"""One life of a study: the notebooks that lead to one setup's scores, run in this process unless the result is there.

    python tests/one_life.py [FUNCTION CALL WHEN]

The process kills itself around a call of a function: "before" it, "after" it, or "half", when the file that the call
wrote is cut to half its size. Only what is on disk passes to the next life. test_kill.py runs it in a copy.
"""

import os
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any

from centurio_lib import code_digest, paths
from centurio_lib.study import keys, runs

NOTEBOOKS = ("02_captions", "04_instructions", "07_base_models", "11_instruct", "12_evaluate")


def arm(function: str, call: int, when: str) -> None:
    """Have the process end around the `call`-th call of a function, given as module.name or module.class.name."""
    place, name = function.rsplit(".", 1)
    owner, calls = pkgutil.resolve_name(place), []
    armless = getattr(owner, name)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = armless(*args, **kwargs)
        if len(calls) == call and when == "half":
            path = next(Path(value) for value in args if isinstance(value, str | Path))
            os.truncate(path, path.stat().st_size // 2)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def live() -> None:
    """Run every notebook whose result is not there."""
    for notebook in NOTEBOOKS:
        try:
            runs.finished(notebook, "smoke", "L100" if notebook > "10" else None)
            print("kept", notebook)
        except keys.KeyMismatch:
            names = {"display": lambda *shown: None, "profile": "smoke", "setup": "L100", "seed": 0}
            for source in code_digest.notebook_code(paths.NOTEBOOKS / f"{notebook}.ipynb"):
                exec(source, names)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        arm(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    live()
