"""Synthetic documents: running text of any language on a page, photographed badly. Label: the text as it is read.

Every sample is drawn from a seed of its own, so that one can be drawn again alone. Text for training and for evaluation
is disjoint. A page shows running text, or a list of names of things. Where a profile asks for `articles`, running text
comes from the hub too, from as many articles of each language's Wikipedia.
"""

import hashlib
import io
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from centurio_lib.data import artwork
from centurio_lib.data.blind_copies import blind_copy, drawing
from centurio_lib.data.sources import fonts, texts, things
from centurio_lib.data.splits import BLIND_EVERY
from centurio_lib.data.text_images import typesetting
from centurio_lib.languages import language, languages
from centurio_lib.params import Ocr
from centurio_lib.tables import BLIND

COLUMNS, COLUMN_SHARES = (1, 2, 3), (0.6, 0.28, 0.12)
NARROWEST = 7  # ems of a column
CONTRAST = 3.0  # least ratio of luminances of paper and ink (WCAG's for large text)
EVALUATION_SHARE = 0.2  # of the passages
MIN_JPEG_QUALITY = 55
READ = "Read the text in the image."
PAGE_READ = "page_read"  # the task that asks it


class NoText(LookupError):
    """A language for which no source has text."""


class Document(NamedTuple):
    """A drawn sample; `lines` are its lines in reading order, `em` the size of its letters in pixels."""

    image_id: str
    image: bytes
    text: str
    lines: list[str]
    columns: int
    em: float
    family: str


@cache
def passages(code: str, split: str, articles: int = 0) -> list[str]:
    """Texts of a language that training ("train") or evaluation ("test") may show, running text before names.

    A passage goes to a side by its own hash, in whatever language it occurs. One of "test" that also occurs within the
    training text of its language is left out. So is what no font can show in full. Raises NoText where there are none.
    """
    known = [text for text in known_texts(code, articles) if not typesetting.uncovered([text], code)]
    train = [text for text in known if not held_out(text)]
    seen = "\n".join(train).casefold()
    test = [text for text in known if held_out(text) and text.casefold() not in seen]
    of_split = {"train": train, "test": test}[split]
    if not of_split:
        raise NoText(f"{code}: no source has text for {split}: leave the language out (see 01_languages)")
    return of_split


@cache
def known_texts(code: str, articles: int = 0) -> list[str]:
    """All texts of a language, each once: running text, then names of things."""
    names = [name for source in things.modules().values() for name in source.labels(code)]
    return list(dict.fromkeys(typesetting.cleaned(text) for text in [*texts.paragraphs(code, articles), *names]))


def coverage(codes: list[str], articles: int = 0) -> pd.DataFrame:
    """Texts that fonts cover: columns code, language, script, font, texts, left_out, characters, missing."""
    rows = []
    for code in codes:
        known, of = known_texts(code, articles), language(code)
        seen = {text[start:end] for text in known
                for start, end in pairwise([0, *typesetting.boundaries(text, code, "character")])}
        missing = typesetting.uncovered(known, code)
        rows.append({"code": code, "language": of.name, "script": of.script, "font": fonts.families(code)[0],
                     "texts": len(known), "left_out": sum(any(c in text for c in missing) for text in known),
                     "characters": len(seen), "missing": " ".join(missing)})
    return pd.DataFrame(rows)


def held_out(text: str) -> bool:
    """Whether a text, or a label of a plot, belongs to evaluation, in whatever language it is."""
    digest = hashlib.sha256(text.casefold().encode()).digest()
    return int.from_bytes(digest[:4], "big") < EVALUATION_SHARE * 2**32


def with_text(articles: int = 0) -> list[str]:
    """Codes of the languages that documents can be drawn in, in the order of languages.csv."""
    return [code for code in languages() if any(source.covers(code, articles) for source in texts.modules().values())
            or any(source.covers(code) for source in things.modules().values())]


def chosen(options: Ocr) -> list[str]:
    """Codes of the languages that options name, or of all that have text.

    Raises KeyError for an unknown one, NoText for one without text, or without any for training or for evaluation.
    """
    for code in options.languages:
        if language(code).code not in with_text(options.wikipedia_articles):
            raise NoText(f"{code}: no source has text: leave it out of ocr.languages")
    codes = options.languages or with_text(options.wikipedia_articles)
    for code in codes:
        for split in ("train", "test"):
            passages(code, split, options.wikipedia_articles)
    return codes


