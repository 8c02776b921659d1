"""Running text in many languages: one file a source, found by itself."""

import sys
from functools import cache
from types import ModuleType

from centurio_lib.data import source
from centurio_lib.languages import languages


@cache
def modules() -> dict[str, ModuleType]:
    """The files of this folder by the name of their source. Raises source.DeclarationError for a wrong declaration."""
    return source.modules(sys.modules[__name__], "running text")


def paragraphs(code: str, articles: int = 0) -> list[str]:
    """Paragraphs of a language from all sources; `articles`: how many long texts are fetched from the hub."""
    return [text for module in modules().values() for text in module.paragraphs(code, articles)]


def by_language() -> dict[str, list[str]]:
    """Paragraphs from the packaged sources by language code, for languages that have any."""
    texts_of = {code: paragraphs(code) for code in languages()}
    return {code: texts for code, texts in texts_of.items() if texts}
