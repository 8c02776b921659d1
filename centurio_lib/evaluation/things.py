"""The thing that an item asks about: items of different languages and tasks that share a thing are not independent."""

import pandas as pd

from centurio_lib.tables import BLIND

ASKED = ["task", "language", "number"]  # a blind copy shares these with the item that it copies


def of(items: pd.DataFrame) -> pd.Series:
    """The thing behind each row of an `items` table.

    The concept that most of its pictures show, the first on a tie; without concepts the first picture, as a page or a
    photograph; without pictures the item itself. A blind copy asks about the thing of the item that it copies.
    """
    own = pd.Series([_thing(item) for item in items.itertuples()], items.index, dtype=object)
    blind = items.split == BLIND
    copied = items[~blind].assign(thing=own[~blind]).drop_duplicates(ASKED)[[*ASKED, "thing"]]
    there = items[ASKED].merge(copied, how="left", on=ASKED).thing.set_axis(items.index)
    return own.where(~blind, there.fillna(own))


def _thing(item) -> str:
    concepts = list(item.concepts)
    if concepts:
        return max(concepts, key=concepts.count)
    return item.images[0] if len(item.images) else item.item_id
