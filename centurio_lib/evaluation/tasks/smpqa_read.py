"""Which label is on the part that a question tells by size or colour? Read from a plot (SMPQA's reading)."""

from centurio_lib.evaluation import chance, metrics
from centurio_lib.evaluation.task import TEXT_IN_IMAGES, Task, one_by_one

TASK = Task(
    name="smpqa_read",
    group=TEXT_IN_IMAGES,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    besides={"cer": one_by_one(metrics.character_errors)},
    chance=chance.nothing,
    max_new_tokens=80,  # the longest of 51,645 labels has 77 bytes, which a spelled answer may take one by one
    source="smpqa",
)
