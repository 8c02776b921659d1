"""README, CONTRIBUTING and docs/ keep their promises: links, files, notebooks, make targets, every setting.

.venv/bin/python -m pytest tests/test_docs.py
"""

import ast
import re
from pathlib import Path

import pandas as pd

from centurio_lib import paths
from centurio_lib.params import documentation

PAGES = [paths.REPO / "README.md", paths.REPO / "CONTRIBUTING.md", *sorted((paths.REPO / "docs").glob("*.md"))]
MADE = ("data", "results", ".venv")  # made by the study, not tracked
CODE = re.compile(r"```.*?\n(.*?)```|`([^`\n]+)`", re.S)


def name(page: Path) -> str:
    """Path within the repository."""
    return str(page.relative_to(paths.REPO))


def code(page: Path) -> list[str]:
    """Blocks and spans of code in a page."""
    return [block or span for block, span in CODE.findall(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """A page without its code."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Names that a browser of the repository gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[Path, str]]:
    """File and anchor of each link of a page that stays in the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    parts = [link.partition("#") for link in found if "://" not in link]
    return [((page.parent / file).resolve() if file else page, anchor) for file, _, anchor in parts]


def tree() -> list[str]:
    """Paths and patterns of paths that the tree of README names; two spaces of indent are a folder deeper."""
    found, folders = [], []
    for line in block_of_tree().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        named = [word for word in re.split(r"\s{2,}", line.strip())[0].split() if word != "to"]
        folders = [*folders[:depth], named[0]]
        found += ["".join(folders[:depth]) + word for word in named]
    return found


def block_of_tree() -> str:
    """The block of code under README's heading "The tree"."""
    text = (paths.REPO / "README.md").read_text(encoding="utf-8")
    return re.search(r"^## The tree\n+```\n(.*?)```", text, re.S | re.M).group(1)


def targets_of(text: str) -> set[str]:
    """Targets of the make commands in some code, comments left out."""
    calls = re.findall(r"(?:^|[\s;&])make((?: [a-z][a-z-]*(?=$|[\s;&]))+)", re.sub(r"#.*", "", text), re.M)
    return {target for call in calls for target in call.split()}


def test_threats_name_tests_that_exist():
    """A protection without a test is a hope."""
    page = (paths.REPO / "docs" / "threats.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 25 and all("tests/" in row for row in rows), "each threat names its test"
    for file, name in re.findall(r"`(tests/\w+\.py)::(\w+)`", page):
        defined = {node.name for node in ast.parse((paths.REPO / file).read_text(encoding="utf-8")).body
                   if isinstance(node, ast.FunctionDef)}
        assert name in defined, f"{file} has no {name}"


def test_readme_is_short():
    lines = (paths.REPO / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150, f"README.md has {len(lines)} lines: move a subject to docs/"


def test_every_link_leads_somewhere():
    broken = [f"{name(page)}: {file}#{anchor}" for page in PAGES for file, anchor in links(page)
              if not file.exists() or (anchor and anchor not in anchors(file))]
    assert not broken, "\n".join(broken)


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = {file for file, _ in links(paths.REPO / "README.md")}
    missing = [name(page) for page in PAGES[2:] if page not in linked]
    assert not missing, "\n".join(missing)


def test_tree_of_the_readme_names_what_is_there():
    named = [path for path in tree() if path.rstrip("/") not in MADE]
    assert len(named) > 20
    missing = [path for path in named if not any(paths.REPO.glob(path.rstrip("/")))]
    assert not missing, "\n".join(missing)


def test_tree_of_the_readme_names_every_folder_of_the_library():
    folders = {f"centurio_lib/{file.parent.name}/" for file in (paths.REPO / "centurio_lib").glob("*/*.py")}
    assert folders <= set(tree())


def test_paths_that_are_named_exist():
    """A path into a tracked folder, or a source file with its folder; `<name>` and `*` may stand for anything."""
    roots = {path.name for path in paths.REPO.iterdir() if path.is_dir() and path.name not in MADE}
    missing = []
    for page in PAGES:
        for path in re.findall(r"(?<![\w./<>*-])\w[\w-]*/[\w./*<>-]*", "\n".join(code(page))):
            pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/.")
            checked = path.split("/")[0] in roots or path.endswith(".py")
            if checked and not any(any(home.glob(pattern)) for home in (paths.REPO, paths.REPO / "centurio_lib")):
                missing.append(f"{name(page)}: {path}")
    assert not missing, "\n".join(missing)


def test_notebooks_that_are_named_exist():
    known = {path.stem for path in paths.NOTEBOOKS.glob("*.ipynb")}
    named = {(name(page), word) for page in PAGES for word in re.findall(r"\b\d\d_[a-z]\w+", "\n".join(code(page)))}
    missing = [f"{page}: {word}" for page, word in sorted(named) if word not in known]
    assert not missing, "\n".join(missing)


def test_every_notebook_is_described():
    described = "\n".join(code(paths.REPO / "docs" / "how_it_works.md"))
    notebooks = sorted({path.stem for path in paths.NOTEBOOKS.glob("*.ipynb")})
    missing = [notebook for notebook in notebooks if notebook not in described]
    assert not missing, "\n".join(missing)


def test_make_targets_that_are_named_exist():
    makefile = (paths.REPO / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    named = {(name(page), target) for page in PAGES for text in code(page) for target in targets_of(text)}
    missing = [f"{page}: make {target}" for page, target in sorted(named) if target not in known]
    assert not missing, "\n".join(missing)


def test_settings_are_those_of_the_models():
    assert documentation.page() == documentation.PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_every_setting_says_what_it_means():
    silent = [line for line in documentation.page().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not silent, "\n".join(silent)


def test_licences_of_the_fetched_packages_are_listed():
    page = (paths.REPO / "docs" / "data_and_licences.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    sources = pd.read_csv(paths.REPO / "figures" / "laptop" / "sources.csv").itertuples()
    missing = [source.package for source in sources if not source.package.startswith("@fontsource")
               and not any(f"`{source.package}`" in row and source.licence in row for row in rows)]
    assert not missing, "\n".join(missing)
