"""Read the label on the part of a plot described by size or colour (reading in SMPQA)."""

from centurio_lib.evaluation import chance, metrics
from centurio_lib.evaluation.task import TEXT_IN_IMAGES, Task, one_by_one

TASK = Task(
    name="smpqa_read",
    group=TEXT_IN_IMAGES,
    metric="exact_match",
    score=one_by_one(metrics.exact_match),
    besides={"cer": one_by_one(metrics.character_errors)},
    chance=chance.nothing,
    max_new_tokens=80,  # the longest of 51,645 labels has 77 bytes; a spelled answer may have one token a byte
    source="smpqa",
)
