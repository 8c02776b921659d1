"""The 100 training languages of the paper (Table 7), with tier and the name in each data source.

Columns of `languages.csv`: `code`; `name` (English, as prompts use it); `script`; `tier` (T1..T5 of Joshi et al. 2020,
as the paper assigns them); `latin` (yes/no); `nllb` (NLLB-200 code, empty where NLLB lacks the language: Latin);
`first_setup` (first RQ1 setup that holds the language); and its name in each source, empty where the source lacks it:
`cldr` (Unicode CLDR annotations: names and keywords of emoji), `territories` (CLDR country names), `udhr`
(Universal Declaration of Human Rights), `cld2` (language identifier).
Source: arXiv 2501.05122, Table 7; coverage counted by `01_languages` in the packages that package.json names.

`tested_languages.csv` holds further languages of the benchmarks, with script and tier (0: Joshi's lowest, which
the paper's tables leave out). Codes are those of the paper's Tables 18 to 46; CVQA has one code for each language and
country.
"""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

CSV = Path(__file__).with_name("languages.csv")
TESTED = Path(__file__).with_name("tested_languages.csv")


class Language(NamedTuple):
    """One training language; see the module's docstring for the fields."""

    code: str
    name: str
    script: str
    tier: int
    latin: bool
    nllb: str
    first_setup: str
    cldr: str
    territories: str
    udhr: str
    cld2: str


class Tested(NamedTuple):
    """A test language outside the 100, or under another code; `glotlid` and `cld2` may be empty."""

    code: str
    name: str
    script: str
    tier: int
    glotlid: str
    cld2: str


@cache
def tested() -> dict[str, Tested]:
    """Test languages outside the 100, by code."""
    with TESTED.open(encoding="utf-8") as file:
        return {r["code"]: Tested(**(r | {"tier": int(r["tier"])})) for r in csv.DictReader(file)}


@cache
def languages() -> dict[str, Language]:
    """The 100 languages by code, in the paper's order (T5 first)."""
    with CSV.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {r["code"]: Language(**(r | {"tier": int(r["tier"]), "latin": r["latin"] == "yes"})) for r in rows}


def language(code: str) -> Language:
    """One language by code. Raises KeyError naming a code outside the 100."""
    if code not in languages():
        raise KeyError(f"unknown language code {code!r}: it is not one of the 100 of centurio_lib/languages.csv")
    return languages()[code]


def of_tiers(tiers: list[int]) -> list[str]:
    """Codes of the languages of some tiers, without English, which has a separate share."""
    return [c for c, lang in languages().items() if lang.tier in tiers and c != "en"]


def _known(code: str) -> Language | Tested:
    return tested()[code] if code in tested() else language(code)


def name_of(code: str) -> str:
    """English name of a trained or a tested language. Raises KeyError for an unknown code."""
    return _known(code).name


def script_of(code: str) -> str:
    """Script of a trained or a tested language. Raises KeyError for an unknown code."""
    return _known(code).script


def tier_label(code: str) -> str | None:
    """Column of a language in the paper's tables: "en", "T1".."T5"; None for tier 0.

    Raises KeyError for an unknown code.
    """
    tier = _known(code).tier
    return "en" if code == "en" else f"T{tier}" if tier else None
