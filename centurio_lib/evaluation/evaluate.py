"""One pass over all tasks: items, answers, item-level predictions, scores of each (task, split, language)."""

import numpy as np
import pandas as pd

from centurio_lib.data.splits import Pairs
from centurio_lib.evaluation import fidelity, metrics, tasks
from centurio_lib.evaluation.tasks import PICTURES, TASKS, TEXT, xm3600
from centurio_lib.languages import tier_label
from centurio_lib.model import conversation, generate
from centurio_lib.params import SMPQA_READ, Evaluation

IDENTIFIED = ("captioning", "xm3600")  # tasks of whose answers the language is identified
GENERATIVE = {"captioning", "flag", "xm3600", "maxm", "mtvqa"}  # the model chooses the language of its answer
# what is measured besides a task's headline, of its items and answers
BESIDES = {SMPQA_READ: {"cer": lambda own, said: metrics.each(metrics.character_errors, said, own.reference)},
           "xm3600": {"cider": xm3600.share}}


def items(texts: pd.DataFrame, images: pd.DataFrame, held_out: Pairs, config: Evaluation,
          questions: pd.DataFrame | None = None, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Rows of the `items` table for every task that the profile asks; about text in images only where there are
    `questions`.

    `published`: items of test sets that are at hand (notebook 08).

    Raises KeyError for an unknown task.
    """
    unknown = set(config.items) - set(TASKS)
    if unknown:
        raise KeyError(f"evaluation.items names unknown tasks {sorted(unknown)}; there are {sorted(TASKS)}")
    drawn = [PICTURES[name].items(texts, images, held_out, n, config.seed)
             for name, n in config.items.items() if name in PICTURES]
    if questions is not None:
        drawn += [TEXT[name].items(questions, n) for name, n in config.items.items() if name in TEXT]
    drawn += [published] if published is not None else []
    if not drawn:
        raise ValueError(f"none of the tasks {list(config.items)} has an item: see coverage.parquet of "
                         "data/<profile>/benchmarks")
    return pd.concat(drawn, ignore_index=True)


def answer(llava, tokenizer, features, items: pd.DataFrame, batch: int, spelled: bool = False, say=print,
           max_batch_tokens: int | None = None) -> list[str]:
    """The model's answer to each item. `spelled`: whether it learned to spell what it reads in images.

    `batch`, `max_batch_tokens`: prompts and tokens of a batch at most (generate.answers).
    """
    tokens = [conversation.prompt(tokenizer, r.prompt, features.tokens(list(r.images))) for r in items.itertuples()]
    max_new_tokens = [TASKS[task].MAX_NEW_TOKENS for task in items.task]
    small = [spelled and task in TEXT for task in items.task]
    return generate.answers(llava, tokenizer, tokens, [list(i) for i in items.images], features, max_new_tokens, batch,
                            [list(own) for own in items.options], small, say, penalties(items), max_batch_tokens)


def penalties(items: pd.DataFrame) -> list[float]:
    """Repetition penalty of each item's answer; 1 is none."""
    return [getattr(TASKS[task], "REPETITION_PENALTY", 1.0) for task in items.task]


def predictions(items: pd.DataFrame, answers: list[str], identity: dict, identifier: str = "cld2") -> pd.DataFrame:
    """The `predictions` table. `identity`: profile, setup, backbone and seed of the run; `identifier`: of languages."""
    frame = _of_task(items.assign(prediction=answers, in_language=np.nan, score=np.nan, **identity))
    frame["metric"] = frame.task.map({name: module.METRIC for name, module in TASKS.items()})
    for name, own in frame.groupby("task"):
        frame.loc[own.index, "score"] = tasks.scores(name, own, own.prediction.tolist())
        if name in IDENTIFIED:
            frame.loc[own.index, "in_language"] = fidelity.in_language(own.prediction.tolist(), own.language.tolist(),
                                                                          identifier)
    return frame


def scores(predictions: pd.DataFrame, identity: dict, identifier: str = "cld2") -> pd.DataFrame:
    """The `scores` table: each task's headline and what is measured besides.

    Of generative tasks chrF, fidelity and the identifier's own ceiling; of reading the character error rate; of XM3600,
    whose headline is on the customary scale, the share of the best reference.
    """
    measured = [("", predictions.assign(chance=_chance(predictions)))]
    for name in dict.fromkeys([*IDENTIFIED, *BESIDES]):
        own = predictions[predictions.task == name]
        besides = {metric: measure(own, own.prediction.tolist()) for metric, measure in BESIDES.get(name, {}).items()}
        besides |= _of_generated(own, identifier) if name in IDENTIFIED else {}
        measured += [(metric, own.assign(score=values, chance=np.nan)) for metric, values in besides.items()]
    parts = [_cells(frame, metric) for metric, frame in measured]
    return pd.concat(parts, ignore_index=True).assign(**identity)


def _of_task(frame: pd.DataFrame) -> pd.DataFrame:
    groups = {name: "pictures" if name in PICTURES else "text_in_images" if name in TEXT else "benchmark"
              for name in TASKS}
    return frame.assign(task_group=frame.task.map(groups), generative=frame.task.isin(GENERATIVE))


def _chance(predictions: pd.DataFrame) -> pd.Series:
    return pd.concat([pd.Series(TASKS[name].chance(own), index=own.index) for name, own in predictions.groupby("task")])


def _of_generated(own: pd.DataFrame, identifier: str) -> dict[str, np.ndarray]:
    codes, said = own.language.tolist(), own.prediction.tolist()
    meant = [metrics.alternatives(reference)[0] for reference in own.reference]
    return {"chrf": metrics.each(metrics.chrf, said, own.reference),
            "fidelity": 100 * fidelity.in_language(said, codes, identifier),
            "fidelity_normalised": 100 * fidelity.in_language(said, codes, identifier, normalised=True),
            "fidelity_ceiling": 100 * fidelity.in_language(meant, codes, identifier)}


def _cells(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    cells = frame.dropna(subset="score").groupby(["task", "split", "language"], as_index=False).agg(
        value=("score", "mean"), n=("score", "size"), chance=("chance", "mean"))
    headline = cells.task.map({name: module.METRIC for name, module in TASKS.items()})
    return _of_task(cells).assign(metric=metric or headline, headline=not metric, tier=cells.language.map(tier_label))
