"""Declarations of sources of images or text, and the discovery of their files.

A source is one file with `SOURCE = Source(...)` in it. Files of one kind share a folder, which finds them by itself, so
that a run depends on the sources that it reads and on no others.
"""

import pkgutil
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

KINDS = {  # kind of source -> functions that a file of the kind has
    "things": ("drawings", "texts", "labels", "covers", "order"),  # drawn in styles, named in languages
    "running text": ("paragraphs", "covers"),
    "fonts": ("families",),
    "report": (),  # parts of the report, no data
}


class DeclarationError(ValueError):
    """A source's declaration is wrong; the message names file and field."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Declaration of a file of `data/sources`. Only kind "things" has the last four fields."""

    name: str
    kind: str  # one of KINDS
    origin: str  # who publishes it
    licence: str  # of its words, or of all of it
    use: str  # what the study takes of it
    packages: dict[str, str] = field(default_factory=dict)  # npm package -> what it gives
    styles: dict[str, str] = field(default_factory=dict)  # style of its drawings -> licence of that style
    question: str = "name"  # what a picture of it is asked: a key of prompts.QUESTIONS
    described: bool = True  # whether its things have keywords, so that they can be described
    share: float = 0.3  # weight among samples of several images


def modules(package: ModuleType, kind: str) -> dict[str, ModuleType]:
    """Modules of a package that declare a source of a kind, by the source's name, in file order.

    Raises DeclarationError naming file and field.
    """
    by_name: dict[str, ModuleType] = {}
    for _, name, _ in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        module = import_module(f"{package.__name__}.{name}")
        source = check(module)
        if source.kind != kind:
            raise wrong(module, "kind", f"{source.kind!r} is not the kind of its folder, {kind!r}")
        if source.name in by_name:
            raise wrong(module, "name", f"{source.name!r} is the name of {by_name[source.name].__file__} too")
        by_name[source.name] = module
    return by_name


def check(module: ModuleType) -> Source:
    """The source that a module declares. Raises DeclarationError for none, and for an empty or unknown field."""
    source = getattr(module, "SOURCE", None)
    if not isinstance(source, Source):
        raise wrong(module, "SOURCE", "is missing: a file of data/sources declares `SOURCE = Source(...)`")
    if source.kind not in KINDS:
        raise wrong(module, "kind", f"{source.kind!r} is unknown; there are: {', '.join(KINDS)}")
    for name in ("name", "origin", "licence", "use"):
        if not getattr(source, name).strip():
            raise wrong(module, name, "is empty: state it")
    for name in ("packages", "styles"):
        for key, value in getattr(source, name).items():
            if not value.strip():
                raise wrong(module, name, f"{key!r} states no {'use' if name == 'packages' else 'licence'}")
    for function in KINDS[source.kind]:
        if not callable(getattr(module, function, None)):
            raise wrong(module, function, f"is missing: a source of kind {source.kind!r} has this function")
    return source


def wrong(module: ModuleType, field_name: str, why: str) -> DeclarationError:
    """The error about a field of a module's declaration."""
    return DeclarationError(f"{module.__file__}: {field_name}: {why}")
