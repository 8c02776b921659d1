"""The declaration of a task, one in each file of `tasks/`, checked as soon as it is made.

A task knows nothing of models. It declares the questions, the score, the chance level and the decoding of answers. The
items and the columns of scores follow from the declaration.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import model_validator

from centurio_lib import tables
from centurio_lib.evaluation import metrics
from centurio_lib.params import Count, Strict

PICTURES, TEXT_IN_IMAGES, BENCHMARK = "pictures", "text_in_images", "benchmark"
Scores = Callable[[pd.DataFrame, Sequence[str]], np.ndarray]  # items and answers to the score of each: (items,)
Chance = Callable[[pd.DataFrame], np.ndarray]  # items to the expected score of a guess: (items,)
NEEDED = {PICTURES: ("kind", "write"), TEXT_IN_IMAGES: ("source",), BENCHMARK: ("questions",)}  # fields of each group
MATCHES = {"accuracy", "exact_match"}  # metrics of whole answers, which may come wrapped
PROBE = ["a red apple", "two green trees", "one house by the sea"]  # made-up references, which a task scores as answers


class Task(Strict):
    """One task. `NEEDED` lists the fields of each group.

    Raises pydantic.ValidationError naming a missing, unknown or useless field.
    """

    name: str
    group: Literal["pictures", "text_in_images", "benchmark"]
    metric: str  # the headline: the metric that enters means over tasks
    score: Scores  # headline score, 0..100; `one_by_one` for a score of single answers
    chance: Chance  # of the headline
    max_new_tokens: Count
    generative: bool = False  # whether the model chooses the language of its answer, so that fidelity matters
    identified: bool = False  # whether the language of each answer is identified
    besides: dict[str, Scores] = {}  # further metrics; `lenient` stands beside every match of whole answers by itself
    repetition_penalty: float = 1.0  # 1 is none
    # pictures: kind of concepts, and the function that makes the items of a language and split (synthetic_items)
    kind: str | None = None
    write: Callable[..., list] | None = None
    # text in images: the data stage of the questions ("ocr", "smpqa"), and the allowed answers of a closed question
    source: str | None = None
    options: tuple[str, ...] = ()
    # benchmarks: reads the questions of a language from the published files (benchmark_files)
    questions: Callable[..., Any] | None = None
    # of a benchmark whose right answers its publisher keeps: items and answers to the table that the test server takes
    submission: Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame] | None = None

    @model_validator(mode="before")
    @classmethod
    def _lenient_beside(cls, stated: Any) -> Any:
        if not isinstance(stated, dict) or stated.get("metric") not in MATCHES:
            return stated
        return stated | {"besides": {"lenient": one_by_one(metrics.lenient_match)} | stated.get("besides", {})}

    @model_validator(mode="after")
    def _complete(self) -> "Task":
        for group, fields in NEEDED.items():
            for field in fields:
                if (getattr(self, field) is not None) != (group == self.group):
                    verb = "lacks" if group == self.group else "has no use for"
                    raise ValueError(f"{field}: a task of group {self.group} {verb} it")
        return self

    @model_validator(mode="after")
    def _reaches_its_oracle(self) -> "Task":
        items = probe(self.name)
        for metric, score in {self.metric: self.score, **self.besides}.items():
            if metric not in metrics.OF_REFERENCE:
                raise ValueError(f"metric {metric!r} is unknown; metrics.py has {sorted(metrics.OF_REFERENCE)}")
            expected, scored = metrics.OF_REFERENCE[metric], score(items, items.reference.tolist())
            if expected is not None and not np.allclose(scored, expected):
                raise ValueError(f"score: by {metric} the reference itself gets {np.round(scored, 1).tolist()} as an "
                                 f"answer, not {expected:g}")
        return self


def probe(name: str) -> pd.DataFrame:
    """A few made-up items of a task, for checks of score functions."""
    rows = [{"task": name, "split": "test", "language": "en", "item_id": f"{name}/{i}", "number": i, "images": [str(i)],
             "concepts": [str(i)], "prompt": "", "reference": text, "options": []} for i, text in enumerate(PROBE)]
    return pd.DataFrame(rows, columns=tables.SCHEMAS["items"].names)


def one_by_one(score: Callable[[str, str], float]) -> Scores:
    """Scores of all answers from the score of one answer against its reference."""
    return lambda items, predictions: metrics.each(score, predictions, items.reference)
