"""The study's concepts: which emoji and flags, drawn in which styles, and their texts in every language."""

import hashlib

import pandas as pd

from centurio_lib.data.sources import emoji, flags

SOURCES = {"emoji": emoji, "flag": flags}


def texts() -> pd.DataFrame:
    """The `texts` table: every concept of both kinds in every language that names it."""
    return pd.DataFrame(emoji.texts() + flags.texts())


def drawings() -> pd.DataFrame:
    """Every drawing: columns concept, kind, style, svg."""
    rows = [{"concept": concept, "kind": kind, "style": style, "svg": svg}
            for kind, source in SOURCES.items() for style in source.STYLES
            for concept, svg in source.drawings(style).items()]
    return pd.DataFrame(rows)


def usable(texts: pd.DataFrame, drawn: pd.DataFrame) -> dict[str, list[str]]:
    """Concepts that are drawn in every style of their kind and named in nearly as many languages as any of their kind.

    Emoji: one-word English names first, loanwords last (so that an answer tells its language), then by hash;
    flags by population, largest first.
    """
    found = {}
    for kind, source in SOURCES.items():
        mine = texts[texts.kind == kind]
        styles = drawn[drawn.kind == kind].groupby("concept")["style"].nunique()
        languages = mine.groupby("concept").language.nunique()
        english = mine[mine.language == "en"].drop_duplicates("name").set_index("concept").name
        full = [c for c in english.index if styles.get(c) == len(source.STYLES) and languages[c] >= languages.max() - 2]
        same = (mine.name.str.lower() == mine.concept.map(english).str.lower()).groupby(mine.concept).mean()
        found[kind] = sorted(full, key=lambda c: emoji_order(c, english[c], same[c])) if kind == "emoji" else full
    return found


def emoji_order(concept: str, english: str, same_as_english: float) -> tuple:
    """Sort key of an emoji: several words, a loanword in over a fifth of the languages, then a fixed shuffle."""
    return (len(english.replace("-", " ").split()) > 1, same_as_english > 0.2,
            hashlib.sha256(concept.encode()).hexdigest())


def chosen(texts: pd.DataFrame, drawn: pd.DataFrame, n_emoji: int, n_flags: int) -> list[str]:
    """The first `n_emoji` and `n_flags` usable concepts. Raises ValueError where there are fewer."""
    have = usable(texts, drawn)
    for kind, wanted in (("emoji", n_emoji), ("flag", n_flags)):
        if len(have[kind]) < wanted:
            raise ValueError(f"{wanted} concepts of kind {kind!r} asked for, but only {len(have[kind])} are drawn and "
                             "named")
    return have["emoji"][:n_emoji] + have["flag"][:n_flags]
