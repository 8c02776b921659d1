"""Things that are drawn in several styles and named in many languages: one file a source, found by itself."""

import sys
from functools import cache
from types import ModuleType

from centurio_lib.data import source


@cache
def modules() -> dict[str, ModuleType]:
    """The files of this folder by the name of their source. Raises source.DeclarationError for a wrong declaration."""
    return source.modules(sys.modules[__name__], "things")


def declared(name: str) -> source.Source:
    """Declaration of a source of things. Raises KeyError for an unknown source."""
    return modules()[name].SOURCE
