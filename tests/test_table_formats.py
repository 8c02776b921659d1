"""Tables keep any text: read back from CSV, Markdown and LaTeX, it is what was written.

Run: pytest tests/test_table_formats.py
"""

import io
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from centurio_lib.findings import table_formats

MARKED = "\\`*_{}[]()<>#+-.,!|~$&;:%^\"'= \n\rab1–†±"
anything = st.text(st.characters(exclude_categories=()), max_size=12)
texts = st.one_of(st.text(MARKED, max_size=12), anything)
rows = st.lists(st.tuples(texts, texts), min_size=1, max_size=3)
quick = settings(max_examples=150, deadline=None, database=None)
# what LaTeX makes of what is written: commands, then signs that stand for themselves
COMMANDS = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
            r"\textgreater{}": ">", r"\textbar{}": "|", r"\textasciigrave{}": "`", r"$\pm$": "±", r"$\geq$": "≥",
            r"$\leq$": "≤", r"$-$": "−", r"$\dagger$": "†", r"\&": "&", r"\%": "%", r"\$": "$", r"\#": "#", r"\_": "_",
            r"\{": "{", r"\}": "}", "{}": "", "{[}": "[", "{*}": "*", "---": "—", "--": "–", "''": "”", ",,": "„"}
ODD = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
READ = re.compile("|".join(map(re.escape, COMMANDS)) + r"|[^\\&%$#_{}~^]")


def frame(cells: list[tuple[str, str]]) -> pd.DataFrame:
    """A table of texts."""
    return pd.DataFrame(cells, columns=["one", "other"], dtype=object)


def in_a_line(text: str) -> str:
    """A text as a reader of a table sees it: one line, odd characters as their code points."""
    return ODD.sub(lambda odd: f"[U+{ord(odd[0]):04X}]", " ".join(text.split()))


def of_markdown(table: str) -> list[list[str]]:
    """Cells of a table as a reader of Markdown sees them; fails for anything but plain text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    found: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            found.append([])
        if token.type == "inline":
            assert {child.type for child in token.children} <= {"text", "text_special"}, token.content
            found[-1].append("".join(child.content for child in token.children))
    assert tokens[0].type == "table_open" and tokens[-1].type == "table_close"
    return found


def of_latex(table: str) -> list[list[str]]:
    """Cells of a table as LaTeX prints them; fails for a sign that would be a command."""
    lines = table.split("\\midrule\n")[1].split("\n\\bottomrule")[0].split("\n")
    found = []
    for line in lines:
        assert line.endswith(r" \\") and not re.match(r"[\[*]", line), "an option of the line break before"
        cells = re.split(r"(?<!\\)&", line.removesuffix(r" \\"))
        for cell in cells:
            assert "".join(match[0] for match in READ.finditer(cell)) == cell, f"{cell!r} holds a command"
        found.append([READ.sub(lambda match: COMMANDS.get(match[0], match[0]), cell).strip() for cell in cells])
    return found


@quick
@given(rows)
def test_any_text_is_read_in_markdown_as_it_was_written(cells):
    read = of_markdown(table_formats.markdown(frame(cells)))
    assert read[1:] == [[in_a_line(text) for text in row] for row in cells]


@quick
@given(rows)
def test_any_text_is_read_in_latex_as_it_was_written(cells):
    read = of_latex(table_formats.latex(frame(cells), "caption"))
    assert read == [[in_a_line(text) for text in row] for row in cells]


@quick
@given(rows)
def test_any_text_is_read_from_csv_as_it_was_written(cells):
    written = table_formats.csv(frame([("text", "text"), *cells])).encode()
    read = pd.read_csv(io.BytesIO(written), dtype=str, keep_default_na=False)
    broken = [[re.sub("\r\n?", "\n", re.sub("[\ud800-\udfff]", lambda half: f"[U+{ord(half[0]):04X}]", text))
               for text in row] for row in cells]
    assert read.iloc[1:].to_numpy().tolist() == broken


@pytest.mark.parametrize(("text", "markdown", "latex"), [
    ("<b>x</b>", r"\<b>x\</b>", r"\textless{}b\textgreater{}x\textless{}/b\textgreater{}"),
    ("[a](javascript:x)", r"[a\](javascript:x)", "[a](javascript:x)"),
    ("\\input{/etc/passwd}", r"\\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
    ("one\n\ntwo", "one two", "one two"),
    ("a | b -- c", r"a \| b -- c", r"a \textbar{} b -{}- c"),
    ("T5-T4 all_tasks", "T5-T4 all_tasks", r"T5-T4 all\_tasks"),
    ("34.1 [30.2, 38.0] *", "34.1 [30.2, 38.0] *", "34.1 [30.2, 38.0] *"),
    ("\x07", "[U+0007]", "[U+0007]"),
])
def test_what_is_markup_elsewhere_is_text_here(text, markdown, latex):
    assert (table_formats.in_markdown(text), table_formats.in_latex(text)) == (markdown, latex)


def test_a_row_may_begin_with_a_bracket():
    assert "{[}30.2, 38.0] \\\\\n" in table_formats.latex(frame([("[30.2, 38.0]", "")])[["one"]], "")


def test_a_carriage_return_alone_ends_no_row():
    assert table_formats.csv(pd.DataFrame({"why": ["a\rb"], "n": [1]})) == 'why,n\n"a\nb",1\n'
