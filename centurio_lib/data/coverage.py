"""What each source covers of each of the 100 languages, and the licence that each source comes under.

Only names that are in the language count. A source may fill a gap with another language's words: files that do so
throughout are not used at all (languages.csv leaves their names empty: CLDR's Cebuano is English, its Haitian French),
and a name equal to the English one is counted apart, since it may be a loanword or may be missing a translation.
"""

from importlib import metadata

import pandas as pd

from centurio_lib.data.sources import fonts, packages, udhr
from centurio_lib.languages import languages, tier_label

NAMES = {"emoji": "emoji_names", "flag": "country_names"}  # column of each kind of concept
# what each locked package gives to the study
USES = {
    "@iconify-json/noto": "drawings of emoji; which things are animals, food, ...",
    "@iconify-json/twemoji": "drawings of emoji and flags: the held-out style",
    "@iconify-json/fluent-emoji-flat": "drawings of emoji",
    "@iconify-json/openmoji": "drawings of emoji and flags",
    "@iconify-json/flag": "drawings of flags",
    "@iconify-json/circle-flags": "drawings of flags",
    "cldr-annotations-full": "names and keywords of emoji",
    "cldr-annotations-derived-full": "names of countries in Occitan",
    "cldr-localenames-full": "names of countries",
    "cldr-core": "which territories there are, and their population",
    "udhr": "running text: the Universal Declaration of Human Rights",
    "tabulator-tables": "tables of the report that sort and filter (no data)",
} | {fonts.package(family): f"font of {', '.join(scripts)}" for family, scripts in fonts.scripts().items()}
# comes as a Python package, so it is locked in requirements.lock
IDENTIFIER = {"package": "pycld2", "licence": "Apache-2.0", "use": "language identifier (cld2)"}


def table(texts: pd.DataFrame) -> pd.DataFrame:
    """A row for each of the 100 languages, in the order of languages.csv; `texts` is the whole of concepts.texts().

    Columns: code, name, script, group (en, T5..T1); emoji_names, keywords and country_names that differ from English
    (of English itself: all); emoji_as_english, countries_as_english; paragraphs of the declaration; identifier and nllb
    (the language's code there, "" where it is unknown). Raises packages.PackageError where an archive is missing.
    """
    known = pd.DataFrame([{"code": code, "name": lang.name, "script": lang.script, "group": tier_label(code),
                           "identifier": lang.cld2, "nllb": lang.nllb} for code, lang in languages().items()])
    prose = pd.Series({code: len(texts) for code, texts in udhr.paragraphs().items()}, name="paragraphs")
    counted = counts(texts).join(prose, how="outer").reindex(known.code).fillna(0).astype(int)
    found = known.join(counted, on="code")
    return found[["code", "name", "script", "group", *counted, "identifier", "nllb"]]


def counts(texts: pd.DataFrame) -> pd.DataFrame:
    """Names and keywords by language, those equal to English apart; `texts` is the table of that name (tables.py)."""
    english = texts[texts.language == "en"].set_index("concept")
    is_english = texts.language == "en"
    same = (texts.name.str.casefold() == texts.concept.map(english.name).str.casefold()) & ~is_english
    found = {}
    for kind, column in NAMES.items():
        mine = texts.kind == kind
        found[column] = (mine & ~same).groupby(texts.language).sum()
        found[f"{kind}_as_english"] = (mine & same).groupby(texts.language).sum()
    found["keywords"] = own_keywords(texts, english.keywords).groupby(texts.language).sum()
    columns = ["emoji_names", "emoji_as_english", "keywords", "country_names", "countries_as_english"]
    return pd.DataFrame(found).rename(columns={"flag_as_english": "countries_as_english"})[columns]


def own_keywords(texts: pd.DataFrame, english: pd.Series) -> pd.Series:
    """Number of keywords in each row of `texts` that are no English keyword of the same concept; in English all."""
    given = english.map(lambda words: {word.casefold() for word in words}).to_dict()
    rows = zip(texts.concept, texts.language, texts.keywords, strict=True)
    return pd.Series([sum(code == "en" or word.casefold() not in given.get(concept, ()) for word in words)
                      for concept, code, words in rows], index=texts.index)


def without_captions(covered: pd.DataFrame) -> list[str]:
    """Codes of the languages in which no source names anything that can be drawn."""
    names = covered[["emoji_names", "emoji_as_english", "country_names", "countries_as_english"]].sum(axis=1)
    return covered.code[names == 0].tolist()


def licences() -> pd.DataFrame:
    """Every source of images and text: columns package, version, licence, use.

    Raises ValueError naming packages of the lock whose use is not stated in `USES`, or stated without being locked.
    """
    locked = packages.locked()
    if set(locked) != set(USES):
        differing = sorted(set(locked) ^ set(USES))
        raise ValueError(f"package.json and coverage.USES differ in {differing}: state the use of each")
    rows = [{"package": name, "version": locked[name]["version"], "licence": locked[name]["license"], "use": use}
            for name, use in USES.items()]
    return pd.DataFrame([*rows, IDENTIFIER | {"version": metadata.version(IDENTIFIER["package"])}])
