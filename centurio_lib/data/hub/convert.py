"""Convert rows of data sets, one after the other, to images and a conversation.

No file is held whole in memory: parquet is read in small batches, JSON as a stream. Some data sets have a row for each
question. Their questions, not their images, are gathered first, so that all on one image make one conversation.
"""

import codecs
import json
import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import ijson
import pyarrow.parquet as pq

from centurio_lib.data import parquet_rows
from centurio_lib.data.hub.catalogue import Entry
from centurio_lib.languages import languages
from centurio_lib.text_form import SURROGATES

# an escaped half of a character without its other half beside it
HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
                  rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}")
DEEPEST = 100  # lists and objects within each other
BATCH = 32  # rows of parquet, of which each may hold an image of some megabytes
# parts of file names, and the archive that holds files named so: train2017 has the images of train2014
HOLDS = {"COCO_": "coco_train2017", "CLEVR_v1.0": "clevr"}
PLACEHOLDER = re.compile(r"\s*<image\d*>\s*")
COCO_2014 = re.compile(r"^.*/COCO_(?:train|val)2014_(?=\d{12}\.jpg$)")
HUMAN = {"human", "user"}
DATA = {".parquet", ".json", ".jsonl"}
# codes and names that data sets give to languages of the 100, where they differ from ours and from NLLB's
ALIASES = {
    "mandarin": "zh",
    "simplified chinese": "zh",
    "traditional chinese": "zh",
    "farsi": "fa",
    "fas": "fa",
    "filipino": "tl",
    "fil": "tl",
    "standard arabic": "ar",
    "ara": "ar",
    "swa": "sw",
    "msa": "ms",
    "nor": "no",
    "ekk": "et",
    "lvs": "lv",
    "sqi": "sq",
    "standard malay": "ms",
    "iranian persian": "fa",
}


class SourceError(ValueError):
    """A data set differs from its catalogue row; the message names data set and columns."""


class Raw(NamedTuple):
    """One sample as it comes: images as bytes or as names in an archive, turns in order, the language as
    stated.
    """

    images: list[bytes | str]
    turns: list[tuple[str, str]]  # (role, text)
    language: str = "en"


class Bad(NamedTuple):
    """A row that is damaged or has another form, and why: it is left out, counted and named."""

    reason: str


def samples(entry: Entry, files: list[Path]) -> Iterator[Raw | Bad | None]:
    """The samples of a data set in order; None for a row that yields none (another language, no answer).

    Raises SourceError where a column is lacking.
    """
    form = FORMS[entry.form]
    data = [path for path in files if path.suffix in DATA]
    if form.key is None:
        for number, row in enumerate(chosen(entry, rows(entry, data))):
            raw = converted(form, row)
            if number == 0:
                _refuse_names(entry, row, raw)
            yield finished(raw)
        return
    turns_by_key: dict[str, list[tuple[str, str]]] = {}
    for row in chosen(entry, rows(entry, data, without_images=True)):
        if not isinstance(finished(raw := converted(form, row)), Bad):
            turns_by_key.setdefault(str(row[form.key]), []).extend(raw.turns)
    for row in chosen(entry, rows(entry, data)):
        if isinstance(bad := finished(raw := converted(form, row)), Bad):
            yield bad
        elif (turns := turns_by_key.pop(str(row[form.key]), None)) is not None:
            yield finished(raw._replace(turns=turns))


def converted(form: "Form", row: "dict | Bad") -> Raw | Bad:
    """Images and turns of a row as they come; Bad for a row of another form."""
    if isinstance(row, Bad):
        return row
    try:
        return form.convert(row)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        return Bad(f"row with {', '.join(sorted(row))[:80]}: {type(error).__name__}: {error}")


def _refuse_names(entry: Entry, row: dict, raw: Raw | Bad) -> None:
    """Raises SourceError where a first row names files in the place of images that it should hold."""
    if isinstance(raw, Bad) or entry.images != ["embedded"] or all(isinstance(image, bytes) for image in raw.images):
        return
    named = re.search(r"'path': '([^']+)'", str(row[FORMS[entry.form].image]))
    path = named[1] if named else "none"
    archive = next((archive for part, archive in HOLDS.items() if part in path), "the archive that holds it")
    raise SourceError(f"data set {entry.name} ({entry.repo}) holds no bytes of its images, but names of files "
                      f"({path}): name {archive} in the column `images` of catalogue.csv, or leave the data set out")


def finished(raw: Raw | Bad) -> Raw | Bad | None:
    """The sample of a row; None for one without an answer or in another language; Bad for texts that none can store."""
    if isinstance(raw, Bad):
        return raw
    texts = [*(text for turn in raw.turns for text in turn), raw.language, *raw.images]
    if odd := [text for text in texts if not isinstance(text, str | bytes | None)]:
        return Bad(f"{str(odd[0])[:60]!r} is no text")
    if broken := next((text for text in texts if isinstance(text, str) and SURROGATES.search(text)), None):
        return Bad(f"text {broken.encode('ascii', 'backslashreplace')[:60].decode()} holds half a character (a lone "
                   "surrogate)")
    return _filled(raw)