def counts(codes: list[str], english: int, latin: int, other: int) -> dict[str, int]:
    """Number of samples of each language: of English, of each other in Latin script, of each in another."""
    numbers = {code: english if code == "en" else latin if language(code).latin else other for code in codes}
    return {code: n for code, n in numbers.items() if n}


def document(image_id: str, seed: int, options: Ocr) -> Document:
    """Draw one sample; `image_id` is "ocr/<split>/<language>/<number>". Raises NoText, fonts.FontError."""
    _, split, code, _ = image_id.split("/")
    random = artwork.random_for(seed, image_id)
    em = float(np.exp(random.uniform(np.log(options.min_font_px), np.log(options.max_font_px))))
    style = typesetting.Style(str(random.choice(fonts.families(code))), int(random.choice([300, 400, 400, 500, 700])))
    side = options.image_size
    margin = side * random.uniform(0.03, 0.1)
    columns = _columns(random, (side - 2 * margin) / em)
    placed, texts_shown = fill(code, split, style, random, em, options, margin, columns)
    ink = typesetting.mask(placed, em, (side, side))
    image = damage(photograph(page(ink, random), random, options.max_tilt), em, random, options)
    visible = [line.text for line, _, _ in placed]
    return Document(image_id, image, "\n".join(texts_shown), visible, columns, em, style.family)


