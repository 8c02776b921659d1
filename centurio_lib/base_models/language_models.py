"""Catalogue of the language models of the Python package index: `language_models.csv` and its neighbours.

`language_models.csv`: `backbone`, the name of the folder that a profile gives as its language model; `title`;
`licence`, a row of `licences.csv`; `sha256` of its GGUF file; `template`, the chat template (a file beside this one),
where the model has none of its own; `image`, a token that text never holds, which stands for images, so that no
embedding is added; `vocabulary`: "whole", or "study" for the tokens that the study's texts need. `parts.csv`: the
packages that the file is put together from, in order, with the sha256 of each wheel as the index states it, and the
member of the wheel; `holds` "terms" is a copy of the licence. Of a licence: its `terms` and `policy` (addresses), the
environment `variable` by which it is accepted (empty: nothing to accept), and the `notice` that has to go along with
what is made of the model.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Licence(NamedTuple):
    """Terms of a model; see the module's docstring."""

    licence: str
    title: str
    terms: str
    policy: str
    variable: str
    notice: str


class Part(NamedTuple):
    """A file of a package that a model needs."""

    package: str
    version: str
    wheel: str
    holds: str
    member: str

    @property
    def wheel_name(self) -> str:
        """Name of the wheel's file."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


class Backbone(NamedTuple):
    """A language model; see the module's docstring."""

    name: str
    title: str
    licence: Licence
    sha256: str
    template: str | None  # the chat template itself
    image: str
    trimmed: bool
    parts: list[Part]


@cache
def backbones() -> dict[str, Backbone]:
    """Every language model by name."""
    licences = {row["licence"]: Licence(**row) for row in _rows("licences.csv")}
    parts: dict[str, list[Part]] = {}
    for row in _rows("parts.csv"):
        parts.setdefault(row.pop("sha256"), []).append(Part(**row))
    return {row["backbone"]: Backbone(row["backbone"], row["title"], licences[row["licence"]], row["sha256"],
                                      _template(row["template"]), row["image"], row["vocabulary"] == "study",
                                      parts[row["sha256"]])
            for row in _rows("language_models.csv")}


def of(language_model: str) -> Backbone | None:
    """The model of a profile's folder, by the folder's name; None for a model outside the index."""
    return backbones().get(Path(language_model).name)


def _template(file: str) -> str | None:
    return (FOLDER / file).read_text(encoding="utf-8").strip() if file else None


def _rows(file: str) -> list[dict[str, str]]:
    with (FOLDER / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
