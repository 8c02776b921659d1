"""What is written on a page? Read whole, from text that is never trained on (not in the paper).

SMPQA asks for one label among several and takes it right or wrong; what a small model reads of plain text shows here
first.
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
    max_new_tokens=240,  # letters of a full page, which a spelled answer may take one by one
    source="ocr",
)
