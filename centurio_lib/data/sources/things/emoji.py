"""Emoji: openly licensed drawings in several styles, named by people in 82 of the 100 languages (Unicode CLDR).

A concept is an emoji without its variation selector, written as its code points ("1f415" is the dog).
"""

import hashlib
import json
from functools import cache

from centurio_lib.data.source import Source
from centurio_lib.data.sources import packages
from centurio_lib.languages import language, languages

SOURCE = Source(
    name="emoji", kind="things", origin="Unicode CLDR", licence="Unicode-3.0", use="names, keywords", share=0.7,
    styles={"noto": "Apache-2.0", "twemoji": "CC-BY-4.0", "fluent-emoji-flat": "MIT", "openmoji": "CC-BY-SA-4.0"},
    packages={
        "@iconify-json/noto": "drawings of emoji; which things are animals, food, ...",
        "@iconify-json/twemoji": "drawings of emoji and flags: the held-out style",
        "@iconify-json/fluent-emoji-flat": "drawings of emoji",
        "@iconify-json/openmoji": "drawings of emoji and flags",
        "cldr-annotations-full": "names and keywords of emoji",
    })
# things that can be drawn and named; faces, people and abstract symbols are left out: their names describe conventions
GROUPS = ["Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects"]
KEYWORDS = 4


def drawings(style: str) -> dict[str, str]:
    """SVG of each concept in a style."""
    names = ("icons.json", "chars.json")
    files = packages.read(f"@iconify-json/{style}", lambda n: n in names)
    icons, characters = (json.loads(files[name]) for name in names)
    width, height = icons.get("width", 16), icons.get("height", 16)
    aliases = icons.get("aliases", {})
    svgs = {}
    for code, name in characters.items():
        icon = icons["icons"].get(name) or icons["icons"].get(aliases.get(name, {}).get("parent"))
        if icon:
            box = f"0 0 {icon.get('width', width)} {icon.get('height', height)}"
            svgs[code] = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{icon["body"]}</svg>'
    return svgs


@cache
def annotations() -> dict[str, dict]:
    """CLDR's name (`tts`) and keywords (`default`) of each emoji, by locale then by character without U+FE0F."""
    locales = {lang.cldr for lang in languages().values() if lang.cldr}
    files = packages.read("cldr-annotations-full",
                          lambda n: n.endswith("/annotations.json") and n.split("/")[-2] in locales)
    tables = {name.split("/")[-2]: json.loads(content)["annotations"]["annotations"] for name, content in files.items()}
    return {locale: {c.replace("\ufe0f", ""): entry for c, entry in table.items()} for locale, table in tables.items()}


def character(concept: str) -> str:
    """The emoji itself, without U+FE0F."""
    return "".join(chr(int(code, 16)) for code in concept.split("-")).replace("\ufe0f", "")


def groups() -> dict[str, str]:
    """Group of each concept that belongs to `GROUPS`."""
    categories = packages.read_json("@iconify-json/noto", "metadata.json")["categories"]
    characters = packages.read_json("@iconify-json/noto", "chars.json")
    codes = {name: code for code, name in reversed(characters.items())}
    return {codes[name]: group for group in GROUPS for name in categories[group] if name in codes}


def texts() -> list[dict]:
    """Rows of the `texts` table: each concept's name and first keywords in each language that names it."""
    rows = []
    for concept, group in groups().items():
        for code, lang in languages().items():
            entry = annotations().get(lang.cldr, {}).get(character(concept), {})
            if entry.get("tts"):
                name = entry["tts"][0]
                keywords = [k for k in entry.get("default", []) if k.casefold() != name.casefold()][:KEYWORDS]
                rows.append({"concept": concept, "kind": "emoji", "group": group, "language": code,
                             "name": name, "keywords": keywords})
    return rows


def labels(code: str, keywords: bool = False) -> list[str]:
    """Name of each emoji that CLDR names in a language; or all its names, each emoji's followed by its keywords."""
    entries = annotations().get(language(code).cldr, {}).values() if covers(code) else []
    if keywords:
        return [text for entry in entries for text in [*entry.get("tts", []), *entry.get("default", [])]]
    return [entry["tts"][0] for entry in entries if entry.get("tts")]


def covers(code: str) -> bool:
    """Whether emoji have names in a language."""
    return bool(language(code).cldr)


def order(concept: str, english: str, same_as_english: float) -> tuple:
    """Sort key of a concept: one word before several, loanwords (as in English in over 20 % of languages) last.

    Then a fixed shuffle. `english`: its English name.
    """
    return (len(english.replace("-", " ").split()) > 1, same_as_english > 0.2,
            hashlib.sha256(concept.encode()).hexdigest())
