"""Digests of code, which do not depend on comments, docstrings and layout.

The digest of a source is the same under every Python that the study supports. It is made of the fields of the syntax
tree; fields that only some versions have are empty and left out.
"""

import ast
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from centurio_lib import paths, storage

LIBRARY = "centurio_lib"
# packages that discover their modules: importing such a package imports all of them
DISCOVERS = {f"{LIBRARY}.data.sources.{folder}" for folder in ("things", "texts")}


def code_only(source: str) -> str:
    """The code of a Python source as text, without comments, layout and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (isinstance(body, list) and body and isinstance(body[0], ast.Expr)
                and isinstance(body[0].value, ast.Constant)):
            body[0] = ast.Pass()
    return json.dumps(plain(tree), ensure_ascii=False)


def plain(node):
    """Convert a syntax tree to nested lists: the name of each node, then its nonempty fields."""
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", *_joined(node.values)]
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
        return [type(node).__name__, *([name, plain(value)] for name, value in fields)]
    if isinstance(node, list):
        return [plain(one) for one in node]
    return [type(node).__name__, repr(node)]


def _joined(parts: list[ast.expr]) -> list:
    """Parts of an f-string with merged text, which Python versions split differently."""
    merged = []
    for part in parts:
        if not isinstance(part, ast.Constant):
            merged.append(plain(part))
        elif merged and isinstance(merged[-1], str):
            merged[-1] += part.value
        elif part.value:
            merged.append(part.value)
    return merged


def notebook_code(notebook: Path) -> list[str]:
    """Code cells of a notebook without magics.

    The parameters cell is left out: its values arrive as resolved params.
    """
    cells = [c for c in storage.read_json(notebook)["cells"] if c["cell_type"] == "code"]
    sources = ["".join(c["source"]) for c in cells if "parameters" not in c["metadata"].get("tags", [])]
    return [python(source, f"{notebook.name}, code cell {n}") for n, source in enumerate(sources, 1)]


def python(source: str, where: str) -> str:
    """A cell as Python: without lines that are magics, or, where magics are part of its code, as IPython reads it.

    Raises SyntaxError naming the cell, `where`, for what is neither.
    """
    plain = "\n".join(line for line in source.split("\n") if not line.lstrip().startswith(("%", "!")))
    if parses(plain) and not source.lstrip().startswith("%%"):
        return plain
    from IPython.core.inputtransformer2 import TransformerManager  # half a second, which few notebooks need
    cell = TransformerManager().transform_cell(source)
    try:
        ast.parse(cell)
    except SyntaxError as error:
        raise SyntaxError(f"notebook {where}: {error.msg} (line {error.lineno}): {error.text}") from error
    return cell


def parses(source: str) -> bool:
    """Whether a text is Python."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def module_file(name: str) -> Path | None:
    """File of a module of this library, or None."""
    stem = paths.REPO.joinpath(*name.split("."))
    return next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.exists()), None)


def imported(source: str) -> set[str]:
    """Names of this library's modules that a source imports.

    `from package import module` gives only the module, since packages hold no code (`DISCOVERS` do).
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if name.startswith(LIBRARY) and module_file(name)}
            names |= modules if modules == inner else modules | {node.module}
    return {n for n in names if n.split(".")[0] == LIBRARY and module_file(n)}


@cache
def imports_of(name: str) -> frozenset[str]:
    """Modules of this library that a module imports directly."""
    file = module_file(name)
    found = imported(file.read_text(encoding="utf-8"))
    if name in DISCOVERS:
        found |= {f"{name}.{path.stem}" for path in file.parent.glob("*.py") if path != file}
    return frozenset(found)


def closure(names: set[str], apart: Callable[[str], bool] = lambda name: False) -> set[str]:
    """Some modules and all modules of this library that these import, at any depth, except those set `apart`."""
    found, todo = set(), set(names)
    while todo:
        module = todo.pop()
        if module not in found and not apart(module):
            found.add(module)
            todo |= imports_of(module)
    return found


@cache
def module_digest(name: str) -> str:
    """Digest of a module's code and of the neighbouring files that the code names (tables, templates)."""
    path = module_file(name)
    source = path.read_text(encoding="utf-8")
    code = storage.sha256(code_only(source))
    named = {node.value for node in ast.walk(ast.parse(source))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    beside = [file for file in sorted(path.parent.iterdir()) if file.is_file() and file.name in named]
    return storage.digest([code, {file.name: storage.file_digest(file) for file in beside}]) if beside else code