def rows(entry: Entry, files: list[Path], without_images: bool = False) -> Iterator[dict | Bad]:
    """Rows of some files, checked for the columns that the form of the data set needs. Raises SourceError."""
    form = FORMS[entry.form]
    read = {".parquet": _parquet, ".json": _json, ".jsonl": _lines}
    raw_rows = chain.from_iterable(read[path.suffix](path, form, without_images) for path in files)
    for number, row in enumerate(raw_rows):
        if not isinstance(row, dict):
            yield row if isinstance(row, Bad) else Bad(f"row {number} is no record: {str(row)[:60]!r}")
            continue
        lacking = [name for name in form.needs if name not in row and not (without_images and name == form.image)]
        if lacking:
            raise SourceError(
                f"data set {entry.name} ({entry.repo}), row {number} lacks columns {lacking}; it has {sorted(row)}: "
                "its layout has changed, pin the revision of the catalogue or correct its form"
            )
        yield row


def chosen(entry: Entry, raw_rows: Iterator[dict | Bad]) -> Iterator[dict | Bad]:
    """The rows that belong to a data set, where its file holds several."""
    image, prompt = re.compile(entry.where_image), re.compile(entry.where_prompt)
    for row in raw_rows:
        if isinstance(row, Bad):
            yield row
            continue
        said = row.get("conversations") or [{}]
        question = str(said[0].get("value", "")) if entry.where_prompt else ""
        of_source = entry.where_source in ("", row.get("source"))
        if of_source and image.search(str(row.get("image", ""))) and prompt.search(question):
            yield row


@cache
def code_of(stated: str | None) -> str | None:
    """Our code of a language that a data set names by name or code, None for one outside the 100 and for none."""
    name = (stated or "").casefold()
    known = {lang.name.casefold(): code for code, lang in languages().items()}
    known |= {lang.nllb.split("_")[0]: code for code, lang in languages().items() if lang.nllb}
    return (ALIASES | known | {code: code for code in languages()}).get(name)


# === forms of rows ===
class Form(NamedTuple):
    """A form of row: its columns, the function that converts it, and the column by which rows are gathered.
    """

    needs: list[str]
    convert: Callable[[dict], Raw]
    image: str | None = None  # column with the bytes of images
    key: str | None = None


def _cauldron(row: dict) -> Raw:
    turns = [(role, turn[key]) for turn in row["texts"] for role, key in (("user", "user"), ("assistant", "assistant"))]
    return Raw([_pictured(image) for image in row["images"]], turns)


def _pictured(cell: dict) -> bytes | str | None:
    """The bytes of an image; where a file has a path in their place, its name in an archive; None without either.

    COCO's archives of 2014 and 2017 hold the same images under other names: COCO_train2014_<id>.jpg, <id>.jpg.
    """
    return cell["bytes"] or (COCO_2014.sub("", cell["path"]) if cell["path"] else None)


def _llava(row: dict) -> Raw:
    images = row.get("image") or []
    return Raw([images] if isinstance(images, str) else list(images), _said(row["conversations"]))


def _llava_embedded(row: dict) -> Raw:
    image = row.get("image")
    return Raw([image["bytes"]] if image else [], _said(row["conversations"]))


def _sharegpt(row: dict) -> Raw:
    return Raw([], _said(row["conversations"]))


def _tagengo(row: dict) -> Raw:
    return Raw([], _said(row["conversations"]), row["language"])


def _aya(row: dict) -> Raw:
    return Raw([], [("user", row["inputs"]), ("assistant", row["targets"])], row["language_code"])


def _instruction(row: dict) -> Raw:
    return Raw([], [("user", row["instruction"]), ("assistant", row["response"])])


def _arxivqa(row: dict) -> Raw:
    question = "\n".join([row["question"], *row["options"], "Answer with the letter."])
    return Raw([row["image"]], [("user", question), ("assistant", _letter(row["label"], len(row["options"])))])


def _letter(label: str, n: int) -> str:
    """The letter that a label begins with, among those of `n` options; "" for other labels, which give no answer."""
    begun = re.match(r"\W*([A-Ja-j])(?!\w)", str(label))
    return begun[1].upper() if begun and begun[1].upper() in "ABCDEFGHIJ"[:n] else ""


def _screenqa(row: dict) -> Raw:
    answers = [answer["full_answer"] for answer in row["ground_truth"]]
    image = [row["image"]["bytes"]] if "image" in row else []
    return Raw(image, [("user", row["question"]), ("assistant", answers[0] if answers else "")])


