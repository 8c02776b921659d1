"""The column schema of every parquet table, and functions that write and read a table.

Images have a separate table: one picture has captions in up to 88 languages, and its bytes are stored once.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import storage

S, I, F, B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
BLIND = "blind"  # split of the blind baseline: the same prompts with images of other items
RUN = [("profile", S), ("setup", S), ("backbone", S), ("seed", I)]

SCHEMAS = {name: pa.schema(fields) for name, fields in {
    # one concept's text in one language
    "texts": [("concept", S), ("kind", S), ("group", S), ("language", S), ("name", S), ("keywords", pa.list_(S))],
    "images": [("image_id", S), ("concept", S), ("kind", S), ("style", S), ("variant", I), ("split", S),
               ("image", pa.binary())],
    "captions": [("image_id", S), ("concept", S), ("style", S), ("language", S), ("detail", S), ("caption", S),
                 ("split", S)],
    # text on a page: its `lines` and `columns`; `em` is the size of its letters in pixels
    "documents": [("image_id", S), ("language", S), ("script", S), ("split", S), ("text", S), ("lines", I),
                  ("columns", I),
                  ("em", F), ("family", S), ("image", pa.binary())],
    # a chart with labels in a language
    "plots": [("plot_id", S), ("language", S), ("script", S), ("split", S), ("kind", S), ("labels", pa.list_(S)),
              ("values", pa.list_(I)), ("colours", pa.list_(S)), ("image", pa.binary())],
    # one sample in one language: each possible language of a sample is a row, and mix.py takes exactly one of these
    "instructions": [("sample_id", S), ("images", pa.list_(S)), ("concepts", pa.list_(S)), ("language", S),
                     ("family", S),
                     ("turns", pa.list_(pa.struct([("role", S), ("text", S)]))), ("text_heavy", B), ("split", S)],
    # one sample of a data set of the hub before translation; `translatable`: whether it may be in any language
    "samples": [("sample_id", S), ("source", S), ("images", pa.list_(S)), ("language", S),
                ("turns", pa.list_(pa.struct([("role", S), ("text", S)]))), ("text_heavy", B), ("translatable", B)],
    # one sample of a mix in its one language; rows are in training order
    "mixes": [("sample_id", S), ("language", S)],
    # one distinct text of the mix in another language: `sentences` of the text, `kept` in English without a faithful
    # translation, for which `faults` (one a line); `ratio` of lengths; `in_language` as identified (NaN: the identifier
    # lacks the language)
    "translations": [("text", S), ("language", S), ("translation", S), ("sentences", I), ("kept", I),
                     ("faults", S), ("ratio", F), ("in_language", F)],
    # `number`: place of the item (or its plot) in its task, split and language; a profile takes the first numbers; a
    # blind copy has the number of its item
    # `reference`: the right answers, one a line, none where the publisher hides them
    # `options`: the allowed answers of a closed question
    "items": [("task", S), ("split", S), ("language", S), ("item_id", S), ("number", I), ("images", pa.list_(S)),
              ("concepts", pa.list_(S)), ("prompt", S), ("reference", S), ("options", pa.list_(S))],
    # `thing`: what the item asks about (evaluation/things.py); many languages ask about the same things
    # `score`: by the task's headline metric, named in `metric`; `task_group`, `generative`: as in `scores`
    "predictions": [*RUN, ("task", S), ("task_group", S), ("split", S), ("language", S), ("item_id", S), ("thing", S),
                    ("prediction", S), ("reference", S), ("metric", S), ("generative", B), ("score", F),
                    ("in_language", F)],
    # `deviation` of a run from the mean of its setup, in a unit of task, metric and group; `recipe`: what training and
    # items share; `noise`: variance between seeds of the score of one item
    "seed_variance": [("recipe", S), ("split", S), ("task", S), ("metric", S), ("group", S), ("setup", S), ("seed", I),
                      ("deviation", F), ("noise", F)],
    # one task of a profile: its languages and items, rows of its files left out, or why it was not run
    "coverage": [("task", S), ("status", S), ("languages", I), ("items", I), ("blind", I), ("left_out", I),
                 ("reason", S)],
    # `task_group`: pictures, text_in_images or benchmark; `headline`: whether means over tasks use the metric;
    # `generative`: whether the model chooses the language of its answer, so that fidelity matters
    "scores": [*RUN, ("task", S), ("task_group", S), ("split", S), ("language", S), ("tier", S), ("metric", S),
               ("headline", B), ("generative", B), ("value", F), ("n", I), ("chance", F)],
}.items()}


IMAGES_TOGETHER = 32  # rows of a table with images that one access to a single image reads
# column of image ids in each table with images
IMAGE_NAMES = {"images": "image_id", "documents": "image_id", "plots": "plot_id"}


def write(path: Path, name: str, frame: pd.DataFrame) -> Path:
    """Check a table against its schema and write it atomically.

    Raises ValueError naming the columns that differ.
    """
    schema = SCHEMAS[name]
    missing, unknown = set(schema.names) - set(frame), set(frame) - set(schema.names)
    if missing or unknown:
        raise ValueError(f"{path}: table {name!r} lacks columns {sorted(missing)} and has unknown ones "
                         f"{sorted(unknown)}")
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    with storage.atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd",
                       row_group_size=IMAGES_TOGETHER if "image" in schema.names else None)
    return Path(path)


def read(path: Path, name: str, columns: list[str] | None = None, **equals) -> pd.DataFrame:
    """Read some columns of a table and the rows where columns equal a value or one of a list.

    Raises FileNotFoundError saying which command makes the table, ValueError for a damaged file or another table.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} is missing: `make data` builds the data tables of a profile, `make study` its "
                                "scores")
    try:
        stored = pq.read_schema(path).names
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is empty or damaged ({error}): remove its folder and make it again") from error
    if stored != SCHEMAS[name].names:
        raise ValueError(f"{path} holds columns {stored}, not those of table {name!r}: remove it and build the data "
                         "again")
    filters = [(c, "in", list(v)) if isinstance(v, (list, set, tuple)) else (c, "==", v) for c, v in equals.items()]
    return pq.read_table(path, columns=columns, filters=filters or None).to_pandas()
