"""HTML of notebooks without what could act in a browser: scripts, handlers, forms, frames, addresses of others.

Texts of models and pages of others' notebooks are data. Whatever markup is not on the list is left out, its text stays.
"""

import re

import bleach

TAGS = ("a b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s small "
        "span strong sub summary sup table tbody td tfoot th thead tr u ul wbr").split()
SHARED = ["class", "id", "dir", "lang", "title"]  # attributes of any tag
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")  # bytes, no address
ACTIVE = re.compile(r"<(style|script)\b.*?</\1\s*>", re.S | re.I)  # their content is no text


def safe(html: str) -> str:
    """The markup of a page that a reader sees, and no other. A picture is one whose bytes stand in the page."""
    return bleach.clean(ACTIVE.sub("", html), tags=TAGS, attributes=_kept, protocols={"http", "https", "data"},
                        strip=True)


def _kept(tag: str, name: str, value: str) -> bool:
    """Whether an attribute is kept."""
    if tag == "img":
        return name in ("alt", "width", "height") or (name == "src" and bool(PICTURE.fullmatch(value)))
    if tag == "a" and name == "href":
        return not value.strip().lower().startswith("data:")
    return name in SHARED or (tag in ("td", "th") and name in ("colspan", "rowspan", "align", "valign"))
