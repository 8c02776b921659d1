"""The shape of the house: floors of the library, form of the notebooks, size and docstrings of the modules.

Nothing is run here: everything is read from the sources. Each test names all offenders at once.
"""

import ast
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import nbformat
import pytest

from centurio_lib import params, paths

LIBRARY = "centurio_lib"
FLOORS = ["root", "params", "data", "model", "base_models", "evaluation", "speed", "findings", "report", "study"]
# floors that do not stand on all below them
NARROW = {"findings": {"root", "params"}, "report": {"root", "params", "findings", "data"}}
NO_TORCH = {"root", "params", "findings"}  # figures are drawn, and the graph is planned, in seconds on any machine
HEAVY = {"torch", "transformers", "peft", "accelerate"}
MODULES = sorted((paths.REPO / LIBRARY).rglob("*.py"))
PYTHON = MODULES + sorted((paths.REPO / "tests").rglob("*.py"))
NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
MACHINE_PATHS = re.compile(r"(?<![\w.:}])/(work|root|opt|home|Users)/\w|/tmp/\w")
TEXT = {".py", ".ipynb", ".md", ".yaml", ".yml", ".toml", ".csv", ".json", ".lock", ".txt", ".cff", ""}


def name(path: Path) -> str:
    """Path within the repository, for messages."""
    return str(path.relative_to(paths.REPO))


def module_name(path: Path) -> str:
    """Dotted name of a library module."""
    return ".".join(path.relative_to(paths.REPO).with_suffix("").parts).removesuffix(".__init__")


KNOWN = {module_name(path) for path in MODULES}


def tree(path: Path) -> ast.Module:
    """Syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Modules that a file imports, within functions too. `from package import module` names the module alone."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {dotted if dotted in KNOWN else node.module for dotted in named}
    return found


def inner(path: Path) -> set[str]:
    """Modules of the library that one of its files imports."""
    return imports(path) & KNOWN


def floor(module: str) -> str:
    """Floor that a dotted module name belongs to: a folder of the library, or its root."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "root"


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Names of the functions of a file and their numbers of lines, docstrings included, decorators not."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name(path)}: {node.name}", node.end_lineno - node.lineno + 1


def cells(path: Path) -> list[dict]:
    """Cells of a notebook, `source` as text."""
    content = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in content]


def code(path: Path) -> list[str]:
    """Sources of a notebook's code cells."""
    return [cell["source"] for cell in cells(path) if cell["cell_type"] == "code"]


def report(offenders: list[str]) -> None:
    """Fail with all offenders, a line each."""
    assert not offenders, "\n" + "\n".join(offenders)


# === floors ===
def test_every_folder_of_the_library_is_a_floor():
    folders = {path.parent.relative_to(paths.REPO / LIBRARY).parts[0] for path in MODULES
               if path.parent != paths.REPO / LIBRARY}
    assert folders == set(FLOORS) - {"root"}


def test_imports_go_down_only():
    offenders = []
    for path in MODULES:
        here = floor(module_name(path))
        below = {here} | NARROW.get(here, set(FLOORS[:FLOORS.index(here)]))
        above = sorted(module for module in inner(path) if floor(module) not in below)
        offenders += [f"{name(path)} (floor {here}) imports {module}" for module in above]
    report(offenders)


def test_no_modules_import_each_other_in_a_circle():
    circle = []
    try:
        list(TopologicalSorter({module_name(path): inner(path) for path in MODULES}).static_order())
    except CycleError as error:
        circle = error.args[1][::-1]
    assert not circle, " imports ".join(circle)


def test_no_two_modules_share_a_name():
    counts = Counter(path.name for path in MODULES if path.stem != "__init__")
    report([name(path) for path in MODULES if counts[path.name] > 1])


def test_what_draws_and_plans_needs_no_torch():
    """Figures are drawn again in seconds on any machine, and the Snakefile starts as fast."""
    report([f"{name(path)} imports {module}" for path in MODULES if floor(module_name(path)) in NO_TORCH
            for module in sorted(imports(path)) if module.split(".")[0] in HEAVY])


# === modules ===
def test_modules_are_documented_and_of_readable_size():
    offenders = []
    for path in PYTHON:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        offenders += [f"{name(path)} lacks a docstring"] * (not ast.get_docstring(tree(path)))
        offenders += [f"{name(path)} has {lines} lines: split it"] * (lines > 400)
    report(offenders)


def test_public_functions_are_documented():
    kinds = ast.FunctionDef | ast.ClassDef
    report([f"{name(path)}: {node.name} lacks a docstring" for path in MODULES for node in tree(path).body
            if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node)])