def fill(code: str, split: str, style: typesetting.Style, random: np.random.Generator, em: float, options: Ocr,
         margin: float,
         columns: int) -> tuple[list[tuple[typesetting.Line, float, float]], list[str]]:
    """Lines with places (pixels) that fill a page column by column, and the shown part of each passage.

    A passage that is longer than the page shows one of its pages, each as likely as the others.
    """
    gap, side = em * 1.2, options.image_size
    width = (side - 2 * margin - gap * (columns - 1)) / columns
    choice, spacing = pool(code, split, random, options), random.uniform(1.0, 1.15)
    centred, right = random.random() < 0.15, typesetting.right_to_left(code)
    placed, texts_shown, column, y = [], [], 0, margin
    at = int(random.integers(len(choice)))
    for step in range(min(int(random.integers(1, 2 + 6 * columns)), options.max_passages or 6 * columns + 1)):
        set_lines = typesetting.lines(choice[(at + step) % len(choice)], code, width / em, style)
        if step == 0:  # somewhere within a long passage: all of it is shown in one sample or another
            height = (set_lines[0].ascent + set_lines[0].descent) * em * spacing
            per_page = max(1, columns * int((side - 2 * margin) / height))
            set_lines = set_lines[per_page * int(random.integers(-(-len(set_lines) // per_page))):]
        set_on_page = []
        for line in set_lines:
            height = (line.ascent + line.descent) * em * spacing
            if y + height > side - margin:
                column, y = column + 1, margin
            if column == columns or y + height > side - margin:
                break
            left = margin + (columns - 1 - column if right else column) * (width + gap)
            slack = width - line.width * em
            placed.append((line, left + (slack / 2 if centred else slack if right else 0), y + line.ascent * em))
            set_on_page.append(line)
            y += height
        texts_shown.append(_as_read(choice[(at + step) % len(choice)], set_on_page))
        y += em * 0.4
        if len(set_on_page) < len(set_lines):
            break
    return placed, [text for text in texts_shown if text]


def pool(code: str, split: str, random: np.random.Generator, options: Ocr) -> list[str]:
    """The passages that one document draws on, in order: running text with the chance that options say, or names,
    shuffled.
    """
    running, names = _kinds(code, split, options.wikipedia_articles)
    if running and (not names or random.random() < options.running_text_share):
        return running
    return [names[i] for i in random.permutation(len(names))]


@cache
def _kinds(code: str, split: str, articles: int) -> tuple[list[str], list[str]]:
    """Passages of running text, and names."""
    known, running = passages(code, split, articles), set(map(typesetting.cleaned, texts.paragraphs(code, articles)))
    return [text for text in known if text in running], [text for text in known if text not in running]


def ids(numbers: dict[str, int], split: str) -> list[str]:
    """Names of the samples of a split: so many of each language."""
    return [f"ocr/{split}/{code}/{number}" for code, n in numbers.items() for number in range(n)]


def row(image_id: str, seed: int, options: Ocr) -> dict:
    """A sample as a row of the `documents` table."""
    doc, (_, split, code, _) = document(image_id, seed, options), image_id.split("/")
    return {"image_id": image_id, "language": code, "script": language(code).script, "split": split,
            "text": doc.text, "lines": len(doc.lines), "columns": doc.columns, "em": doc.em,
            "family": doc.family, "image": doc.image}


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


def page(ink: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A sheet of textured paper with the ink on it: RGB of the same size as `ink`."""
    side = ink.shape[0]
    paper, colour = _colours(random)
    clouds = _clouds(random, side, int(random.integers(3, 40)))
    grain = clouds * random.uniform(0, 14) + random.normal(0, 0.7, (side, 1))
    sheet = paper[None, None, :] + grain[..., None]
    cover = (ink.astype(np.float32) / 255 * random.uniform(0.85, 1.0))[..., None]
    return Image.fromarray(np.clip(sheet * (1 - cover) + colour * cover, 0, 255).astype(np.uint8))


def photograph(sheet: Image.Image, random: np.random.Generator, tilt: float) -> Image.Image:
    """The sheet on a table, seen from a little aside; `tilt`: the largest shift of a corner, as a share of the side."""
    side = sheet.width
    clouds = _clouds(random, side, int(random.integers(2, 12)))
    table = np.clip(random.uniform(20, 235, 3) + clouds[..., None] * 30, 0, 255)
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], float)
    middle, angle = side / 2, random.normal(0, tilt)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = (corners - middle) @ turn * (1 - tilt) + middle + random.uniform(-tilt, tilt, (4, 2)) * side / 2
    coefficients = _perspective(seen, corners)
    bicubic = Image.Resampling.BICUBIC
    over = Image.new("L", sheet.size, 255).transform(sheet.size, Image.Transform.PERSPECTIVE, coefficients, bicubic)
    moved = sheet.transform(sheet.size, Image.Transform.PERSPECTIVE, coefficients, bicubic)
    return Image.composite(moved, Image.fromarray(table.astype(np.uint8)), over)


def damage(image: Image.Image, em: float, random: np.random.Generator, options: Ocr) -> bytes:
    """Shadow, blur, noise and JPEG; blur grows with the letters, so that small ones stay legible."""
    side = image.width
    if random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, options.max_blur) * em))
    pixels = np.asarray(image).astype(np.float32)
    slope = np.linspace(-1, 1, side, dtype=np.float32)
    shade = 1 + random.uniform(0, 0.2) * (random.normal() * slope[None, :] + random.normal() * slope[:, None]) / 2
    noise = random.standard_normal((side, side), dtype=np.float32) * random.uniform(0, options.max_noise)
    image = Image.fromarray(np.clip(pixels * shade[..., None] + noise[..., None], 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(random.integers(MIN_JPEG_QUALITY, 96)))
    return buffer.getvalue()


def _as_read(text: str, set_on_page: list[typesetting.Line]) -> str:
    """The part of a passage that consecutive lines show, with the spaces at their breaks."""
    return text[set_on_page[0].start:set_on_page[-1].start + len(set_on_page[-1].text)] if set_on_page else ""


def _columns(random: np.random.Generator, ems: float) -> int:
    number = int(random.choice(COLUMNS, p=COLUMN_SHARES))
    return max(1, min(number, int(ems // NARROWEST)))


def _colours(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colours of paper and ink that are far enough apart to read; sometimes light on dark."""
    while True:
        paper = random.uniform(200, 255) + random.uniform(-25, 10, 3)
        ink = random.uniform(0, 110, 3) if random.random() < 0.5 else np.full(3, random.uniform(0, 80))
        if random.random() < 0.15:
            paper, ink = ink, paper
        if _contrast(paper, ink) >= CONTRAST:
            return np.clip(paper, 0, 255), np.clip(ink, 0, 255)


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Ratio of the luminances of two colours, the lighter above (WCAG 2)."""
    low, high = sorted(float((np.clip(c, 0, 255) / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def _clouds(random: np.random.Generator, side: int, cells: int) -> np.ndarray:
    """Smooth noise of so many cells a side, about -1..1: (side, side)."""
    coarse = Image.fromarray(random.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


def _perspective(seen: np.ndarray, corners: np.ndarray) -> list[float]:
    """Coefficients that take a place in the photograph, where `seen` are the sheet's `corners`, to the sheet."""
    rows = [row for (x, y), (u, v) in zip(seen, corners, strict=True)
            for row in ((x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y))]
    return np.linalg.solve(np.array(rows), corners.reshape(8)).tolist()
