"""Items of the tasks about the study's pictures: subjects, wrong choices, images, blind copies.

Splits: `new-style` shows the held-out artwork style and asks for (concept, language) pairs that may be trained on;
`new-language` shows trained styles in placements never trained on and asks for pairs that no setup trains on; `blind`
repeats every third `new-style` item (at least one a language) with images of concepts that the item does not mention,
so that an answer loses only the information of the image. Each (task, language, split) has a random generator seeded by
its name, and reads no other language but English (whose keywords tell similar concepts, whose names tell equal ones).
So adding or removing a language does not change the items of the other languages.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import pandas as pd

from centurio_lib import tables
from centurio_lib.data.blind_copies import blind_copy
from centurio_lib.data.splits import BLIND_EVERY
from centurio_lib.evaluation.task import Task
from centurio_lib.tables import BLIND

NEW_STYLE, NEW_LANGUAGE = "new-style", "new-language"
ENGLISH_ITEMS = 4  # English is one column of every table and one language: it gets more items than any other language
COLUMNS = tables.SCHEMAS["items"].names


class Item(NamedTuple):
    """One question. `told`: concepts that the item shows or names, and that a blind copy must not show.

    `options`: the allowed answers of the model; empty for an open question.
    """

    images: list[str]
    concepts: list[str]  # concepts of the images, in order
    prompt: str
    reference: str
    told: set[str]
    options: tuple[str, ...] = ()


class Cell(NamedTuple):
    """Concepts, names and images of one language, split and kind of concept, from which items are drawn."""

    language: str
    names: dict[str, str]  # concept -> name, for all names of the language
    keywords: dict[str, list[str]]
    english: dict[str, str]
    subjects: list[str]  # concepts that the split may ask about
    images: dict[str, list[str]]  # concept -> images of the split
    alike: dict[str, list[str]]  # concept -> all others, most alike first
    random: Random


def items(task: Task, texts: pd.DataFrame, images: pd.DataFrame, held_out: set[tuple[str, str]], n: int,
          seed: int) -> pd.DataFrame:
    """The `items` table of a task: at most `n` items a language and split, and blind items.

    English gets up to `ENGLISH_ITEMS` times as many. The task's `write(cell, n)` makes the items of one cell.
    """
    texts, images = texts[texts.kind == task.kind], images[images.kind == task.kind]
    english = texts[texts.language == "en"]
    alike = similar(texts.drop_duplicates("concept"), english)
    images_of = {split: _images(images[images.split == split]) for split in (NEW_STYLE, NEW_LANGUAGE)}
    rows = []
    for code, words in texts.groupby("language"):
        for split, shown in images_of.items():
            subjects = [c for c in sorted(words.concept)
                        if c in shown and ((c, code) in held_out) == (split == NEW_LANGUAGE)]
            cell = Cell(code, _column(words, "name"), _column(words, "keywords"), _column(english, "name"), subjects,
                        shown, alike, Random(f"{seed}/{task.name}/{code}/{split}"))
            written = task.write(cell, n * ENGLISH_ITEMS if code == "en" else n)
            rows += [_row(task.name, split, code, number, item) for number, item in enumerate(written)]
            if split == NEW_STYLE:
                unseen = cell._replace(random=Random(f"{seed}/{task.name}/{code}/{BLIND}"))
                rows += [blind(unseen, item, _row(task.name, split, code, number, item))
                         for number, item in list(enumerate(written))[::BLIND_EVERY]]
    return pd.DataFrame(rows, columns=COLUMNS)


def _images(images: pd.DataFrame) -> dict[str, list[str]]:
    return {concept: sorted(ids) for concept, ids in images.groupby("concept").image_id}


def _column(words: pd.DataFrame, column: str) -> dict[str, Any]:
    return dict(sorted(zip(words.concept, words[column], strict=True)))


def _row(task: str, split: str, code: str, number: int, item: Item) -> dict:
    """An item as a row of the `items` table."""
    return {"task": task, "split": split, "language": code, "item_id": f"{task}/{split}/{code}/{number}",
            "number": number, "images": item.images, "concepts": item.concepts, "prompt": item.prompt,
            "reference": item.reference, "options": item.options}


def similar(concepts: pd.DataFrame, english: pd.DataFrame) -> dict[str, list[str]]:
    """Similar concepts of each concept: by overlap (Jaccard) of English keywords, then group, then hash."""
    words = {c: set(k) for c, k in zip(english.concept, english.keywords, strict=True)}
    group = dict(zip(concepts.concept, concepts.group, strict=True))

    def distance(one: str, other: str) -> tuple:
        first, second = words.get(one, set()), words.get(other, set())
        overlap = len(first & second) / max(1, len(first | second))
        return -overlap, group[one] != group[other], hashlib.sha256(f"{one}/{other}".encode()).hexdigest()

    return {one: sorted((c for c in group if c != one), key=lambda other: distance(one, other)) for one in group}


def telling(cell: Cell) -> Cell:
    """The cell without subjects whose name equals the English one, which hides the language of an answer."""
    if cell.language == "en":
        return cell
    differing = [c for c in cell.subjects if cell.names[c].casefold() != cell.english.get(c, "").casefold()]
    return cell._replace(subjects=differing)


def subjects(cell: Cell) -> Iterator[tuple[str, str]]:
    """Pairs (concept, image) in random order; every concept comes once before any comes again."""
    order = cell.random.sample(cell.subjects, len(cell.subjects))
    images = {concept: cell.random.sample(cell.images[concept], len(cell.images[concept])) for concept in order}
    for turn in range(max(map(len, images.values()), default=0)):
        yield from ((concept, images[concept][turn]) for concept in order if turn < len(images[concept]))


def negatives(cell: Cell, concept: str, n: int, besides: tuple[str, ...] = ()) -> list[str]:
    """The `n` (or fewer) concepts most similar to one, of different names and without `besides`."""
    taken = {cell.names[c].casefold() for c in (concept, *besides)}
    chosen: list[str] = []
    for other in cell.alike[concept]:
        name = cell.names.get(other, "").casefold()
        if len(chosen) < n and other in cell.images and name and name not in taken:
            taken.add(name)
            chosen.append(other)
    return chosen


def balanced(cell: Cell, options: Iterable, n: int) -> list:
    """Draw `n` answers in random order, with each option equally often (up to one)."""
    first = cell.random.sample(list(options), len(options))
    return cell.random.sample([first[i % len(first)] for i in range(n)], n)


def blind(cell: Cell, item: Item, row: dict) -> dict:
    """Blind copy of an item's row, with images of concepts that the item neither shows nor names.

    Raises ValueError without another concept with images.
    """
    told = {cell.names[c].casefold() for c in item.told}
    others = [c for c in cell.images if cell.names.get(c, "").casefold() not in told]
    if not others:
        raise ValueError(f"a blind item in {cell.language!r} needs an image of none of {sorted(item.told)}: "
                         "choose more concepts (`data.concepts` of the profile)")
    concept_of = {image: concept for concept in others for image in cell.images[concept]}

    def draw(images: Sequence[str], n: int) -> list[str]:
        concepts = cell.random.sample(others, n) if n <= len(others) else cell.random.choices(others, k=n)
        return [cell.random.choice(cell.images[concept]) for concept in concepts]

    item_id = row["item_id"].replace(f"/{row['split']}/", f"/{BLIND}/", 1)
    copy = blind_copy(row, item_id, list(concept_of), draw)
    return copy | {"concepts": [concept_of[image] for image in copy["images"]]}
