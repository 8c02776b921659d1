"""Sheets of English letters with their places, from which the small vision encoder learns to read.

SigLIP has met English text on the web's images before any study begins; these sheets stand in for that. Half of the
words are labels of SMPQA's training plots. The others are strings of letters as frequent as theirs, which hit a word of
the test by chance alone.
"""

import string
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from centurio_lib import image_file
from centurio_lib.data import artwork
from centurio_lib.data.sources import fonts
from centurio_lib.data.text_images import charts, photographs, smpqa, typesetting, unicode_text
from centurio_lib.params import Ocr
from centurio_lib.params.base_models import ReadingLesson

LETTERS = string.ascii_letters + string.digits  # class 0 is "no letter", then these
SLOTS = 3  # letters of one patch to predict, in reading order
LARGEST = 1.25  # times the smallest em
STRINGS, UPRIGHT = 0.5, 0.2  # shares: words that are strings, sheets turned by 90 degrees
NOISE = 6.0  # largest standard deviation, of 255
WEAR = Ocr(max_blur=0.03, max_noise=NOISE)
WEIGHTS = (300, 400, 400, 500, 700)


class Sheet(NamedTuple):
    """Ink of a page, 0 to 255, (pixels, pixels), and the classes of the letters of each patch, (patches, SLOTS).

    A plot has its colours in place of ink, (pixels, pixels, 3).
    """

    ink: np.ndarray
    letters: np.ndarray


@cache
def words() -> list[str]:
    """English words of SMPQA's training plots that have plain letters only."""
    return [word for word in smpqa.words("en", "train") if set(word) <= set(LETTERS)]


@cache
def frequencies() -> np.ndarray:
    """Frequency of each small letter in the training words, half evened out: (26,), summing to 1."""
    seen = "".join(words()).lower()
    counts = np.array([seen.count(letter) for letter in string.ascii_lowercase], float)
    return (counts / counts.sum() + 1 / 26) / 2


def word(random: np.random.Generator) -> str:
    """Draw a word, a string of letters or a number, in random case."""
    letters = words()[random.integers(len(words()))]
    if random.random() < STRINGS:
        letters = "".join(random.choice(list(string.ascii_lowercase), int(random.integers(2, 13)), p=frequencies()))
    case = random.random()
    return (letters.upper() if case < 0.1 else letters.capitalize() if case < 0.25
            else str(random.integers(1000)) if case < 0.3 else letters)


def sheet(random: np.random.Generator, pixels: int, patch: int, smallest: float) -> Sheet:
    """Draw a sheet full of words of at least `smallest` pixels an em; some sheets are turned upwards.

    Sheets are full, since each letter teaches. Sheets with few words and ems up to 1.8 times the smallest taught next
    to nothing in 3,000 steps.
    """
    em = float(np.exp(random.uniform(np.log(smallest), np.log(smallest * LARGEST))))
    style = typesetting.Style(str(random.choice(fonts.families("en"))), int(random.choice(WEIGHTS)))
    placed, letters, y, spacing = [], [], random.uniform(0, em), random.uniform(1.05, 1.5)
    while y + 1.2 * em < pixels:
        x = random.uniform(2, pixels / 8)
        while (line := typesetting.line(word(random), "en", style)).width * em + x < pixels - 1:
            baseline = y + line.ascent * em
            placed.append((line, x, baseline))
            letters += [(x + middle * em, baseline - 0.3 * em, letter) for letter, middle in middles(line.text, style)]
            x += (line.width + random.uniform(0.3, 1.2)) * em
        y += em * spacing
    ink = typesetting.mask(placed, em, (pixels, pixels))
    if random.random() < UPRIGHT:  # like labels of narrow columns, read from the bottom upwards
        turned = [(y, pixels - x, letter) for x, y, letter in letters]
        return Sheet(np.rot90(ink).copy(),
                     by_patch(sorted(turned, key=lambda at: (at[0] // (em / 2), -at[1])), pixels, patch))
    return Sheet(ink, by_patch(sorted(letters, key=lambda at: (at[1] // (em / 2), at[0])), pixels, patch))


def plot(random: np.random.Generator, pixels: int, patch: int, smallest: float) -> Sheet:
    """Draw a square chart with labels of at most `smallest` pixels an em; axis numbers have no label."""
    style = typesetting.Style(str(random.choice(fonts.families("en"))), int(random.choice(WEIGHTS)))
    chart = charts.configuration(str(random.choice(list(smpqa.KINDS))), random)._replace(aspect=1.0)
    labels = [typesetting.line(word(random), "en", style) for _ in chart.values]
    image, places = charts.drawn(chart, labels, pixels, smallest)
    letters = []
    for label, x, y, em, turn in places:  # y upwards
        along, up = em * np.cos(np.deg2rad(turn)), em * np.sin(np.deg2rad(turn))
        letters += [(x + at * along - 0.3 * up, pixels - y - at * up - 0.3 * along, letter)
                    for letter, at in middles(label.text, style)]
    upright = places[0][-1] != 0  # all labels of a chart are turned alike
    letters.sort(key=lambda at: (round(at[0]), -at[1]) if upright else (round(at[1]), at[0]))
    return Sheet(np.asarray(image), by_patch(letters, pixels, patch))


def middles(text: str, style: typesetting.Style) -> list[tuple[str, float]]:
    """Letters of a text and the place of their middles, in ems from the text's left end."""
    ends = np.cumsum([0.0, *typesetting.advances(text, "en", style, unicode_text.levels(text, False))])
    return list(zip(text, (ends[:-1] + ends[1:]) / 2, strict=True))


def by_patch(letters: list[tuple[float, float, str]], pixels: int, patch: int) -> np.ndarray:
    """Classes of the first letters of each patch, (patches, SLOTS), from letters and places in pixels."""
    side = pixels // patch
    classes, filled = np.zeros((side * side, SLOTS), np.int64), np.zeros(side * side, int)
    for x, y, letter in letters:
        at = min(int(y // patch), side - 1) * side + min(int(x // patch), side - 1)
        if filled[at] < SLOTS:
            classes[at, filled[at]] = LETTERS.index(letter) + 1
            filled[at] += 1
    return classes


def printed(ink: np.ndarray, random: np.random.Generator, reading: ReadingLesson) -> Image.Image:
    """Print ink in a dark colour on light or textured, perhaps worn, paper, with a little noise: RGB.

    A plot keeps its colours and gets noise.
    """
    if ink.ndim == 3:
        noisy = ink + random.standard_normal(ink.shape, dtype=np.float32) * random.uniform(0, NOISE)
        return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if random.random() < reading.paper_share:
        page = photographs.page(ink, random)
        return image_file.read(photographs.damage(page, reading.min_font_px, random, WEAR)) if reading.worn else page
    paper, colour = random.uniform(180, 255, 3), random.uniform(0, 110, 3)
    noise = random.standard_normal(ink.shape, dtype=np.float32)[..., None] * random.uniform(0, NOISE)
    pixels = paper + (colour - paper) * (ink[..., None] / 255) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def sheets(n: int, seed: int, pixels: int, patch: int, smallest: float, plots: float = 0.0) -> list[Sheet]:
    """Draw `n` sheets, each with its seed; a share `plots` of the sheets are plots."""
    return [(plot if i < round(plots * n) else sheet)(artwork.random_for(seed, "lettering", i), pixels, patch, smallest)
            for i in range(n)]
