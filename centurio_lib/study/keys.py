"""Which file follows from which: run keys and provenance records.

A run's key holds everything that its result follows from: the notebook's code (comments, prose and outputs aside), the
resolved params, and the code of every library module that the notebook imports, directly or not. `key.json` is
rewritten only when that content changes, so a touched file reruns nothing and an edited module reruns what uses it.
"""

import json
import platform
import time
from importlib import metadata
from pathlib import Path

from centurio_lib import code_digest, paths, storage

RECORDED = ("torch transformers peft accelerate bitsandbytes tokenizers numpy pandas pyarrow "
            "resvg-py pillow pycld2 uharfbuzz pyicu-wheels ctranslate2").split()


class KeyMismatch(RuntimeError):
    """A result was made by other params or code than the ones now asked for."""


def run_key(notebook: str, params: dict) -> dict:
    """Everything that a run of `notebooks/<notebook>.ipynb` with `params` follows from."""
    cells = code_digest.notebook_code(paths.NOTEBOOKS / f"{notebook}.ipynb")
    modules = code_digest.closure(set().union(*(code_digest.imported(cell) for cell in cells)))
    code = storage.digest([code_digest.code_only(cell) for cell in cells])
    return {"notebook": notebook, "code": code, "params": params,
            "modules": {m: code_digest.module_digest(m) for m in sorted(modules)}}


def write_key(folder: Path, key: dict) -> Path:
    """`key.json` of a run, rewritten only when its content changes."""
    path = Path(folder) / "key.json"
    if not path.exists() or storage.read_json(path) != json.loads(json.dumps(key)):
        storage.write_json(path, key)
    return path


def record(key: dict, **extra) -> dict:
    """Provenance of a result: its key and digest, versions of the libraries, the machine's kind, the time."""
    versions = {name: _version(name) for name in RECORDED}
    return {"key": storage.digest(key), **key, "versions": versions, "python": platform.python_version(),
            "machine": platform.machine(), "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **extra}


def check_key(result: Path, key: dict) -> dict:
    """Provenance of a stored result.

    Raises KeyMismatch if it is missing, or was made by another key, and says how to mend it.
    """
    path = Path(result)
    if not path.exists():
        raise KeyMismatch(f"{path} is missing: run notebook {key['notebook']} with these params first")
    stored = storage.read_json(path)
    if stored["key"] != storage.digest(key):
        changed = [k for k in ("code", "params", "modules") if stored[k] != json.loads(json.dumps(key))[k]]
        raise KeyMismatch(f"{path.parent} was written by other {' and '.join(changed)} than the ones now asked for: "
                          f"rerun notebook {key['notebook']} or remove that folder")
    return stored


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

