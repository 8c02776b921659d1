"""An independent reader: what Tesseract makes of clean lines, shaped by `typeset` and set letter by letter.

Tesseract and its languages are packages of the system, which `make reader` installs, needed for this
check alone. Letter by letter, from left to right, is how public generators of documents draw.
"""

import shutil
import subprocess
import tempfile
import unicodedata
from functools import cache
from pathlib import Path

import pandas as pd
from PIL import Image
from rapidfuzz.distance import Levenshtein

from centurio_lib.data import typeset
from centurio_lib.data.sources import udhr
from centurio_lib.languages import language

EM = 40  # pixels
WIDTH = 24  # ems of a line
MARGIN = 20  # pixels
# languages by Tesseract's code, where the reader knows them
CODES = {"af": "afr", "am": "amh", "ar": "ara", "be": "bel", "bg": "bul", "bn": "ben", "bo": "bod", "cs": "ces",
         "de": "deu", "el": "ell", "en": "eng", "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fr": "fra",
         "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "ka": "kat", "kk": "kaz",
         "km": "khm", "ko": "kor", "lo": "lao", "mr": "mar", "my": "mya", "pa": "pan", "pl": "pol", "pt": "por",
         "ro": "ron", "ru": "rus", "sa": "san", "sr": "srp", "sw": "swa", "ta": "tam", "te": "tel", "th": "tha",
         "ti": "tir", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "yo": "yor", "zh": "chi_tra"}


class NoReader(RuntimeError):
    """Tesseract is not there, or failed; the message says what to do."""


@cache
def readable() -> list[str]:
    """Codes of the languages that an installed Tesseract reads; [] where there is none."""
    if not shutil.which("tesseract"):
        return []
    known = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True).stdout.split()
    return [code for code, name in CODES.items() if name in known]


def table(codes: list[str], n_lines: int) -> pd.DataFrame:
    """Share of the characters read right (%), of `n_lines` lines of each language, shaped and letter by letter."""
    rows = []
    for code in codes:
        shaped = clean_lines(code, n_lines)
        unshaped = [letters(line.text, code) for line in shaped]
        scores = {how: accuracy([line.text for line in shaped], "".join(read(picture(line), code) for line in drawn))
                  for how, drawn in (("shaped", shaped), ("unshaped", unshaped))}
        rows.append({"code": code, "script": language(code).script, **scores})
    return pd.DataFrame(rows, columns=["code", "script", "shaped", "unshaped"])


def clean_lines(code: str, n: int) -> list[typeset.Line]:
    """The first full lines of a language's longer paragraphs."""
    found = []
    for text in udhr.paragraphs()[code][5:]:
        if len(found) >= n:
            break
        if not typeset.uncovered([text], code):
            found += typeset.lines(text, code, WIDTH)[:-1]
    return found[:n]


def letters(text: str, code: str) -> typeset.Line:
    """A line as it is without shaping: one letter after the other, from the left."""
    glyphs, x = [], 0.0
    for character in text:
        alone = typeset.line(character, code) if character.strip() else None
        glyphs += [glyph._replace(x=glyph.x + x) for glyph in alone.glyphs] if alone else []
        x += alone.width if alone else 0.25
    return typeset.Line(text, glyphs, x, 1.4, 0.7)


def picture(line: typeset.Line) -> Image.Image:
    """A black line on white paper."""
    size = (round(line.width * EM) + 2 * MARGIN, round((line.ascent + line.descent) * EM) + 2 * MARGIN)
    return Image.fromarray(255 - typeset.mask([(line, MARGIN, MARGIN + line.ascent * EM)], EM, size))


def read(image: Image.Image, code: str) -> str:
    """What Tesseract reads in an image of one line. Raises NoReader where it is missing or fails."""
    if code not in readable():
        raise NoReader(f"Tesseract does not read {code} here: make reader")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        image.save(path)
        done = subprocess.run(["tesseract", str(path), "-", "-l", CODES[code], "--psm", "7"],
                              capture_output=True, text=True,
                              env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"})
    if done.returncode:
        raise NoReader(f"tesseract failed on {code}: {done.stderr.strip()[-300:]}")
    return done.stdout


def accuracy(shown: list[str], seen: str) -> float:
    """Characters read right (%): 100 less the edits needed, spaces and what is not seen (joiners) aside."""
    meant, said = bare("".join(shown)), bare(seen)
    return max(0.0, 100 * (1 - Levenshtein.distance(meant, said) / len(meant)))


def bare(text: str) -> str:
    """A text without white space and format characters, decomposed and composed again (NFC)."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if not c.isspace() and unicodedata.category(c) != "Cf")
