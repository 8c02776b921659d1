"""One pass over all tasks: items, answers, item-level predictions, scores of each (task, split, language)."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from centurio_lib import tables
from centurio_lib.data.prompts import IMAGE
from centurio_lib.data.splits import Pairs
from centurio_lib.evaluation import fidelity, metrics, synthetic_items, tasks, text_image_items, things
from centurio_lib.evaluation.task import PICTURES, TEXT_IN_IMAGES, Task
from centurio_lib.languages import tier_label
from centurio_lib.model import conversation, generate
from centurio_lib.params import Evaluation

MAX_BAD = 0.01  # share of items that may be left out since they cannot be asked
# columns of the `predictions` table -> field of Task
DECLARED = {"task_group": "group", "generative": "generative", "metric": "metric"}


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: Pairs, config: Evaluation,
          questions: pd.DataFrame | None = None, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Rows of the `items` table for every task of the profile.

    `questions`: about text in images, None for a setup without these. `published`: items of benchmarks (notebook 08).
    Raises ParamsError for an unknown task, ValueError where no task has an item.
    """
    tasks.check(config.items)
    numbers = [(tasks.TASKS[name], n) for name, n in config.items.items()]
    parts = [synthetic_items.items(task, texts, images, held_out, n, config.seed)
             for task, n in numbers if task.group == PICTURES]
    if questions is not None:
        parts += [text_image_items.items(task, questions, n) for task, n in numbers if task.group == TEXT_IN_IMAGES]
    parts += [published] if published is not None else []
    if not parts:
        raise ValueError(f"none of the tasks {list(config.items)} has an item: see coverage.parquet of "
                         "data/<profile>/benchmarks")
    return pd.concat(parts, ignore_index=True)


def askable(items: pd.DataFrame, tokenizer) -> pd.DataFrame:
    """Items whose prompts hold no special token of a model, which would end a turn or stand for a picture.

    The others are left out, counted and named. Raises ValueError where these are more than one in a hundred.
    """
    special = sorted(conversation.special_tokens(tokenizer) - {IMAGE})
    held = [next((token for token in special if token in prompt), "") for prompt in items.prompt]
    bad = [f"{item_id} holds {token}" for item_id, token in zip(items.item_id, held, strict=True) if token]
    said = f"{len(bad)} of {len(items)} items hold a special token of the model; first: {'; '.join(bad[:3])}"
    if len(bad) > max(2, MAX_BAD * len(items)):  # an item and its blind copy
        raise ValueError(said)
    if bad:
        print(f"{said}: left out", flush=True)
    return items[[not token for token in held]].reset_index(drop=True)


def answer(llava, tokenizer, features, items: pd.DataFrame, batch: int, spelled: bool = False, say: Callable = print,
           max_batch_tokens: int | None = None) -> list[str]:
    """Decode the model's answer to each item. `spelled`: whether the model learned to spell text in images.

    `batch`, `max_batch_tokens`: prompts and tokens of a batch at most (generate.answers).
    """
    of_items = [tasks.TASKS[name] for name in items.task]
    prompts = [conversation.prompt(tokenizer, r.prompt, features.tokens(list(r.images))) for r in items.itertuples()]
    in_pieces = [spelled and task.group == TEXT_IN_IMAGES for task in of_items]
    return generate.answers(llava, tokenizer, prompts, [list(images) for images in items.images], features,
                            [task.max_new_tokens for task in of_items], batch,
                            [list(options) for options in items.options], in_pieces, say,
                            [task.repetition_penalty for task in of_items], max_batch_tokens)


def predictions(items: pd.DataFrame, answers: list[str], identity: dict, identifier: str = "cld2") -> pd.DataFrame:
    """The `predictions` table and `label`, the identified language of each answer where a task needs it.

    Items whose right answers are hidden are left out: no one here can score them (submissions.py).
    `identity`: profile, setup, backbone and seed of the run; `identifier`: name of the language identifier.
    """
    known = items.reference.ne("").to_numpy()
    items, answers = items[known].reset_index(drop=True), [answers[i] for i in np.flatnonzero(known)]
    frame = items.assign(thing=things.of(items), prediction=answers, in_language=np.nan, label=None, score=np.nan,
                         **identity, **{column: [getattr(tasks.TASKS[name], field) for name in items.task]
                            for column, field in DECLARED.items()})
    for task, rows in _by_task(frame):
        texts = rows.prediction.tolist()
        frame.loc[rows.index, "score"] = task.score(rows, texts)
        if task.identified:
            labels = fidelity.identify(texts, identifier)
            frame.loc[rows.index, "label"] = labels
            frame.loc[rows.index, "in_language"] = fidelity.agreement(labels, rows.language, identifier)
    return frame


def scores(predictions: pd.DataFrame, identity: dict, identifier: str = "cld2") -> pd.DataFrame:
    """The `scores` table of the output of `predictions`: headline metrics, then further metrics.

    Tasks with identified languages add language fidelity, strict and normalised, and the identifier's ceiling.
    """
    if predictions.empty:
        return pd.DataFrame(columns=tables.SCHEMAS["scores"].names)
    headlines = [_cells(task, rows.assign(chance=task.chance(rows)), task.metric)
                 for task, rows in _by_task(predictions)]
    besides = [_cells(task, rows.assign(score=values, chance=np.nan), metric)
               for task, rows in _by_task(predictions) for metric, values in _besides(task, rows, identifier).items()]
    return pd.concat(headlines + besides, ignore_index=True).assign(**identity)


def _by_task(frame: pd.DataFrame) -> Iterator[tuple[Task, pd.DataFrame]]:
    return ((tasks.TASKS[str(name)], rows) for name, rows in frame.groupby("task"))


def _besides(task: Task, rows: pd.DataFrame, identifier: str) -> dict[str, np.ndarray]:
    measured = {metric: score(rows, rows.prediction.tolist()) for metric, score in task.besides.items()}
    return measured | (_fidelity(rows, identifier) if task.identified else {})


def _fidelity(rows: pd.DataFrame, identifier: str) -> dict[str, np.ndarray]:
    references = [metrics.first(reference) for reference in rows.reference]
    of_references = fidelity.identify(references, identifier)
    return {"fidelity": 100 * rows.in_language.to_numpy(float),
            "fidelity_normalised": 100 * fidelity.agreement(rows.label, rows.language, identifier, normalised=True),
            "fidelity_ceiling": 100 * fidelity.agreement(of_references, rows.language, identifier)}


def _cells(task: Task, rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    cells = rows.dropna(subset="score").groupby(["task", "split", "language"], as_index=False).agg(
        value=("score", "mean"), n=("score", "size"), chance=("chance", "mean"))
    return cells.assign(metric=metric, headline=metric == task.metric, task_group=task.group,
                        generative=task.generative, tier=cells.language.map(tier_label))
