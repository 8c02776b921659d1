"""Run keys and provenance records: they say which results are stale.

A run key holds all inputs of a result: the code cells of the notebook, the resolved params, the code of the library
modules, the archives that these read, and the schemas of the written tables. `key.json` is rewritten only when that
content changes. So a touched file reruns nothing, and an edited module reruns the stages that use the module.
"""

import json
import platform
import time
from importlib import metadata
from pathlib import Path

from centurio_lib import code_digest, paths, storage, tables
from centurio_lib.data.sources import packages, registry

# modules that find, refuse, count and record, and do not change a result. The values of params are in the key
# themselves, resolved; so are the schemas of tables, the rows of catalogues that are named, and locked archives
PLUMBING = frozenset(f"{code_digest.LIBRARY}.{name}" for name in (
    "code_digest", "paths", "storage", "tables", "study.stages", "study.runs", "study.keys", "study.plan",
    "study.worker", "study.picture_grid", "model.memory", "params", "params.base_models", "params.benchmarks",
    "params.claim_rules", "params.hub_data", "params.profiles", "params.setups", "params.text_images",
    "params.validation",
    "data.hub.catalogue", "data.sources.packages", "data.sources.registry", "data.source"))
HUB = f"{code_digest.LIBRARY}.data.hub"  # modules that a profile without data sets of the hub never runs
RECORDED = ("torch transformers peft accelerate bitsandbytes tokenizers numpy pandas pyarrow "
            "resvg-py pillow pycld2 uharfbuzz pyicu-wheels ctranslate2").split()


class KeyMismatch(RuntimeError):
    """A result is missing, or was made by other params or code than the present ones."""


def run_key(notebook: str, params: dict, writes: list[str] = (), also: list[str] = (), hub: bool = True) -> dict:
    """Key of a run of `notebooks/<notebook>.ipynb` with `params`: all inputs of its result.

    `writes`: tables of the run. `also`: modules found by a name in the params, such as tasks. `hub`: whether the run
    reads data sets of the hub.
    """
    cells = code_digest.notebook_code(paths.NOTEBOOKS / f"{notebook}.ipynb")
    first = set().union(also, *(code_digest.imported(cell) for cell in cells))
    modules = code_digest.closure(first, lambda name: name in PLUMBING or (not hub and name.startswith(HUB)))
    locked = packages.locked()
    return {"notebook": notebook, "code": storage.digest([code_digest.code_only(cell) for cell in cells]),
            "params": params, "modules": {m: code_digest.module_digest(m) for m in sorted(modules)},
            "packages": {name: locked[name]["integrity"] for name in registry.packages_of(modules)},
            "schemas": {name: storage.digest(str(tables.SCHEMAS[name])) for name in writes}}


def write_key(folder: Path, key: dict) -> Path:
    """Write `key.json` of a run if its content changed, and return its path."""
    path = Path(folder) / "key.json"
    if not path.exists() or storage.read_json(path) != json.loads(json.dumps(key)):
        storage.write_json(path, key)
    return path


def record(key: dict, **extra) -> dict:
    """Provenance of a result: run key and digest, versions of libraries, kind of machine, time."""
    versions = {name: _version(name) for name in RECORDED}
    return {"key": storage.digest(key), **key, "versions": versions, "python": platform.python_version(),
            "machine": platform.machine(), "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **extra}


def check_key(result: Path, key: dict) -> dict:
    """Read the provenance of a stored result and compare its run key.

    Raises KeyMismatch, with the command to run, if the result is missing or has another key.
    """
    path = Path(result)
    if not path.exists():
        raise KeyMismatch(f"{path} is missing: run notebook {key['notebook']} with these params first")
    stored = storage.read_json(path)
    if stored["key"] != storage.digest(key):
        now = json.loads(json.dumps(key))
        changed = [name for name in now if stored.get(name) != now[name]]
        raise KeyMismatch(f"{path.parent} was written by other {' and '.join(changed)} than the ones now asked for: "
                          f"rerun notebook {key['notebook']} or remove that folder")
    return stored


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
