"""Held-out data, never trained on: one artwork style, and some concepts of each language.

`new-style` items show the held-out style. `new-language` items ask for a (concept, language) pair that no setup ever
trains on. These pairs are fixed here, before any mix is made.
"""

import hashlib

import pandas as pd

from centurio_lib.params import Data

Pairs = set[tuple[str, str]]
BLIND_EVERY = 3  # of the items of a test, each third is asked blind too


def held_out_pairs(texts: pd.DataFrame, data: Data) -> Pairs:
    """The (concept, language) pairs kept for testing: a share of each language's concepts, by hash."""
    pairs: Pairs = set()
    for (code, _), group in texts.groupby(["language", "kind"]):
        ranked = sorted(group.concept, key=lambda c: hashlib.sha256(f"{data.seed}/{code}/{c}".encode()).hexdigest())
        pairs |= {(concept, str(code)) for concept in ranked[:round(data.held_out_pairs * len(ranked))]}
    return pairs


def image_split(style: str, variant: int, data: Data) -> str | None:
    """Split of an image: "train", "new-style", "new-language", or None where it is not needed.

    A placement that training may draw on is `variant` < `data.variants`; later ones are for tests only.
    """
    is_test = variant >= data.variants
    if style == data.held_out_style:
        return "new-style" if is_test else None
    return "new-language" if is_test else "train"
