"""The gallery: test items in every script, each with its pictures, prompt, reference and what the setups answered.

Chosen by rule, not by taste: in each place the item on which the setups differ most, so that right and wrong answers,
and answers in the right and in the wrong language, stand side by side.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from centurio_lib.findings.scores import BLIND
from centurio_lib.languages import language, languages, tier_label
from centurio_lib.params import benchmarks
from centurio_lib.tables import IMAGE_NAMES, read

TAGS = {"zh": "zh-Hant"}  # codes of the study that a browser knows under a longer name
RIGHT = 50.0  # score from which an answer is shown as right


class Answer(NamedTuple):
    """What one setup said; `in_language` is None where the language of the answer was not identified."""

    setup: str
    text: str
    score: float
    right: bool
    in_language: bool | None


class Card(NamedTuple):
    """One item as the page shows it. `shows`: what the page's filter finds it by."""

    item_id: str
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
    answers: list[Answer]
    shows: list[str]


def answers(paths: list[Path]) -> pd.DataFrame:
    """Items and answers of some evaluations (their stored scores), blind ones left out: prompt, images, group, script.

    Those of published test sets are left out too: their licences do not let every picture be passed on. A setup may not
    have been asked a task at all. Raises ValueError where two evaluations asked different items of one.
    """
    frames, asked = [], {}
    for path in paths:
        items = read(Path(path).with_name("items.parquet"), "items").drop(columns=["concepts", "options"])
        for task, own in items.groupby("task").item_id:
            if own.tolist() != asked.setdefault(task, own.tolist()):
                raise ValueError(f"{path} holds other items than the evaluations before it: evaluate them again")
        said = read(Path(path).with_name("predictions.parquet"), "predictions")
        frames.append(said.merge(items[["item_id", "prompt", "images"]], on="item_id", validate="1:1"))
    found = pd.concat(frames, ignore_index=True)
    found = found[(found.split != BLIND) & ~found.task.isin(benchmarks.known())]
    return found.assign(group=found.language.map(tier_label), script=[language(c).script for c in found.language])


def chosen(found: pd.DataFrame) -> list[str]:
    """Ids of the items to show: one for each task and script; of captions, one for each script and tier.

    The best is the one that was answered in the right language by some setups and in the wrong one by others, then the
    one whose scores are furthest apart, then the one with the best answer.
    """
    order = {code: place for place, code in enumerate(languages())}
    items = found.groupby("item_id", sort=False).agg(
        task=("task", "first"), script=("script", "first"), tier=("group", "first"), code=("language", "first"),
        identified=("in_language", "count"), mixed=("in_language", "nunique"), low=("score", "min"),
        best=("score", "max")).reset_index()
    items["tier"] = items.tier.where(items.identified > 0, "")
    items = items.assign(apart=items.best - items.low, place=items.code.map(order))
    best = {"mixed": False, "apart": False, "best": False, "place": True}
    ranked = items.sort_values(list(best), ascending=list(best.values()), kind="stable")
    first = ranked.drop_duplicates(["task", "script", "tier"])
    return first.sort_values(["place", "task"], kind="stable").item_id.tolist()


def card(own: pd.DataFrame) -> Card:
    """One item from the rows of its answers."""
    row, known = own.iloc[0], language(own.language.iloc[0])
    said = [Answer(one.setup, one.prediction, one.score, one.score >= RIGHT,
                   None if pd.isna(one.in_language) else bool(one.in_language)) for one in own.itertuples()]
    shows = {"right answer" if one.right else "wrong answer" for one in said}
    shows |= {"right language" if one.in_language else "wrong language" for one in said if one.in_language is not None}
    return Card(row.item_id, row.task, row.split, row.language, TAGS.get(row.language, row.language), known.name,
                known.script, row.group, row.prompt, row.reference, list(row.images), said, sorted(shows))


def cards(found: pd.DataFrame) -> list[Card]:
    """The chosen items of `answers`, in the order of languages.csv."""
    rows = dict(tuple(found.groupby("item_id", sort=False)))
    return [card(rows[item_id]) for item_id in chosen(found)]


def pictures(files: Mapping[str, list[Path]], wanted: Collection[Card]) -> dict[str, bytes]:
    """Content of each picture that some cards show, by id, from the files of `runs.pictures`.

    Raises KeyError naming one that they lack.
    """
    ids, found = sorted({image for one in wanted for image in one.images}), {}
    for table, path in ((table, path) for table, paths in files.items() for path in paths):
        name = IMAGE_NAMES[table]
        rows = read(path, table, columns=[name, "image"], **{name: ids})
        found |= dict(zip(rows[name], rows.image, strict=True))
    lacking = sorted(set(ids) - set(found))
    if lacking:
        raise KeyError(f"no table holds {lacking[0]!r}: build the data again and evaluate")
    return found


def texts(wanted: Collection[Card]) -> Mapping[str, str]:
    """All text of some cards by language code: references and answers."""
    found: dict[str, str] = {}
    for one in wanted:
        found[one.code] = found.get(one.code, "") + one.prompt + one.reference + "".join(a.text for a in one.answers)
    return found
