"""Synthetic documents: text of any language on a page, photographed badly. Label: the text as it is read.

Every sample is drawn from a seed of its own, so that one can be drawn again alone. A page shows running text, or a list
of names of things.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from centurio_lib.data import artwork
from centurio_lib.data.blind_copies import blind_copy, drawing
from centurio_lib.data.sources import fonts
from centurio_lib.data.splits import BLIND_EVERY
from centurio_lib.data.text_images import passages, photographs, typesetting, unicode_text
from centurio_lib.languages import language
from centurio_lib.params import Ocr
from centurio_lib.tables import BLIND

COLUMNS, COLUMN_SHARES = (1, 2, 3), (0.6, 0.28, 0.12)
NARROWEST = 7  # ems of a column
WEIGHTS = [300, 400, 400, 500, 700]  # of fonts
READ = "Read the text in the image."
PAGE_READ = "page_read"  # the task that asks it

Placed = tuple[typesetting.Line, float, float]  # a line, and the pixels of its left end on its baseline


class Sample(NamedTuple):
    """A document to draw. Its id seeds its drawing."""

    split: str
    language: str
    number: int

    @property
    def id(self) -> str:
        """Name of the sample and of its image."""
        return f"ocr/{self.split}/{self.language}/{self.number}"


class Document(NamedTuple):
    """A drawn sample; `lines` are its lines in reading order, `em` the size of its letters in pixels."""

    image: bytes
    text: str
    lines: list[str]
    columns: int
    em: float
    family: str


class Layout(NamedTuple):
    """How a square page is set, in a language. Lengths are in pixels."""

    code: str
    style: typesetting.Style
    side: int
    em: float
    margin: float
    columns: int
    spacing: float = 1.0  # of lines
    centred: bool = False

    @property
    def gap(self) -> float:
        """Space between two columns."""
        return self.em * 1.2

    @property
    def width(self) -> float:
        """Width of a column."""
        return (self.side - 2 * self.margin - self.gap * (self.columns - 1)) / self.columns

    def height(self, line: typesetting.Line) -> float:
        """Height that a line takes up."""
        return (line.ascent + line.descent) * self.em * self.spacing


def counts(codes: list[str], english: int, latin: int, other: int) -> dict[str, int]:
    """Number of samples of each language: of English, of each other in Latin script, of each in another."""
    numbers = {code: english if code == "en" else latin if language(code).latin else other for code in codes}
    return {code: n for code, n in numbers.items() if n}


def samples(numbers: dict[str, int], split: str) -> list[Sample]:
    """The samples of a split: so many of each language."""
    return [Sample(split, code, number) for code, n in numbers.items() for number in range(n)]


def document(sample: Sample, seed: int, options: Ocr) -> Document:
    """Draw one sample. Raises passages.NoText, fonts.FontError."""
    random = artwork.random_for(seed, sample.id)
    em = float(np.exp(random.uniform(np.log(options.min_font_px), np.log(options.max_font_px))))
    style = typesetting.Style(str(random.choice(fonts.families(sample.language))), int(random.choice(WEIGHTS)))
    side = options.image_size
    margin = side * random.uniform(0.03, 0.1)
    columns = _columns(random, (side - 2 * margin) / em)
    choice = passages.pool(sample.language, sample.split, random, options)
    layout = Layout(sample.language, style, side, em, margin, columns,
                    spacing=random.uniform(1.0, 1.15), centred=random.random() < 0.15)
    placed, texts_shown = fill(layout, choice, random, options.max_passages)
    sheet = photographs.page(typesetting.mask(placed, em, (side, side)), random)
    image = photographs.damage(photographs.photograph(sheet, random, options.max_tilt), em, random, options)
    return Document(image, "\n".join(texts_shown), [line.text for line, _, _ in placed], columns, em, style.family)


def fill(layout: Layout, choice: list[str], random: np.random.Generator,
         most: int | None = None) -> tuple[list[Placed], list[str]]:
    """Lines with places that fill a page column by column, and the shown part of each passage, `most` at the most.

    The page begins with any passage of the choice. A passage that is longer than the page shows one of its pages, each
    as likely as the others.
    """
    placed, texts_shown, column, y = [], [], 0, layout.margin
    first = int(random.integers(len(choice)))
    for step in range(min(int(random.integers(1, 2 + 6 * layout.columns)), most or 6 * layout.columns + 1)):
        text = choice[(first + step) % len(choice)]
        lines = typesetting.lines(text, layout.code, layout.width / layout.em, layout.style)
        if step == 0:  # somewhere within a long passage: all of it is shown in one sample or another
            lines = _from_some_page(layout, lines, random)
        set_on_page, column, y = place(layout, lines, column, y)
        placed += set_on_page
        texts_shown.append(_as_read(text, [line for line, _, _ in set_on_page]))
        y += layout.em * 0.4
        if len(set_on_page) < len(lines):
            break
    return placed, [text for text in texts_shown if text]


def place(layout: Layout, lines: list[typesetting.Line], column: int, y: float) -> tuple[list[Placed], int, float]:
    """The lines that fit on a page from a height of a column on, with their places; the column and height after them.

    The first column of a language that is written from the right is the rightmost.
    """
    placed, right = [], unicode_text.right_to_left(layout.code)
    for line in lines:
        height = layout.height(line)
        if y + height > layout.side - layout.margin:
            column, y = column + 1, layout.margin
        if column == layout.columns or y + height > layout.side - layout.margin:
            break
        from_left = layout.columns - 1 - column if right else column
        left = layout.margin + from_left * (layout.width + layout.gap)
        slack = layout.width - line.width * layout.em
        indent = slack / 2 if layout.centred else slack if right else 0
        placed.append((line, left + indent, y + line.ascent * layout.em))
        y += height
    return placed, column, y


def row(sample: Sample, seed: int, options: Ocr) -> dict:
    """A sample as a row of the `documents` table."""
    drawn = document(sample, seed, options)
    return {"image_id": sample.id, "language": sample.language, "script": language(sample.language).script,
            "split": sample.split, "text": drawn.text, "lines": len(drawn.lines), "columns": drawn.columns,
            "em": drawn.em, "family": drawn.family, "image": drawn.image}


def instructions(documents: pd.DataFrame) -> pd.DataFrame:
    """Documents as rows of the `instructions` table, with the request to read the text in its language."""
    rows = [{"sample_id": doc.image_id, "images": [doc.image_id], "concepts": [], "language": doc.language,
             "family": "read",
             "turns": [{"role": "user", "text": READ}, {"role": "assistant", "text": doc.text}], "text_heavy": True,
             "split": doc.split} for doc in documents.itertuples()]
    return pd.DataFrame(rows)


def items(documents: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The `items` table of some documents: read each; "blind" shows another page of its language for every third."""
    asked = []
    for _, rows in documents.groupby("language", sort=False):
        pages = list(rows.itertuples())
        seen = [_item(page, number) for number, page in enumerate(pages)]
        asked += seen
        for page, item in list(zip(pages, seen, strict=True))[::BLIND_EVERY]:
            others = [other.image_id for other in pages if other.text != page.text]
            draw = drawing(artwork.random_for(seed, BLIND, page.image_id))
            asked.append(blind_copy(item, f"{page.image_id}/{BLIND}", others, draw))
    return pd.DataFrame([item for item in asked if item])


def _item(page, number: int) -> dict:
    """A row of the `items` table: read a page, which has this number in its language."""
    return {"task": PAGE_READ, "split": page.split, "language": page.language, "item_id": page.image_id,
            "number": number, "images": [page.image_id], "concepts": [], "prompt": READ, "reference": page.text,
            "options": []}


def _from_some_page(layout: Layout, lines: list[typesetting.Line],
                    random: np.random.Generator) -> list[typesetting.Line]:
    """The lines of a passage from the start of one of the pages that it would fill."""
    per_page = max(1, layout.columns * int((layout.side - 2 * layout.margin) / layout.height(lines[0])))
    return lines[per_page * int(random.integers(-(-len(lines) // per_page))):]


def _as_read(text: str, set_on_page: list[typesetting.Line]) -> str:
    """The part of a passage that consecutive lines show, with the spaces at their breaks."""
    return text[set_on_page[0].start:set_on_page[-1].start + len(set_on_page[-1].text)] if set_on_page else ""


def _columns(random: np.random.Generator, ems: float) -> int:
    """Draw a number of columns for a page that is so wide."""
    number = int(random.choice(COLUMNS, p=COLUMN_SHARES))
    return max(1, min(number, int(ems // NARROWEST)))
