"""Say whether two images show two names in a language: true or false (the form of MaRVL)."""

from collections.abc import Iterator
from itertools import islice

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance, metrics, synthetic_items
from centurio_lib.evaluation.task import PICTURES, Task, one_by_one

ANSWERS = ["true", "false"]


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split, half of them true. Both shown concepts are subjects of the split."""
    subjects = list(islice(pairs(cell), n))
    answers = synthetic_items.balanced(cell, ANSWERS, len(subjects))
    return [item(cell, *pair, answer) for pair, answer in zip(subjects, answers, strict=True)]


def pairs(cell: synthetic_items.Cell) -> Iterator[tuple[list[str], list[str], str]]:
    """Pairs of concepts with different names, an image of each, and a wrong name for the first."""
    for first, image in synthetic_items.subjects(cell):
        others = [c for c in cell.subjects if cell.names[c].casefold() != cell.names[first].casefold()]
        second = cell.random.choice(others) if others else first
        wrong = synthetic_items.negatives(cell, first, 1, besides=(second,))
        if others and wrong:
            yield [first, second], [image, cell.random.choice(cell.images[second])], wrong[0]


def item(
    cell: synthetic_items.Cell, concepts: list[str], images: list[str], wrong: str, answer: str
) -> synthetic_items.Item:
    """One item with a given answer; the images come in random order, and so do the names."""
    named = [wrong, concepts[1]] if answer == "false" else concepts
    concepts, images = zip(*cell.random.sample(list(zip(concepts, images, strict=True)), 2), strict=True)
    prompt = prompts.pair(cell.language, [cell.names[c] for c in cell.random.sample(named, 2)])
    return synthetic_items.Item(list(images), list(concepts), prompt, answer, {*concepts, wrong})


TASK = Task(
    name="image_pair",
    group=PICTURES,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=4,
    kind="emoji",
    write=write,
)
