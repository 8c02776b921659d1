"""One hand-written list of dependencies: pyproject.toml, locks, make, containers and the running interpreter agree.

Run with: pytest tests/test_environment.py
"""

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from centurio_lib import paths

PYPROJECT = tomllib.loads((paths.REPO / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKED = ["lab", "test"]  # extras with a lock of their own
PYTHONS = ["3.11", "3.12", "3.13"]
BROUGHT_BY_TORCH = re.compile(r"nvidia|triton|cuda")
OURS = {"centurio_lib", *(path.stem for path in (paths.REPO / "tests").glob("*.py"))}  # and what tests share
IMPORTED_AS = {"fasttext": "fasttext-predict"}  # an extra, not part of a lock
NOT_IMPORTED = {  # declared for what they do from outside, or for a package that imports them
    "bitsandbytes", "brotli", "ipykernel", "snakemake", "jupyterlab", "pytest-timeout", "pytest-xdist", "ruff", "uv",
    "snakemake-executor-plugin-slurm", "protobuf", "seaborn"}


def text(name: str) -> str:
    """A file of the repository."""
    return (paths.REPO / name).read_text(encoding="utf-8")


def lock(extra: str = "") -> list[Requirement]:
    """Pins of the study's lock, or what the lock of an extra adds."""
    return [Requirement(line) for line in text(f"requirements{extra and '-' + extra}.lock").splitlines()]


def pins(*extras: str, python: str = platform.python_version()) -> dict[str, Version]:
    """Pinned version of each distribution that the study and some extras install under a version of Python."""
    here = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    wanted = [r for extra in ["", *extras] for r in lock(extra) if r.marker is None or r.marker.evaluate(here)]
    return {canonicalize_name(r.name): Version(str(r.specifier).removeprefix("==")) for r in wanted}


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
    lines = [line for line in text("Snakefile").splitlines() if re.match(r"(import|from) ", line)]
    return found | {"Snakefile": "\n".join(lines)}


def top_level_imports(source: str) -> set[str]:
    """Names of the packages that a source imports."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {n.module.split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and n.module and not n.level}


installed_packages = cache(metadata.packages_distributions)  # it reads the records of all distributions


def distributions_of(name: str) -> set[str]:
    """Distributions that a top-level import may come from."""
    given = installed_packages().get(name, [IMPORTED_AS.get(name, name)])
    return {canonicalize_name(distribution) for distribution in given}


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Commands of a call of make (-n), in the repository, outside a conda environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CONDA_", "MAKE", "PYTHON", "BASE_PYTHON"))}
    return subprocess.run(["make", *arguments], cwd=paths.REPO, env=clean | environment, capture_output=True, text=True)


# === locks ===
@pytest.mark.parametrize("extra", ["", *LOCKED])
def test_lock_holds_nothing_but_exact_pins(extra):
    for requirement in lock(extra):
        assert re.fullmatch(r"==[0-9][a-z0-9.]*", str(requirement.specifier)), f"{requirement} is no pin: make lock"
        assert requirement.url is None and not requirement.extras, requirement
        assert not BROUGHT_BY_TORCH.match(requirement.name), f"{requirement} comes with torch where it is needed"


def test_no_distribution_is_in_two_locks():
    names = [canonicalize_name(r.name) for extra in ["", *LOCKED] for r in lock(extra)]
    assert len(names) == len(set(names)), f"{sorted({n for n in names if names.count(n) > 1})} in two locks: make lock"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", ["", *LOCKED])
def test_declared_requirements_are_satisfied_by_the_locks(extra, python):
    extras = [extra] if extra else []
    pinned = pins(*extras, python=f"{python}.0")
    for requirement in declared(*extras):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None and requirement.specifier.contains(version), f"{requirement}: {version}; make lock"


def test_study_installs_neither_jupyterlab_nor_pytest():
    assert not {"jupyterlab", "jupyter-server", "pytest", "ruff"} & set(pins())


def test_extras_without_a_lock_are_pinned_exactly():
    for requirement in [Requirement(text) for extra in EXTRAS if extra not in LOCKED for text in EXTRAS[extra]]:
        assert str(requirement.specifier).startswith("=="), f"{requirement} is not locked, so it must be exact"


def test_installed_versions_equal_the_locks():
    """Public versions: the build of torch (2.13.0+cpu, say) follows the machine."""
    installed = {canonicalize_name(d.metadata["Name"]): Version(d.version).public for d in metadata.distributions()}
    extras = [extra for extra in LOCKED if extra == "test" or "jupyterlab" in installed]
    differing = {n: (str(pin), installed.get(n)) for n, pin in pins(*extras).items() if installed.get(n) != pin.public}
    assert not differing, f"make env: installed versions differ from the locks (pinned, installed): {differing}"


# === imports ===
def test_everything_imported_is_declared():
    known = {canonicalize_name(r.name) for r in declared(*EXTRAS)}
    for source, code in sources().items():
        for name in top_level_imports(code) - set(sys.stdlib_module_names) - OURS:
            assert distributions_of(name) & known, f"{source} imports {name}, which pyproject.toml does not declare"


def test_everything_declared_is_used():
    imported = set().union(*(top_level_imports(code) for code in sources().values())) - OURS
    used = set().union(*map(distributions_of, imported)) | NOT_IMPORTED
    unused = {canonicalize_name(r.name) for r in declared(*LOCKED)} - used
    assert not unused, f"{unused} declared in pyproject.toml, but nothing imports them"


def test_library_is_installed_where_it_is_edited():
    """A stale copy elsewhere would be tested in place of this one."""
    import centurio_lib
    assert centurio_lib.__file__ == str(paths.REPO / "centurio_lib" / "__init__.py")


# === Python ===
def test_running_python_is_supported_and_no_other_is_promised():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert supported.contains(platform.python_version())
    assert [v for v in ("3.10", *PYTHONS, "3.14") if supported.contains(f"{v}.0")] == PYTHONS
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + PYTHONS[0].replace(".", "")


def test_environment_yml_is_python_pip_lock_and_this_package_only():
    assert yaml.safe_load(text("environment.yml")) == {
        "name": "centurio", "channels": ["conda-forge", "nodefaults"],
        "dependencies": ["python" + PROJECT["requires-python"], "pip", {"pip": ["-r requirements.lock", "-e ."]}]}


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("target", ["env", *LOCKED])
def test_make_installs_what_a_target_needs_in_venv_and_nothing_in_an_environment_of_the_users_own(target):
    stamp = "installed" if target == "env" else f"installed-{target}"
    in_venv = make("--dry-run", "--always-make", target, BASE_PYTHON=sys.executable)
    assert in_venv.returncode == 0 and f"touch .venv/{stamp}\n" in in_venv.stdout, in_venv.stderr
    assert ("requirements-lab.lock" in in_venv.stdout) == (target == "lab")
    assert ("requirements-test.lock" in in_venv.stdout) == (target == "test")
    own = make("--dry-run", "--always-make", target, PYTHON="python")
    assert own.returncode == 0 and ".venv" not in own.stdout, own.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_python_that_is_not_supported_is_refused_before_anything_is_installed():
    done = make("--always-make", "env", BASE_PYTHON="false")
    assert done.returncode and "make env BASE_PYTHON=/path/to/python3.11" in done.stderr and not done.stdout


# === containers, workflow, hooks ===
def test_workflow_runs_the_one_command_under_every_python():
    job = yaml.safe_load(text(".github/workflows/test.yml"))["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == PYTHONS
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]


def test_hooks_check_by_the_version_of_ruff_that_is_locked():
    hooks = {hook["id"]: hook for hook in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"][0]["hooks"]}
    assert hooks.keys() == {"ruff", "nbstripout", "check-added-large-files"}
    assert hooks["ruff"]["additional_dependencies"] == [str(r) for r in lock("test") if r.name == "ruff"]


def test_development_container_is_made_of_the_dockerfile_and_the_locks():
    lines = text(".devcontainer/devcontainer.json").splitlines()
    container = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    folder = paths.REPO / ".devcontainer"
    dockerfile = (folder / container["build"]["dockerfile"]).resolve()
    assert dockerfile.exists() and (folder / container["build"]["context"]).resolve() == paths.REPO.resolve()
    assert container["build"]["args"].keys() <= set(re.findall(r"^ARG (\w+)", dockerfile.read_text(), re.M))
    assert all(f"-r requirements{name}.lock" in container["postCreateCommand"] for name in ("", "-lab", "-test"))
