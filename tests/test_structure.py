"""The shape of the house: floors of the library, form of the notebooks, size and docstrings of the modules.

Nothing is run here: everything is read from the sources.
"""

import ast
import json
import re
import subprocess

import nbformat
import pytest

from centurio_lib import params, paths
from centurio_lib.findings import ablation
from centurio_lib.study import keys, runs

FLOORS = ["", "data", "model", "evaluation", "findings"]  # lowest first; "" is the root of the library
MODULES = sorted((paths.REPO / "centurio_lib").rglob("*.py"))
PYTHON = MODULES + sorted((paths.REPO / "tests").rglob("*.py"))
NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
STAGES = [path for path in NOTEBOOKS if path.stem in runs.STAGES]
BY_SCRIPT = ["rq4", "centurio"]  # questions whose tables are by script, besides or instead of by tier
MACHINE_PATHS = re.compile(r"(?<![\w.:}])/(work|root|opt|home|Users)/\w|/tmp/\w")
TEXT = {".py", ".ipynb", ".md", ".yaml", ".yml", ".toml", ".csv", ".json", ".lock", ".txt", ".cff", ""}


def name(path) -> str:
    """Path within the repository, for messages and test names."""
    return str(path.relative_to(paths.REPO))


def module_name(path) -> str:
    """Dotted name of a library module."""
    return ".".join(path.relative_to(paths.REPO).with_suffix("").parts).removesuffix(".__init__")


def floor(module: str) -> str:
    """Floor that a dotted module name belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else ""


def imports(path) -> set[str]:
    """Library modules that a file imports."""
    return keys.imported(path.read_text(encoding="utf-8"))


def cells(path, kind: str) -> list[str]:
    """Sources of a notebook's cells of one kind."""
    content = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in content if cell["cell_type"] == kind]


def test_there_are_notebooks_and_their_numbers_differ():
    assert NOTEBOOKS
    numbers = [path.stem.split("_")[0] for path in NOTEBOOKS]
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) for path in NOTEBOOKS)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_go_down_only(path):
    own = floor(module_name(path))
    allowed = {"", "findings"} if own == "findings" else set(FLOORS[:FLOORS.index(own) + 1])
    above = {module for module in imports(path) if floor(module) not in allowed}
    assert not above, f"{name(path)} (floor {own or 'root'}) imports {sorted(above)}"


@pytest.mark.parametrize("path", [p for p in MODULES if floor(module_name(p)) in ("", "findings")], ids=name)
def test_root_and_findings_need_no_torch(path):
    """Figures regenerate in seconds on any machine, and the Snakefile starts as fast."""
    heavy = {"torch", "transformers", "peft", "accelerate"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None) or ""]
        assert not heavy & {n.split(".")[0] for n in named}, f"{name(path)}: line {getattr(node, 'lineno', '?')}"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_module_is_documented_and_of_readable_size(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), f"{name(path)} lacks a docstring"
    assert len(source.splitlines()) <= 400, f"{name(path)} has {len(source.splitlines())} lines: split it"
    assert not re.search(r"^\s*(from|import) notebooks\b", source, re.M), f"{name(path)} imports a notebook"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_functions_are_documented_and_annotated(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name(path)}: {node.name} lacks a docstring"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_is_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, f"{name(path)}: cell {cell.id} holds outputs"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_opens_with_its_title_and_files(path):
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    text = "".join(first["source"])
    assert first["cell_type"] == "markdown" and text.startswith("# "), f"{name(path)}: the first cell is no title"
    # a finding answers a question; a stage before it makes something
    for word in ("reads", "writes", "?") if path.stem >= "20" else ("reads", "writes"):
        assert word in text.lower(), f"{name(path)}: the first cell lacks {word!r} (what it reads, writes, asks)"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_has_one_cell_of_literal_parameters(path):
    content = json.loads(path.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in content if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1 and tagged[0]["cell_type"] == "code", f"{name(path)}: one cell tagged parameters is wanted"
    for line in "".join(tagged[0]["source"]).splitlines():
        assert re.fullmatch(r"\w+(: \w+)? = [^#]+  # \S.*", line), f"{name(path)}: {line!r} lacks value or help"
        ast.literal_eval(ast.parse(line).body[0].value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_is_thin(path):
    for source in cells(path, "code"):
        assert len(source.splitlines()) <= 20, f"{name(path)}: more than 20 lines in the cell {source[:60]!r}"
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.startswith(("%", "!"))))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.end_lineno - node.lineno < 8, f"{name(path)}: {node.name} belongs in the library"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_says_what_it_does(path):
    """No more than four code cells in a row without a word."""
    kinds = "".join(c["cell_type"][0] for c in json.loads(path.read_text(encoding="utf-8"))["cells"])
    assert "c" * 5 not in kinds, f"{name(path)}: five code cells in a row without prose"


