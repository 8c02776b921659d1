"""Answers to read: one test item for each task and language, with the answers of all setups.

A fixed rule chooses the item on which the setups differ most.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib.languages import language, languages, tier_label
from centurio_lib.params import benchmarks
from centurio_lib.tables import BLIND, IMAGE_NAMES, read

TAGS = {"zh": "zh-Hant"}  # code of the study -> longer tag that browsers know
ANSWER = ["prediction", "score", "in_language"]


class Item(NamedTuple):
    """One item of the page.

    `images`: ids of its pictures, or their files once `with_files` has replaced them. `answers`: (text, score,
    in_language) by setup, None for a setup without an answer.
    """

    task: str
    split: str
    code: str
    tag: str
    language: str
    script: str
    tier: str
    prompt: str
    reference: str
    images: list[str]
    answers: list[tuple[str, float, bool | None] | None]


def with_items(predictions: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Join answers of one seed with the prompts and images of their items.

    Blind answers are left out. So are answers of third-party benchmarks, whose licences may forbid to pass pictures on.
    Raises ValueError where two setups answered different items of one task.
    """
    predictions = predictions[(predictions.split != BLIND) & ~predictions.task.isin(benchmarks.known())]
    for task, rows in predictions.groupby("task"):
        if rows.groupby("item_id").size().nunique() > 1:
            raise ValueError(f"the setups answered different items of {task}: evaluate them again")
    items = items.drop_duplicates("item_id")[["item_id", "prompt", "images"]]
    return predictions.merge(items, on="item_id", how="left", validate="m:1").assign(
        script=[language(code).script for code in predictions.language])


def chosen(answers: pd.DataFrame) -> list[str]:
    """Ids of the items to show, one for each task and language.

    Items with answers both in the right and in a wrong language come first, then items with the widest range of scores,
    then items with the best answer. The first items have different scripts.
    """
    items = answers.groupby("item_id", sort=False).agg(
        task=("task", "first"), script=("script", "first"), code=("language", "first"),
        mixed=("in_language", "nunique"), low=("score", "min"), best=("score", "max")).reset_index()
    order = {code: place for place, code in enumerate(languages())}
    items = items.assign(apart=items.best - items.low, place=items.code.map(order))
    ranks = {"mixed": False, "apart": False, "best": False, "place": True}
    ranked = items.sort_values(list(ranks), ascending=list(ranks.values()), kind="stable")
    first = ranked.drop_duplicates(["task", "code"])
    turn = first.groupby("script", sort=False).cumcount()
    return first.assign(turn=turn).sort_values("turn", kind="stable").item_id.tolist()


def items(answers: pd.DataFrame, setups: list[str]) -> list[Item]:
    """The items to show, with the answers in the order of the setups."""
    rows = dict(tuple(answers.groupby("item_id", sort=False)))
    return [_item(rows[item_id], setups) for item_id in chosen(answers)]


def _item(rows: pd.DataFrame, setups: list[str]) -> Item:
    row, known = rows.iloc[0], language(rows.language.iloc[0])
    by_setup = {one.setup: (one.prediction, one.score, None if pd.isna(one.in_language) else bool(one.in_language))
                for one in rows.itertuples()}
    described = isinstance(row.prompt, str)  # an archive may hold answers without items
    return Item(row.task, row.split, row.language, TAGS.get(row.language, row.language), known.name, known.script,
                tier_label(row.language), row.prompt if described else "", row.reference,
                list(row.images) if described else [], [by_setup.get(setup) for setup in setups])


def images_of(shown: Collection[Item]) -> list[str]:
    """Ids of the images of some items."""
    return sorted({image for item in shown for image in item.images})


def pictures(files: Mapping[str, list[Path]], ids: list[str]) -> dict[str, bytes]:
    """Bytes of some images by id, from the files of their tables.

    Raises KeyError naming a missing image.
    """
    content: dict[str, bytes] = {}
    for table, path in ((table, path) for table, paths in files.items() for path in paths):
        name = IMAGE_NAMES[table]
        rows = read(path, table, columns=[name, "image"], **{name: ids})
        content |= dict(zip(rows[name], rows.image, strict=True))
    if missing := sorted(set(ids) - set(content)):
        raise KeyError(f"no table holds {missing[0]!r}: build the data again and evaluate")
    return content


def with_files(shown: Collection[Item], files: Mapping[str, str]) -> list[Item]:
    """Replace the ids of pictures by their files in some items; a picture without a file is left out."""
    return [item._replace(images=[files[image] for image in item.images if image in files]) for item in shown]


def texts(shown: Collection[Item]) -> dict[str, str]:
    """All text of some items by language code."""
    by_code: dict[str, str] = {}
    for item in shown:
        answered = "".join(answer[0] for answer in item.answers if answer)
        by_code[item.code] = by_code.get(item.code, "") + item.prompt + item.reference + answered
    return by_code


def spelled_out(shown: Collection[Item], characters: str) -> list[Item]:
    """Replace characters that no font draws by their code points in some items: [U+5156]."""
    names = {ord(character): f"[U+{ord(character):04X}]" for character in characters}
    return [item._replace(prompt=item.prompt.translate(names), reference=item.reference.translate(names),
                          answers=[answer and (answer[0].translate(names), *answer[1:]) for answer in item.answers])
            for item in shown]
