"""Check legibility by Tesseract on clean lines, shaped (typesetting.py) and set letter by letter.

Tesseract and its languages are packages of the system, which `make reader` installs, needed for this
check alone. Letter by letter, from left to right, is how public generators of documents draw. `make legible` asks it
about every language that it knows; that table, and that of what the fonts cover, lie in the repo.
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

from centurio_lib import paths, storage, text_form
from centurio_lib.data.sources.texts import udhr
from centurio_lib.data.text_images import passages, typesetting
from centurio_lib.languages import language, languages

FIGURES = paths.REPO / "figures"
SURVEY, COVERED = FIGURES / "legibility.csv", FIGURES / "coverage.csv"
LINES = 3  # of each language in the survey
READABLE = 90  # % of the characters from which a language counts as readable,
LANGUAGES, SCRIPTS = 25, 10  # which so many languages of so many scripts must be
EM = 40  # pixels
WIDTH = 24  # ems of a line
MARGIN = 20  # pixels
PAGE_END = "\f"  # what Tesseract writes between pages (before version 5: after each)
# languages by Tesseract's code, where the reader knows them
CODES = {"af": "afr", "am": "amh", "ar": "ara", "be": "bel", "bg": "bul", "bn": "ben", "bo": "bod", "cs": "ces",
         "de": "deu", "el": "ell", "en": "eng", "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fr": "fra",
         "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "ka": "kat", "kk": "kaz",
         "km": "khm", "ko": "kor", "lo": "lao", "mr": "mar", "my": "mya", "pa": "pan", "pl": "pol", "pt": "por",
         "ro": "ron", "ru": "rus", "sa": "san", "sr": "srp", "sw": "swa", "ta": "tam", "te": "tel", "th": "tha",
         "ti": "tir", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "yo": "yor", "zh": "chi_tra"}


class NoReader(RuntimeError):
    """Tesseract is missing or failed; the message says what to do."""


@cache
def readable() -> list[str]:
    """Codes of the languages that an installed Tesseract reads; [] where there is none."""
    if not shutil.which("tesseract"):
        return []
    known = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True).stdout.split()
    return [code for code, name in CODES.items() if name in known]


def table(codes: list[str], n_lines: int) -> pd.DataFrame:
    """Share of the characters read right (%), of `n_lines` lines of each language, shaped and letter by letter.

    Columns code, language, script, shaped, unshaped. Raises NoReader for a language that the reader lacks.
    """
    rows = []
    for code in codes:
        shaped = clean_lines(code, n_lines)
        texts_read = read([picture(line) for line in [*shaped, *(letters(line.text, code) for line in shaped)]], code)
        meant = [line.text for line in shaped]
        rows.append({"code": code, "language": language(code).name, "script": language(code).script,
                     "shaped": accuracy(meant, "".join(texts_read[:len(shaped)])),
                     "unshaped": accuracy(meant, "".join(texts_read[len(shaped):]))})
        print("{code}: {shaped:.1f} % shaped, {unshaped:.1f} % letter by letter".format(**rows[-1]), flush=True)
    return pd.DataFrame(rows, columns=["code", "language", "script", "shaped", "unshaped"])


def survey(path: Path = SURVEY, n_lines: int = LINES) -> pd.DataFrame:
    """The table of all languages that Tesseract reads here, written as CSV; says whether enough of them are readable.

    Raises NoReader where none is installed.
    """
    if not readable():
        raise NoReader("Tesseract is not installed: make reader")
    shares = _stored(table(readable(), n_lines).round(1), path)
    n_languages, n_scripts = legible(shares)
    print(f"{n_languages} languages of {n_scripts} scripts are read at {READABLE} % or more; "
          f"{LANGUAGES} of {SCRIPTS} are wanted: {'met' if enough(shares) else 'NOT met'}")
    return shares


def covered(path: Path = COVERED) -> pd.DataFrame:
    """Write as CSV which texts of the 100 languages fonts cover (`passages.coverage`, no Wikipedia)."""
    return _stored(passages.coverage(list(languages())), path)


def legible(shares: pd.DataFrame) -> tuple[int, int]:
    """How many languages, and scripts, of a table are readable when shaped."""
    good = shares[shares.shaped >= READABLE]
    return len(good), good.script.nunique()


def enough(shares: pd.DataFrame) -> bool:
    """Whether a table shows that shaped text is readable in enough languages and scripts."""
    n_languages, n_scripts = legible(shares)
    return n_languages >= LANGUAGES and n_scripts >= SCRIPTS


def clean_lines(code: str, n: int) -> list[typesetting.Line]:
    """The first full lines of a language's longer paragraphs."""
    set_lines = []
    for text in udhr.paragraphs(code)[5:]:
        if len(set_lines) >= n:
            break
        if not typesetting.uncovered([text], code):
            set_lines += typesetting.lines(text, code, WIDTH)[:-1]
    return set_lines[:n]


def letters(text: str, code: str) -> typesetting.Line:
    """A line as it is without shaping: one letter after the other, from the left."""
    glyphs, x = [], 0.0
    for character in text:
        alone = typesetting.line(character, code) if character.strip() else None
        glyphs += [glyph._replace(x=glyph.x + x) for glyph in alone.glyphs] if alone else []
        x += alone.width if alone else 0.25
    return typesetting.Line(text, glyphs, x, 1.4, 0.7)


def picture(line: typesetting.Line) -> Image.Image:
    """A black line on white paper."""
    size = (round(line.width * EM) + 2 * MARGIN, round((line.ascent + line.descent) * EM) + 2 * MARGIN)
    return Image.fromarray(255 - typesetting.mask([(line, MARGIN, MARGIN + line.ascent * EM)], EM, size))


def read(images: list[Image.Image], code: str) -> list[str]:
    """Read images of one line each by Tesseract, in one call. Raises NoReader where it is missing or fails."""
    if code not in readable():
        raise NoReader(f"Tesseract does not read {code} here: make reader")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{n}.png" for n in range(len(images))]
        for path, image in zip(files, images, strict=True):
            image.save(path)
        pages = Path(folder) / "pages.txt"
        pages.write_text("\n".join(map(str, files)), encoding="utf-8")
        done = subprocess.run(["tesseract", str(pages), "-", "-l", CODES[code], "--psm", "7"],
                              capture_output=True, text=True,
                              env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"})
    texts_read = done.stdout.split(PAGE_END)[:len(images)]
    if done.returncode or len(texts_read) < len(images):
        raise NoReader(f"tesseract failed on {code}: {done.stderr.strip()[-300:]}")
    return texts_read


def accuracy(texts_shown: list[str], seen: str) -> float:
    """Characters read right (%): 100 less the edits needed, spaces and what is not seen (joiners) aside."""
    meant, text_read = bare("".join(texts_shown)), bare(seen)
    return max(0.0, 100 * (1 - Levenshtein.distance(meant, text_read) / len(meant)))


def bare(text: str) -> str:
    """Return the visible characters of a text, without white space and format characters."""
    return "".join(c for c in text_form.visible(text) if not c.isspace() and unicodedata.category(c) != "Cf")


def _stored(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    with storage.atomic(path) as temporary:
        table.to_csv(temporary, index=False)
    return table