@pytest.mark.parametrize("path", STAGES, ids=name)
def test_stage_notebook_begins_and_ends_its_run(path):
    code = cells(path, "code")
    assert any(f'start("{path.stem}"' in source for source in code[:3]), f"{name(path)} starts no run of its name"
    assert "runs.finish(" in code[-1], f"{name(path)}: the last cell must write the result with runs.finish"


@pytest.mark.parametrize("question", BY_SCRIPT)
def test_notebook_about_text_in_images_shows_it_by_script(question):
    """A table by script beside the paper's, differences, figure; saved under the question's name."""
    notebook = next(notebook for notebook, (stage, _) in runs.STAGES.items() if stage == question)
    code = "\n".join(cells(paths.NOTEBOOKS / f"{notebook}.ipynb", "code"))
    for shown in ("reading.table(run.profile, cells, items)", "reading.differences", "reading.figure(",
                  "formats.by_tier(t", "formats.compared(differences)",
                  f'figures.save(figure, {"table" if question == "rq4" else "pd.concat"}'):
        assert shown in code, f"{notebook} lacks {shown}"
    assert f'"{question}_smpqa"' in code or f'f"{question}_{{name}}"' in code


@pytest.mark.parametrize("question", [question for question in params.questions() if question != "rq4"])
def test_notebook_of_a_question_shows_what_each_of_them_must(question):
    """Tables by tier beside the paper's, differences, figure, heat map, answers in the right and wrong language."""
    notebook = next(notebook for notebook, (stage, _) in runs.STAGES.items() if stage == question)
    code = "\n".join(cells(paths.NOTEBOOKS / f"{notebook}.ipynb", "code"))
    for shown in (*(f"formats.by_tier(tables.{part})" for part in ablation.PARTS), "formats.compared(differences)",
                  "heat_map = figures.by_language(", "right=True)", "right=False)"):
        assert shown in code, f"{notebook} lacks {shown}"
    assert f'ablation.tables("{question}"' in code and re.search(r"^figure = figures\.\w+\(\*tables\)", code, re.M)
    assert all(f'"{question}{name}"' in code for name in ("", "_differences", "_by_language")), "saved so"


def test_every_stage_has_a_notebook_and_a_rule():
    snakefile = (paths.REPO / "Snakefile").read_text(encoding="utf-8")
    for notebook, (stage, _) in runs.STAGES.items():
        assert (paths.NOTEBOOKS / f"{notebook}.ipynb").exists(), f"notebooks/{notebook}.ipynb is missing"
        by_name = f"rule {stage}:" in snakefile and f'key("{notebook}")' in snakefile
        in_graph = by_name or stage in params.questions() or stage in runs.SUMMARIES  # which share a rule
        by_hand = stage in ("benchmarks", "peers", "export")  # make bench, make peers, make export
        assert in_graph or by_hand, f"Snakefile lacks rule {stage}"


def test_questions_of_every_profile_have_a_notebook():
    drawn = {stage for stage, _ in runs.STAGES.values()}
    for path in sorted((paths.PARAMS / "profiles").glob("*.yaml")):
        for question in params.profile(path.stem).study.questions:
            compared = params.compared(params.profile(path.stem), question)
            assert question in drawn and len(compared) > 1, f"{name(path)}: {question}"


def test_no_machine_of_ours_is_named():
    """Paths of one machine in a tracked file would fail on every other."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=paths.REPO,
                            capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for path in (paths.REPO / line for line in listed.stdout.splitlines()):
        if path.suffix in TEXT and path.is_file():
            hit = MACHINE_PATHS.search(path.read_text(encoding="utf-8"))
            assert not hit, f"{name(path)} names {hit.group()!r}, a path of one machine"
