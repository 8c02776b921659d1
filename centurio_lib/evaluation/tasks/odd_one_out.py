"""Find the one of five images that does not show a concept named in a language (the form of VLOD)."""

from itertools import islice

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance, metrics, synthetic_items
from centurio_lib.evaluation.task import PICTURES, Task, one_by_one

OPTIONS = prompts.LETTERS[:5]


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split; the odd image has each place equally often."""
    pairs = ((concept, synthetic_items.negatives(cell, concept, 1)) for concept, _ in synthetic_items.subjects(cell))
    complete = [(concept, odd[0]) for concept, odd in islice((pair for pair in pairs if pair[1]), n)]
    letters = synthetic_items.balanced(cell, OPTIONS, len(complete))
    return [item(cell, *pair, letter) for pair, letter in zip(complete, letters, strict=True)]


def item(cell: synthetic_items.Cell, concept: str, odd: str, letter: str) -> synthetic_items.Item:
    """One item whose answer is a given letter; images repeat only where the split has fewer than four."""
    alike = cell.random.sample(cell.images[concept], len(cell.images[concept]))
    images, place = [alike[i % len(alike)] for i in range(4)], OPTIONS.index(letter)
    concepts = [concept] * 4
    images.insert(place, cell.random.choice(cell.images[odd]))
    concepts.insert(place, odd)
    return synthetic_items.Item(
        images, concepts, prompts.odd_one_out(cell.language, cell.names[concept]), letter, {concept, odd}
    )


TASK = Task(
    name="odd_one_out",
    group=PICTURES,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.among(len(OPTIONS)),
    max_new_tokens=4,
    kind="emoji",
    write=write,
)
