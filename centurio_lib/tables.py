"""The column schema of every parquet table, and the one function that writes them.

Where the design named one captions table that holds the image's bytes on each row, images have a table of their own
here: the same picture is captioned in up to 88 languages, and its bytes are stored once.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from centurio_lib import storage

S, I, F, B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
BLIND = "blind"  # split of the baseline: the same prompts, each with images of other items
RUN = [("profile", S), ("setup", S), ("backbone", S), ("seed", I)]

SCHEMAS = {name: pa.schema(fields) for name, fields in {
    # one concept's text in one language
    "texts": [("concept", S), ("kind", S), ("group", S), ("language", S), ("name", S), ("keywords", pa.list_(S))],
    "images": [("image_id", S), ("concept", S), ("kind", S), ("style", S), ("variant", I), ("split", S),
               ("image", pa.binary())],
    "captions": [("image_id", S), ("concept", S), ("style", S), ("language", S), ("detail", S), ("caption", S),
                 ("split", S)],
    # text on a page; `lines` and `columns` that it is set in, `em` the size of its letters in pixels
    "documents": [("image_id", S), ("language", S), ("script", S), ("split", S), ("text", S), ("lines", I),
                  ("columns", I),
                  ("em", F), ("family", S), ("image", pa.binary())],
    # a chart whose labels are words of a language
    "plots": [("plot_id", S), ("language", S), ("script", S), ("split", S), ("kind", S), ("labels", pa.list_(S)),
              ("values", pa.list_(I)), ("colours", pa.list_(S)), ("image", pa.binary())],
    # one sample in one language: every language that it could be in is a row, of which mix.py takes exactly one
    "instructions": [("sample_id", S), ("images", pa.list_(S)), ("concepts", pa.list_(S)), ("language", S),
                     ("family", S),
                     ("turns", pa.list_(pa.struct([("role", S), ("text", S)]))), ("text_heavy", B), ("split", S)],
    # one sample of a data set of the hub as it comes, in its own language; `translatable` ones may be in any
    "samples": [("sample_id", S), ("source", S), ("images", pa.list_(S)), ("language", S),
                ("turns", pa.list_(pa.struct([("role", S), ("text", S)]))), ("text_heavy", B), ("translatable", B)],
    # one sample of a mix of these, in its one language; rows are in training order
    "mixes": [("sample_id", S), ("language", S)],
    # one distinct text of them in another language: of how many sentences, how many kept in English since no
    # translation was faithful; how many times as long; whether it was identified as that language (NaN: the identifier
    # lacks it)
    "translations": [("text", S), ("language", S), ("translation", S), ("sentences", I), ("kept", I), ("ratio", F),
                     ("in_language", F)],
    # `number`: place among those of the task, split and language (of a question about a plot, the plot's), of which a
    # profile asks the first; a blind copy has that of the item that it copies
    # `reference`: the right answer, or all of them, one a line; `options`: the only answers, where it is closed
    "items": [("task", S), ("split", S), ("language", S), ("item_id", S), ("number", I), ("images", pa.list_(S)),
              ("concepts", pa.list_(S)), ("prompt", S), ("reference", S), ("options", pa.list_(S))],
    # `score` is of the task's headline metric, named in `metric`; `task_group`, `generative`: as in `scores`
    "predictions": [*RUN, ("task", S), ("task_group", S), ("split", S), ("language", S), ("item_id", S),
                    ("prediction", S), ("reference", S), ("metric", S), ("generative", B), ("score", F),
                    ("in_language", F)],
    # each task that a profile names: what it was asked of, or why it was not run
    "coverage": [("task", S), ("status", S), ("languages", I), ("items", I), ("blind", I), ("reason", S)],
    # `task_group`: pictures, text_in_images or benchmark; `headline`: whether the metric is the one of its task that
    # enters means; `generative`: whether the model chooses the language of its answer, so that its fidelity decides
    "scores": [*RUN, ("task", S), ("task_group", S), ("split", S), ("language", S), ("tier", S), ("metric", S),
               ("headline", B), ("generative", B), ("value", F), ("n", I), ("chance", F)],
}.items()}


IMAGES_TOGETHER = 32  # rows of a table with images that are read at once where single ones are asked for
# column of a table that names the images that it holds
IMAGE_NAMES = {"images": "image_id", "documents": "image_id", "plots": "plot_id"}


def write(path: Path, name: str, frame: pd.DataFrame) -> Path:
    """Write a table after checking it against its schema, atomically.

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
    """Read a table, optionally some columns, and only the rows where a column equals a value or is in a list of them.

    Raises FileNotFoundError saying which command makes tables, ValueError if the file is damaged or holds another
    table.
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
