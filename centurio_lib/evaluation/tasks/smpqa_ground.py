"""Say whether a label is on the part of a plot described by size or colour (grounding in SMPQA)."""

from centurio_lib.evaluation import chance, metrics
from centurio_lib.evaluation.task import TEXT_IN_IMAGES, Task, one_by_one

ANSWERS = ("yes", "no")

TASK = Task(
    name="smpqa_ground",
    group=TEXT_IN_IMAGES,
    metric="accuracy",
    score=one_by_one(metrics.exact_match),
    chance=chance.among(len(ANSWERS)),
    max_new_tokens=8,
    source="smpqa",
    options=ANSWERS,
)