def test_nine_functions_of_ten_have_less_than_forty_lines():
    long = [(lines, function) for path in MODULES for function, lines in functions(path) if lines >= 40]
    count = sum(1 for path in MODULES for _ in functions(path))
    if len(long) > count / 10:
        report([f"{function} has {lines} lines" for lines, function in sorted(long, reverse=True)])


# === notebooks ===
def test_there_are_notebooks_and_their_numbers_differ():
    assert NOTEBOOKS
    numbers = Counter(path.stem.split("_")[0] for path in NOTEBOOKS)
    report([name(path) for path in NOTEBOOKS
            if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) or numbers[path.stem[:2]] > 1])


def test_notebooks_hold_no_outputs():
    offenders = []
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        offenders += [f"{name(path)}: kernel {notebook.metadata.kernelspec.name}"] * (
            notebook.metadata.kernelspec.name != "python3")
        offenders += [f"{name(path)}: papermill ran in place"] * ("papermill" in notebook.metadata)
        offenders += [f"{name(path)}: cell {cell.id} holds outputs" for cell in notebook.cells
                      if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    report(offenders)


def test_notebooks_open_with_their_titles_and_files():
    offenders = []
    for path in NOTEBOOKS:
        first = cells(path)[0]
        offenders += [f"{name(path)}: the first cell is no title"] * (
            first["cell_type"] != "markdown" or not first["source"].startswith("# "))
        # a finding answers a question; a stage before it makes something
        words = ("reads", "writes", "?") if path.stem >= "20" else ("reads", "writes")
        offenders += [f"{name(path)}: the first cell lacks {word!r} (what it reads, writes, asks)"
                      for word in words if word not in first["source"].lower()]
    report(offenders)


def test_notebooks_share_their_headings_and_their_order():
    """Start, Load where something is, acts, Look, Save where something is."""
    offenders = []
    for path in NOTEBOOKS:
        headings = [re.match(r"## (\w+)", cell["source"])[1] for cell in cells(path)
                    if cell["cell_type"] == "markdown" and cell["source"].startswith("## ")]
        saves = "Writes nothing" not in cells(path)[0]["source"]
        if headings[0] != "Start" or "Load" in headings[2:] or (saves and headings[-1] != "Save"):
            offenders.append(f"{name(path)}: {', '.join(headings)}")
    report(offenders)


def test_notebooks_have_one_cell_of_literal_parameters_with_help():
    offenders = []
    for path in NOTEBOOKS:
        tagged = [cell for cell in cells(path) if "parameters" in cell["metadata"].get("tags", [])]
        offenders += [f"{name(path)}: {len(tagged)} cells tagged parameters"] * (len(tagged) != 1)
        for line in (line for cell in tagged for line in cell["source"].splitlines()):
            offenders += [f"{name(path)}: {line!r} lacks value or help"] * (not is_parameter(line))
    report(offenders)


def is_parameter(line: str) -> bool:
    """Whether a line is a name, its type perhaps, a literal and a comment on it."""
    if not re.fullmatch(r"\w+(: [\w| ]+)? = [^#]+  # \S.*", line):
        return False
    try:
        ast.literal_eval(ast.parse(line).body[0].value)
    except ValueError:
        return False
    return True


def test_notebooks_are_thin():
    """Short cells, and nothing in them that belongs in the library."""
    offenders = []
    for path in NOTEBOOKS:
        for source in code(path):
            lines = source.splitlines()
            offenders += [f"{name(path)}: {len(lines)} lines in the cell {source[:60]!r}"] * (len(lines) > 20)
            plain = "\n".join(line for line in lines if not line.startswith(("%", "!")))
            offenders += [f"{name(path)}: {node.name} belongs in the library" for node in ast.walk(ast.parse(plain))
                          if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.end_lineno - node.lineno >= 8]
    report(offenders)


def test_notebooks_say_what_they_do():
    """No more than four code cells in a row without a word."""
    report([f"{name(path)}: five code cells in a row without prose" for path in NOTEBOOKS
            if "c" * 5 in "".join(cell["cell_type"][0] for cell in cells(path))])


# === the whole ===
def test_questions_of_every_profile_compare_two_setups_or_more():
    offenders = []
    for path in sorted((paths.PARAMS / "profiles").glob("*.yaml")):
        profile = params.profile(path.stem)
        offenders += [f"{name(path)}: {question}" for question in profile.study.questions
                      if len(params.compared(profile, question)) < 2]
    report(offenders)


def test_no_machine_of_ours_is_named():
    """Paths of one machine in a tracked file would fail on every other."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=paths.REPO,
                            capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [path for line in listed.stdout.splitlines() if (path := paths.REPO / line).is_file()]
    hits = [(path, MACHINE_PATHS.search(path.read_text(encoding="utf-8"))) for path in files if path.suffix in TEXT]
    report([f"{name(path)} names {hit.group()!r}, a path of one machine" for path, hit in hits if hit])