def _mathvision(row: dict) -> Raw:
    question = "\n".join(
        [
            PLACEHOLDER.sub(" ", row["question"]),
            *(f"{letter}. {option}" for letter, option in zip("ABCDE", row["options"], strict=False)),
        ]
    )
    return Raw([row["decoded_image"]["bytes"]], [("user", question), ("assistant", row["answer"])])


def _coco_captions(row: dict) -> Raw:
    question = "Describe the image in one sentence."
    turns = [turn for sentence in row["sentences"] for turn in (("user", question), ("assistant", sentence))]
    return Raw([f"train2017/{int(row['cocoid']):012}.jpg"], turns)


FORMS = {
    "cauldron": Form(["images", "texts"], _cauldron, "images"),
    "llava": Form(["conversations"], _llava),
    "llava_embedded": Form(["conversations", "image"], _llava_embedded, "image"),
    "llava_by_image": Form(["conversations", "image"], _llava, key="image"),
    "cambrian": Form(["conversations", "source"], _llava, key="image"),  # not every row has an image
    "sharegpt": Form(["conversations"], _sharegpt),
    "tagengo": Form(["conversations", "language"], _tagengo),
    "aya": Form(["inputs", "targets", "language_code"], _aya),
    "instruction": Form(["instruction", "response"], _instruction),
    "arxivqa": Form(["image", "question", "options", "label"], _arxivqa, key="image"),
    "screenqa": Form(["screen_id", "question", "ground_truth", "image"], _screenqa, "image", "screen_id"),
    "mathvision": Form(["question", "options", "answer", "decoded_image"], _mathvision, "decoded_image"),
    "coco_captions": Form(["cocoid", "sentences"], _coco_captions),
}


def _said(conversation: list[dict]) -> list[tuple[str, str]]:
    turns = [
        ("user" if turn["from"] in HUMAN else "assistant", turn["value"])
        for turn in conversation
        if turn["from"] != "system"
    ]
    return turns[next((i for i, (role, _) in enumerate(turns) if role == "user"), len(turns)) :]


def _filled(raw: Raw) -> Raw | None:
    """A sample without placeholders and empty turns, in a language of the 100; None where nothing is left."""
    language = code_of(raw.language)
    turns = [(role, PLACEHOLDER.sub(" ", text or "").strip()) for role, text in raw.turns]
    pairs = [(a, b) for a, b in zip(turns[::2], turns[1::2], strict=False) if a[1] and b[1]]
    return (
        raw._replace(turns=[turn for pair in pairs for turn in pair], language=language) if pairs and language else None
    )


def _parquet(path: Path, form: Form, without_images: bool) -> Iterator[dict]:
    file = pq.ParquetFile(path)
    columns = [name for name in file.schema_arrow.names if not (without_images and name == form.image)]
    for batch in file.iter_batches(BATCH, columns=columns):
        for row in parquet_rows.rows(batch):
            yield Bad(f"row of {path.name} {row}") if isinstance(row, str) else row


def _json(path: Path, form: Form, without_images: bool) -> Iterator[dict]:
    with path.open("rb") as file:
        begins = file.read(100)
        start = len(codecs.BOM_UTF8) if begins.startswith(codecs.BOM_UTF8) else 0
        if begins[start:].lstrip()[:1] != b"[":
            raise SourceError(f"{path} is no JSON or breaks off (no list of rows begins it): remove it and fetch it "
                              "again")
        file.seek(start)
        try:
            reader = ijson.get_backend(_backend(path))
            yield from reader.items(reader.parse(_shallow(path, reader.basic_parse(file, use_float=True))), "item")
        except ijson.JSONError as error:
            raise SourceError(f"{path} is no JSON or breaks off ({error}): remove it and fetch it again") from error


def _shallow(path: Path, events: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """Events of a JSON file. Raises SourceError where it nests deeper than any row: the reader's memory grows with the
    square of the depth.
    """
    depth = 0
    for event in events:
        depth += event[0].startswith("start_") - event[0].startswith("end_")
        if depth > DEEPEST:
            raise SourceError(f"{path} nests more than {DEEPEST} lists and objects: do not use this file")
        yield event


def _backend(path: Path) -> str:
    """Reader of a JSON file: in Python for one with half a character, for which the fast one writes "?"."""
    if path.stat().st_size == 0:
        return "python"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return "python" if HALF.search(content) else ijson.backend


def _lines(path: Path, form: Form, without_images: bool) -> Iterator[dict]:
    with path.open("rb") as file:  # a line ends at a line feed alone, not at U+2028 or U+0085 in a text
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:  # of JSON, or of UTF-8; too deep
                yield Bad(f"{path.name}, line {number}: {error}")
