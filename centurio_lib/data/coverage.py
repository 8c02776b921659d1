"""Coverage of the 100 languages by each source, and the licence of each source.

Only names that are in the language count. A source may fill a gap with another language's words. Files that do so
throughout are not used: languages.csv leaves their names empty (CLDR's Cebuano is English, its Haitian French). A name
equal to the English one is counted apart: it may be a loanword, or may be missing a translation.
"""

from importlib import metadata

import pandas as pd

from centurio_lib.data.sources import packages, registry, texts, things
from centurio_lib.languages import languages, tier_label

# comes as a Python package, so it is locked in requirements.lock
IDENTIFIER = {"package": "pycld2", "licence": "Apache-2.0", "use": "language identifier (cld2)"}


def table(named: pd.DataFrame) -> pd.DataFrame:
    """One row for each of the 100 languages, in the order of languages.csv; `named` is concepts.texts().

    Columns are code, name, script, group (en, T5..T1). Each kind of thing has `<kind>_names`, its names that differ
    from English (for English: all), and `<kind>_as_english`, the others. Then come keywords, paragraphs of running
    text, and the language's code for identifier and nllb ("" where it is unknown). Raises packages.PackageError where
    an archive is missing.
    """
    known = pd.DataFrame([{"code": code, "name": lang.name, "script": lang.script, "group": tier_label(code),
                           "identifier": lang.cld2, "nllb": lang.nllb} for code, lang in languages().items()])
    paragraphs = pd.Series({code: len(found) for code, found in texts.by_language().items()}, name="paragraphs")
    counted = counts(named).join(paragraphs, how="outer").reindex(known.code).fillna(0).astype(int)
    covered = known.join(counted, on="code")
    return covered[["code", "name", "script", "group", *counted, "identifier", "nllb"]]


def counts(named: pd.DataFrame) -> pd.DataFrame:
    """Names and keywords by language, those equal to English apart; `named` is the table `texts` (tables.py)."""
    english = named[named.language == "en"].set_index("concept")
    same = (named.name.str.casefold() == named.concept.map(english.name).str.casefold()) & (named.language != "en")
    columns = {}
    for kind in things.modules():
        of_kind = named.kind == kind
        columns[f"{kind}_names"] = (of_kind & ~same).groupby(named.language).sum()
        columns[f"{kind}_as_english"] = (of_kind & same).groupby(named.language).sum()
    columns["keywords"] = own_keywords(named, english.keywords).groupby(named.language).sum()
    return pd.DataFrame(columns)


def own_keywords(named: pd.DataFrame, english: pd.Series) -> pd.Series:
    """Number of keywords in each row that are no English keyword of the same concept; in English all."""
    of_english = english.map(lambda words: {word.casefold() for word in words}).to_dict()
    rows = zip(named.concept, named.language, named.keywords, strict=True)
    return pd.Series([sum(code == "en" or word.casefold() not in of_english.get(concept, ()) for word in words)
                      for concept, code, words in rows], index=named.index)


def without_captions(covered: pd.DataFrame) -> list[str]:
    """Codes of the languages in which no source names a drawn concept."""
    columns = [f"{kind}_{counted}" for kind in things.modules() for counted in ("names", "as_english")]
    return covered.code[covered[columns].sum(axis=1) == 0].tolist()


def licences() -> pd.DataFrame:
    """Every package of images and text: columns package, version, licence, use.

    Raises source.DeclarationError for a package whose use no source states, or that is not locked.
    """
    locked = packages.locked()
    rows = [{"package": name, "version": locked[name]["version"], "licence": locked[name]["license"], "use": use}
            for name, use in registry.uses().items()]
    return pd.DataFrame([*rows, IDENTIFIER | {"version": metadata.version(IDENTIFIER["package"])}])
