"""An item's thing is the concept, picture or item that it asks about, a blind copy's that of the copied item.

Run: pytest tests/test_things.py
"""

import pandas as pd
import pytest

from centurio_lib import tables
from centurio_lib.evaluation import things


def item(item_id: str, concepts: list[str], images: list[str], split="new-style", number=0, **more) -> dict:
    """A row of the `items` table."""
    return {"task": "odd_one_out", "split": split, "language": "de", "item_id": item_id, "number": number,
            "images": images, "concepts": concepts, "prompt": "", "reference": "", "options": []} | more


def of(*items: dict) -> list[str]:
    return things.of(pd.DataFrame(items, columns=tables.SCHEMAS["items"].names)).tolist()


@pytest.mark.parametrize(("concepts", "images", "thing"), [
    (["cat"], ["cat/1"], "cat"), (["dog", "cat", "cat", "cat", "cat"], [*"abcde"], "cat"),
    (["dog", "cat"], [*"ab"], "dog"), ([], ["page/7"], "page/7"), ([], [], "text/0"),
], ids=["shown", "shown by most", "first of two", "picture", "text alone"])
def test_thing_is_what_most_pictures_show(concepts, images, thing):
    assert of(item("text/0", concepts, images)) == [thing]


def test_blind_copy_asks_about_the_thing_of_its_item():
    first, second = item("a/0", ["cat"], ["cat/1"]), item("a/1", ["dog"], ["dog/1"], number=1)
    copy = item("blind/1", ["sun"], ["sun/1"], split="blind", number=1)
    assert of(first, second, copy) == ["cat", "dog", "dog"]
    assert of(copy) == ["sun"], "without the item, what it shows"


def test_one_language_says_nothing_of_another():
    there = item("a/0", ["cat"], ["cat/1"])
    copy = item("blind/0", ["sun"], ["sun/1"], split="blind", language="fr")
    assert of(there, copy) == ["cat", "sun"]
