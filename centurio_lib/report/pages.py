"""Executed notebooks as pages of the report: outputs are open, code is folded, no outside address is loaded."""

from pathlib import Path
from typing import NamedTuple

import nbformat
from nbconvert import HTMLExporter

from centurio_lib.report.safe_html import safe

TEMPLATE = """{%- extends 'basic/index.html.j2' -%}
{% block input_group %}<details class="code">
<summary><code>{{ cell.source.split('\\n')[0] | escape_html }}</code></summary>
{{ super() }}</details>{% endblock %}"""


class Page(NamedTuple):
    """One executed notebook: `name` of its file, `title`, and the HTML between header and footer."""

    name: str
    title: str
    body: str


def page(name: str, path: Path) -> Page:
    """Convert an executed notebook to HTML with embedded pictures, without scripts or anything else that acts.

    Raises ValueError for a failed notebook.
    """
    notebook = nbformat.read(path, as_version=4)
    failed = [cell for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    if failed:
        raise ValueError(f"{path} ended in an error in the cell {failed[0].source[:60]!r}: run that notebook again")
    for cell in notebook.cells:
        cell.metadata.setdefault("alt", f"drawn by the cell {cell.get('id', 'without a name')}")
    exporter = HTMLExporter(raw_template=TEMPLATE, exclude_input_prompt=True, exclude_output_prompt=True,
                            exclude_anchor_links=True)
    body, _ = exporter.from_notebook_node(notebook)
    return Page(name, prose(notebook)[0], safe(body))


def prose(notebook: nbformat.NotebookNode) -> tuple[str, str]:
    """Title and question at the beginning of a notebook."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and cell.source]
    lines = cells[0].splitlines() if cells else [""]
    question = next((line for line in lines if line.startswith("**Question.**")), "")
    return lines[0].lstrip("# "), question.removeprefix("**Question.**").strip()
