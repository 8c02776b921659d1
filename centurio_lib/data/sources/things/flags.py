"""Flags: openly licensed drawings in several styles; the country's name is CLDR's, in 88 of the 100 languages.

A concept is a territory's ISO code ("DE"); the largest population comes first.
"""

import json
import re
from functools import cache

from centurio_lib.data.source import Source
from centurio_lib.data.sources import packages
from centurio_lib.data.sources.things import emoji
from centurio_lib.languages import language, languages

SOURCE = Source(
    name="flag", kind="things", origin="Unicode CLDR", licence="Unicode-3.0", use="names, keywords", share=0.3,
    question="country", described=False,
    styles={"flag": "MIT", "circle-flags": "MIT",
            **{style: emoji.SOURCE.styles[style] for style in ("twemoji", "openmoji")}},
    packages={
        "@iconify-json/flag": "drawings of flags",
        "@iconify-json/circle-flags": "drawings of flags",
        "cldr-annotations-derived-full": "names of countries in Occitan",
        "cldr-localenames-full": "names of countries",
        "cldr-core": "which territories there are, and their population",
    })


def emoji_code(territory: str) -> str:
    """Code points of a territory's flag emoji, as emoji sets file it."""
    return "-".join(f"{0x1F1E6 + ord(letter) - ord('A'):x}" for letter in territory)


def drawings(style: str) -> dict[str, str]:
    """SVG of each territory's flag in a style."""
    if style in emoji.SOURCE.styles:
        svgs = emoji.drawings(style)
        return {t: svgs[emoji_code(t)] for t in populations() if emoji_code(t) in svgs}
    icons = packages.read_json(f"@iconify-json/{style}", "icons.json")
    width, suffix = (640, "-4x3") if style == "flag" else (512, "")
    box = {t: icons["icons"].get(f"{t.lower()}{suffix}") for t in populations()}
    return {t: f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {icon.get("width", width)} '
               f'{icon.get("height", 480 if suffix else 512)}">{icon["body"]}</svg>' for t, icon in box.items() if icon}


@cache
def populations() -> dict[str, int]:
    """Population of each territory that has a two-letter code, largest first (CLDR)."""
    info = packages.read_json("cldr-core", "supplemental/territoryInfo.json")["supplemental"]["territoryInfo"]
    counts = {t: int(entry["_population"]) for t, entry in info.items() if re.fullmatch("[A-Z]{2}", t)}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


@cache
def territory_names() -> dict[str, dict[str, str]]:
    """Names of territories by language code."""
    files = packages.read("cldr-localenames-full", lambda n: n.endswith("/territories.json"))
    names = {}
    for code, lang in languages().items():
        content = files.get(f"main/{lang.territories}/territories.json")
        if lang.territories and code != "oc":
            names[code] = json.loads(content)["main"][lang.territories]["localeDisplayNames"]["territories"]
    return names | {"oc": occitan_names()}


def occitan_names() -> dict[str, str]:
    """CLDR names countries in Occitan only inside the names of flags ("bandièra: Japon")."""
    content = packages.read_json("cldr-annotations-derived-full", "annotationsDerived/oc/annotations.json")
    flags = content["annotationsDerived"]["annotations"]
    names = {t: flags.get(emoji.character(emoji_code(t)), {}).get("tts", [""])[0] for t in populations()}
    return {t: name.split(":", 1)[1].strip() for t, name in names.items() if ":" in name}


def texts() -> list[dict]:
    """Rows of the `texts` table: each territory's name in each language; a flag has no keywords."""
    names = territory_names()
    return [{"concept": territory, "kind": "flag", "group": "Flags", "language": code, "name": names[code][territory],
             "keywords": []}
            for territory in populations() for code in names if names[code].get(territory, territory) != territory]


def labels(code: str, keywords: bool = False) -> list[str]:
    """Names of all countries that CLDR names in a language; flags have no keywords."""
    return [name for key, name in territory_names()[code].items() if len(key) == 2] if covers(code) else []


def covers(code: str) -> bool:
    """Whether countries have names in a language."""
    return bool(language(code).territories)


def order(concept: str, english: str, same_as_english: float) -> tuple:
    """Sort key of a concept: none, so that territories stay in the order of their population."""
    return ()
