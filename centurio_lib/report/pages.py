"""Executed notebooks as pages: nbconvert's plain HTML, which names no address outside, in the report's own frame."""

from pathlib import Path
from typing import NamedTuple

import nbformat
from nbconvert import HTMLExporter

from centurio_lib import paths
from centurio_lib.study import stages


class Page(NamedTuple):
    """One executed notebook: `name` of its file, `title`, and what belongs between header and footer."""

    name: str
    title: str
    body: str


def executed(profile: str, setups: list[str]) -> dict[str, Path]:
    """Executed notebooks of a finished study by the name of their page: data, findings, and seed 0 of each setup.

    The report's own is left out (it is still running), as are stages that the profile did not run.
    """
    found = {}
    for notebook, declared in stages.by_notebook().items():
        stage = declared.stage
        if declared.kind == "training":
            folders = {f"{notebook}_{setup}": paths.run(profile, stage, setup, 0) for setup in setups}
        elif declared.kind == "finding":
            folders = {notebook: paths.HOME / "results" / profile / stage}
        else:
            folders = {notebook: paths.data(profile, stage)}
        found |= {name: folder / "run.ipynb" for name, folder in folders.items()
                  if stage != "report" and (folder / "provenance.json").exists() and (folder / "run.ipynb").exists()}
    return found


def page(name: str, path: Path) -> Page:
    """One executed notebook as HTML, its pictures embedded. Raises ValueError naming one that ended in an error."""
    notebook = nbformat.read(path, as_version=4)
    failed = [cell for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    if failed:
        raise ValueError(f"{path} ended in an error in the cell {failed[0].source[:60]!r}: run that notebook again")
    for cell in notebook.cells:
        cell.metadata.setdefault("alt", f"drawn by the cell {cell.get('id', 'without a name')}")
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True,
                            exclude_anchor_links=True)
    body, _ = exporter.from_notebook_node(notebook)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and cell.source]
    return Page(name, prose[0].splitlines()[0].lstrip("# ") if prose else name, body)
