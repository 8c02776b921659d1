"""Digests of code: blind to comments and layout, and the same under every Python that the study supports.

The expected digests were made under Python 3.11, 3.12 and 3.13, and were equal.
"""

import pytest

from centurio_lib import code_digest, storage

SOURCES = {
    "functions": '''
def area(width: float, height: float = 1.0, *rest: int, unit="cm", **more) -> float:
    """Docstring."""
    return width * height if rest else -1  # comment
''',
    "strings": '''
name, n = "é\\u200d", 3
line = f"{name!r:>{n}} {{}} {n + 1:.2f} {'inner'}" f"{n=}" + "a" "b"
raw = rb"\\\\x" + b"\\x00", 1e-4, 2j, ..., 10_000
''',
    "classes": '''
from typing import NamedTuple
class Point(NamedTuple, metaclass=type):
    """Docstring."""
    x: int = 0
    @property
    def norm(self): return abs(self.x)
''',
    "flow": '''
async def run(tasks):
    with open("f") as f, open("g"):
        pass
    try:
        [await t async for t in tasks if (y := t)]
    except* ValueError as error:
        raise RuntimeError from error
    match tasks:
        case [first, *rest] if rest: return {**first, "k": {1, 2}}
        case {"a": 1, **other}: return lambda a, /, b=1, *, c: a
        case Point(x=0) | None: yield
    global z; del z
''',
}
EXPECTED = {
    "functions": "215edd2723df5496d13b316c862575ab",
    "strings": "a13b178dd81ba1d02d8166c7a55f9575",
    "classes": "66bea760311d2cfeedc8bc1ce3af889a",
    "flow": "bc2273a835b2bcef38fd7a65056d8c2c",
}


@pytest.mark.parametrize("name", SOURCES)
def test_digest_of_a_stored_source_is_the_expected_one(name):
    assert storage.sha256(code_digest.code_only(SOURCES[name]))[:32] == EXPECTED[name]


def test_comments_layout_and_docstrings_are_no_code():
    plain = "def double(x):\n    pass\n    return 2 * x\n"
    dressed = "# twice\ndef double( x ):\n    \'\'\'Twice.\'\'\'\n\n    return (2*x)  # why\n"
    assert code_digest.code_only(plain) == code_digest.code_only(dressed)
    assert code_digest.code_only(plain) != code_digest.code_only(plain.replace("2", "3"))


def test_files_that_a_module_names_are_part_of_its_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(code_digest.paths, "REPO", tmp_path)
    (tmp_path / "centurio_lib").mkdir()
    module, table = tmp_path / "centurio_lib" / "reader.py", tmp_path / "centurio_lib" / "table.csv"
    module.write_text("TABLE = \'table.csv\'\n")

    def digest() -> str:
        code_digest.module_digest.cache_clear()
        return code_digest.module_digest("centurio_lib.reader")
    table.write_text("a,b\n")
    before = digest()
    table.with_name("other.csv").write_text("a,b\n")
    assert digest() == before
    table.write_text("a,c\n")
    assert digest() != before
    code_digest.module_digest.cache_clear()


@pytest.mark.parametrize(("cell", "python"), [
    ("%matplotlib inline\nx = 1", "x = 1"), ("!ls\nx = 1", "x = 1"), ("x = 1", "x = 1"),
    ("%%bash\nls | wc", "get_ipython().run_cell_magic('bash', '', 'ls | wc\\n')\n"),
    ("files = !ls", "files = get_ipython().getoutput('ls')\n"),
    ("print?", "get_ipython().run_line_magic('pinfo', 'print')\n"),
])
def test_cells_with_magics_are_read_as_ipython_reads_them(cell, python):
    assert code_digest.python(cell, "a.ipynb, code cell 1") == python


def test_a_cell_that_is_no_python_is_named(tmp_path):
    path = tmp_path / "07_mine.ipynb"
    cells = [{"cell_type": "code", "metadata": {}, "source": source} for source in (["x = 1\n"], ["y = = 2\n"])]
    storage.write_json(path, {"cells": cells})
    with pytest.raises(SyntaxError, match=r"notebook 07_mine\.ipynb, code cell 2: invalid syntax"):
        code_digest.notebook_code(path)


def test_what_a_cell_of_bash_does_is_part_of_the_code(tmp_path):
    def digest(source: str) -> str:
        return storage.digest(code_digest.code_only(code_digest.python(source, "a")))
    assert digest("%%bash\nls") != digest("%%bash\nrm x") and digest("%time x = 1\ny = 2") == digest("y = 2")
