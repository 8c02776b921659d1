"""The study's concepts: things of every source that draws and names some, and their texts in every language."""

import pandas as pd

from centurio_lib.data.sources import things


def texts() -> pd.DataFrame:
    """The `texts` table: every concept of every source in every language that names it."""
    return pd.DataFrame([row for source in things.modules().values() for row in source.texts()])


def drawings() -> pd.DataFrame:
    """Every drawing: columns concept, kind, style, svg."""
    rows = [{"concept": concept, "kind": kind, "style": style, "svg": svg}
            for kind, source in things.modules().items() for style in source.SOURCE.styles
            for concept, svg in source.drawings(style).items()]
    return pd.DataFrame(rows)


def usable(texts: pd.DataFrame, drawings_table: pd.DataFrame) -> dict[str, list[str]]:
    """Concepts by kind, in the order of their source: drawn in every style of the kind, and named in most languages.

    Most: at most two fewer than the concept of the kind that most languages name.
    """
    return {kind: _usable(texts[texts.kind == kind], drawings_table[drawings_table.kind == kind], source)
            for kind, source in things.modules().items()}


def _usable(named: pd.DataFrame, drawings_table: pd.DataFrame, source) -> list[str]:
    styles = drawings_table.groupby("concept")["style"].nunique()
    languages = named.groupby("concept").language.nunique()
    english = named[named.language == "en"].drop_duplicates("name").set_index("concept").name
    same = (named.name.str.lower() == named.concept.map(english).str.lower()).groupby(named.concept).mean()
    full = [c for c in english.index
            if styles.get(c) == len(source.SOURCE.styles) and languages[c] >= languages.max() - 2]
    return sorted(full, key=lambda concept: source.order(concept, english[concept], same[concept]))


def chosen(texts: pd.DataFrame, drawings_table: pd.DataFrame, counts: dict[str, int]) -> list[str]:
    """The first usable concepts of each kind; `counts` says how many (`data.concepts` of a profile).

    Raises ValueError for a kind that no source draws, and where there are fewer.
    """
    unknown = sorted(set(counts) - set(things.modules()))
    if unknown:
        raise ValueError(f"data.concepts names {unknown}: no source draws these; there are "
                         f"{', '.join(things.modules())}")
    known = usable(texts, drawings_table)
    for kind, n in counts.items():
        if len(known[kind]) < n:
            raise ValueError(f"data.concepts: {n} of kind {kind!r} asked for, but only {len(known[kind])} are drawn "
                             "and named")
    return [concept for kind in known for concept in known[kind][:counts.get(kind, 0)]]
