"""Choose the name of an image among four names, three of similar concepts (the form of BIN-MC)."""

from itertools import islice

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance, metrics, synthetic_items
from centurio_lib.evaluation.task import PICTURES, Task, one_by_one

OPTIONS = 4


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split; the right answer has each place equally often."""
    asked = (
        (concept, image, synthetic_items.negatives(cell, concept, OPTIONS - 1))
        for concept, image in synthetic_items.subjects(cell)
    )
    full = list(islice((one for one in asked if len(one[2]) == OPTIONS - 1), n))
    places = synthetic_items.balanced(cell, range(OPTIONS), len(full))
    return [item(cell, *one, place) for one, place in zip(full, places, strict=True)]


def item(cell: synthetic_items.Cell, concept: str, image: str, wrong: list[str], place: int) -> synthetic_items.Item:
    """One item whose answer stands in a given place among the options."""
    options = cell.random.sample(wrong, OPTIONS - 1)
    options.insert(place, concept)
    names = [cell.names[c] for c in options]
    return synthetic_items.Item(
        [image], [concept], prompts.choice(cell.language, names), cell.names[concept], set(options), tuple(names)
    )


TASK = Task(
    name="multiple_choice",
    group=PICTURES,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(OPTIONS),
    max_new_tokens=32,  # long enough for any name, since an answer among options ends by itself
    kind="emoji",
    write=write,
)
