"""Read a whole page of text that is never trained on (not in the paper).

SMPQA scores one label of a plot as right or wrong. This task shows earlier whether a small model reads plain text.
"""

from centurio_lib.evaluation import chance, metrics
from centurio_lib.evaluation.task import TEXT_IN_IMAGES, Task, one_by_one

SCORE = one_by_one(metrics.characters_right)

TASK = Task(
    name="page_read",
    group=TEXT_IN_IMAGES,
    metric="characters",
    score=SCORE,
    chance=chance.another(SCORE),
    max_new_tokens=240,  # letters of a full page, since a spelled answer has one token a letter
    source="ocr",
)
