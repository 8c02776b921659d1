"""What is asked of a model: one file a task, and the registry of them.

A task module has NAME, METRIC (its headline), MAX_NEW_TOKENS, and three functions: `items` gives the rows of the
`items` table; `score(prediction, reference)` scores one answer, 0..100, and gives the reference itself 100;
`chance(items)` is the headline that each item gets by guessing. Where answers are not scored one by one, it has a
`scores(items, predictions)` too. It knows nothing of models. To add one, add its module here and its number of items to
the profiles.

PICTURES have KIND (of the concepts that they ask about) and draw their items,
`items(texts, images, held_out, n, seed)`; TEXT takes them from the questions that notebooks 05 and 06 made
with their pages and plots, `items(questions, n)`; TEST_SETS are published (params/benchmarks.yaml) and have
`questions(source, code)`, which reads those of one language, and where they need it REPETITION_PENALTY.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from centurio_lib.evaluation import metrics
from centurio_lib.evaluation.tasks import (
    bin_mc,
    captioning,
    cvqa,
    flag,
    image_pair,
    m3exam,
    m5_vgr,
    m5_vlod,
    marvl,
    maxm,
    mtvqa,
    multiple_choice,
    odd_one_out,
    page_read,
    smpqa_ground,
    smpqa_read,
    xgqa,
    xm3600,
    xmmmu,
    xvnli,
)

PICTURES = {module.NAME: module for module in (captioning, multiple_choice, flag, image_pair, odd_one_out)}
TEXT = {module.NAME: module for module in (smpqa_read, smpqa_ground, page_read)}
TEST_SETS = {module.NAME: module for module in (xm3600, maxm, xgqa, xvnli, marvl, m5_vgr, m5_vlod, mtvqa, m3exam, xmmmu,
                                                bin_mc, cvqa)}
OWN = PICTURES | TEXT  # built by the study from packages
TASKS = OWN | TEST_SETS


def scores(task: str, items: pd.DataFrame, predictions: Sequence[str]) -> np.ndarray:
    """Headline score of each answer to a task's items, 0..100 (XM3600's on its customary scale): (items,)."""
    module = TASKS[task]
    if hasattr(module, "scores"):
        return module.scores(items, predictions)
    return metrics.each(module.score, predictions, items.reference)
