"""Which file follows from which: run keys, atomic writes, provenance records.

A run's key holds everything that its result follows from: the notebook's code (comments, prose and outputs aside), the
resolved params, and the code of every library module that the notebook imports, directly or not. `key.json` is
rewritten only when that content changes, so a touched file reruns nothing and an edited module reruns what uses it.
"""

import ast
import hashlib
import json
import os
import platform
import time
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from centurio_lib import paths

BESIDE_CODE = {".csv", ".css", ".j2", ".js"}  # files in a package's folder that its modules read
RECORDED = ("torch transformers peft accelerate bitsandbytes tokenizers numpy pandas pyarrow "
            "resvg-py pillow pycld2 uharfbuzz pyicu-wheels ctranslate2").split()


class KeyMismatch(RuntimeError):
    """A result was made by other params or code than the ones now asked for."""


def sha256(content: bytes | str) -> str:
    """Hex digest of some content."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file, which may be larger than the memory."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def digest(value) -> str:
    """Hex digest of a JSON-serialisable value, whatever the order of its keys."""
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False))


@contextmanager
def atomic(path: Path):
    """Yield a temporary path beside `path`, renamed onto it when the block ends well: never a half-written file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value) -> Path:
    """Write a value as JSON, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return Path(path)


def read_json(path: Path):
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def code_only(source: str) -> str:
    """The code of a Python source with comments, layout and docstrings dropped."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (isinstance(body, list) and body and isinstance(body[0], ast.Expr)
                and isinstance(body[0].value, ast.Constant)):
            body[0] = ast.Pass()
    return ast.dump(tree)


def notebook_code(notebook: Path) -> list[str]:
    """Code cells of a notebook without magics; the parameters cell is left out (its values arrive as resolved params).
    """
    cells = [c for c in read_json(notebook)["cells"] if c["cell_type"] == "code"]
    sources = ["".join(c["source"]) for c in cells if "parameters" not in c["metadata"].get("tags", [])]
    return ["\n".join(line for line in s.splitlines() if not line.lstrip().startswith(("%", "!"))) for s in sources]


def module_file(name: str) -> Path | None:
    """File of a module of this library, or None."""
    stem = paths.REPO.joinpath(*name.split("."))
    return next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.exists()), None)


def imported(source: str) -> set[str]:
    """Names of this library's modules that a source imports, `from package import module` included."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {n for n in names if n.split(".")[0] == "centurio_lib" and module_file(n)}


@cache
def module_closure(name: str) -> frozenset[str]:
    """A module and every module of this library that it imports, directly or not."""
    found, todo = set(), [name]
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo += imported(module_file(module).read_text(encoding="utf-8"))
    return frozenset(found)


@cache
def module_digest(name: str) -> str:
    """Digest of one module's code; of a package's, also of the tables and templates that lie in its folder."""
    path = module_file(name)
    code = sha256(code_only(path.read_text(encoding="utf-8")))
    if path.name != "__init__.py":
        return code
    beside = [file for file in sorted(path.parent.iterdir()) if file.suffix in BESIDE_CODE]
    return digest([code, {file.name: file_digest(file) for file in beside}])


def run_key(notebook: str, params: dict) -> dict:
    """Everything that a run of `notebooks/<notebook>.ipynb` with `params` follows from."""
    cells = notebook_code(paths.NOTEBOOKS / f"{notebook}.ipynb")
    modules = set().union(*(module_closure(m) for cell in cells for m in imported(cell)))
    return {"notebook": notebook, "code": digest([code_only(cell) for cell in cells]), "params": params,
            "modules": {m: module_digest(m) for m in sorted(modules)}}


def write_key(folder: Path, key: dict) -> Path:
    """`key.json` of a run, rewritten only when its content changes."""
    path = Path(folder) / "key.json"
    if not path.exists() or read_json(path) != json.loads(json.dumps(key)):
        write_json(path, key)
    return path


def record(key: dict, **extra) -> dict:
    """Provenance of a result: its key and digest, versions of the libraries, the machine's kind, the time."""
    versions = {name: _version(name) for name in RECORDED}
    return {"key": digest(key), **key, "versions": versions, "python": platform.python_version(),
            "machine": platform.machine(), "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **extra}


def check_key(result: Path, key: dict) -> dict:
    """Provenance of a stored result.

    Raises KeyMismatch if it is missing, or was made by another key, and says how to mend it.
    """
    path = Path(result)
    if not path.exists():
        raise KeyMismatch(f"{path} is missing: run notebook {key['notebook']} with these params first")
    stored = read_json(path)
    if stored["key"] != digest(key):
        changed = [k for k in ("code", "params", "modules") if stored[k] != json.loads(json.dumps(key))[k]]
        raise KeyMismatch(f"{path.parent} was written by other {' and '.join(changed)} than the ones now asked for: "
                          f"rerun notebook {key['notebook']} or remove that folder")
    return stored


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
