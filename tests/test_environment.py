"""One hand-written list of dependencies: pyproject.toml, lock, environment.yml and the running interpreter agree."""

import ast
import json
import platform
import re
import sys
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from centurio_lib import paths

PROJECT = tomllib.loads((paths.REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (paths.REPO / "requirements.lock").read_text(encoding="utf-8").splitlines()
BROUGHT_BY_TORCH = re.compile(r"nvidia|triton|cuda")
OURS = {"centurio_lib", *(path.stem for path in (paths.REPO / "tests").glob("*.py"))}  # and what tests share
IMPORTED_AS = {"fasttext": "fasttext-predict"}  # an extra, not part of the lock


def pins() -> dict[str, Version]:
    """Pinned version of each locked distribution that applies to this machine."""
    wanted = [Requirement(line) for line in LOCK]
    return {canonicalize_name(r.name): Version(str(r.specifier).removeprefix("=="))
            for r in wanted if r.marker is None or r.marker.evaluate()}


def declared(*extras: str) -> list[Requirement]:
    """Requirements of pyproject.toml with some of its extras."""
    return [Requirement(text) for text in [*PROJECT["dependencies"], *(r for e in extras for r in EXTRAS[e])]]


def sources() -> dict[str, str]:
    """Every Python source of the project: modules, tests, code cells of notebooks, import lines of the Snakefile."""
    found = {str(p): p.read_text(encoding="utf-8") for folder in ("centurio_lib", "tests")
             for p in (paths.REPO / folder).rglob("*.py")}
    for path in paths.NOTEBOOKS.glob("*.ipynb"):
        cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
        found[str(path)] = "\n".join("".join(c["source"]) for c in cells)
    lines = (paths.REPO / "Snakefile").read_text(encoding="utf-8").splitlines()
    return found | {"Snakefile": "\n".join(line for line in lines if re.match(r"(import|from) ", line))}


def top_level_imports(source: str) -> set[str]:
    """Names of the packages that a source imports."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {n.module.split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and n.module and not n.level}


def test_environment_yml_is_python_pip_lock_and_this_package_only():
    stated = yaml.safe_load((paths.REPO / "environment.yml").read_text(encoding="utf-8"))
    assert stated == {"name": "centurio", "channels": ["conda-forge", "nodefaults"],
                      "dependencies": ["python=3.11", "pip", {"pip": ["-r requirements.lock", "-e ."]}]}


def test_python_version_agrees_everywhere():
    assert PROJECT["requires-python"] == "==3.11.*"
    assert SpecifierSet(PROJECT["requires-python"]).contains(platform.python_version())
    assert "--python-version 3.11" in (paths.REPO / "Makefile").read_text(encoding="utf-8")


def test_lock_holds_nothing_but_exact_pins():
    for line in LOCK:
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][a-z0-9.]*( ; [^/]+)?", line), f"{line!r} is no pin"
        assert not BROUGHT_BY_TORCH.match(line), f"{line!r} comes with torch on machines that need it"


@pytest.mark.parametrize("requirement", declared("test"), ids=str)
def test_declared_requirement_is_satisfied_by_the_lock(requirement):
    pinned = pins().get(canonicalize_name(requirement.name))
    assert pinned is not None, f"{requirement.name} is not in requirements.lock: make lock"
    assert requirement.specifier.contains(pinned), f"{requirement} but the lock has {pinned}: make lock"


def test_extras_outside_the_lock_are_pinned_exactly():
    for requirement in [Requirement(text) for extra in EXTRAS if extra != "test" for text in EXTRAS[extra]]:
        assert str(requirement.specifier).startswith("=="), f"{requirement} is not locked, so it must be exact"


def test_installed_versions_equal_the_lock():
    """Public versions: the build of torch (2.13.0+cpu, say) follows the machine."""
    installed = {canonicalize_name(d.metadata["Name"]): Version(d.version).public for d in metadata.distributions()}
    differing = {n: (str(pin), installed.get(n)) for n, pin in pins().items() if installed.get(n) != pin.public}
    assert not differing, f"make env: installed versions differ from requirements.lock (pinned, installed): {differing}"


def test_everything_imported_is_declared():
    distributions = metadata.packages_distributions()
    known = {canonicalize_name(r.name) for r in declared(*EXTRAS)}
    for source, text in sources().items():
        for name in top_level_imports(text) - set(sys.stdlib_module_names) - OURS:
            given = {canonicalize_name(d) for d in distributions.get(name, [IMPORTED_AS.get(name, name)])}
            assert given & known, f"{source} imports {name}, which pyproject.toml does not declare"


def test_library_is_installed_where_it_is_edited():
    """A stale copy elsewhere would be tested in place of this one."""
    import centurio_lib
    assert centurio_lib.__file__ == str(paths.REPO / "centurio_lib" / "__init__.py")
