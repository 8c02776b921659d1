"""Captioning in a given language: name and keywords of what the image shows (XM3600's shape)."""

from itertools import islice

from centurio_lib.data import prompts
from centurio_lib.evaluation import chance, metrics, synthetic_items
from centurio_lib.evaluation.task import PICTURES, Task, one_by_one

KEYWORDS = 3


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split."""
    return [synthetic_items.Item([image], [concept], prompts.describe(cell.language),
                      prompts.dense_caption(cell.names[concept], list(cell.keywords[concept])[:KEYWORDS]), {concept})
            for concept, image in islice(synthetic_items.subjects(synthetic_items.telling(cell)), n)]


TASK = Task(
    name="captioning",
    group=PICTURES,
    metric="cider",
    score=metrics.caption_shares,
    chance=chance.another(metrics.caption_shares),
    max_new_tokens=40,  # of 1,000 gold captions one is longer, in the laptop's tokens
    generative=True,
    identified=True,
    besides={"chrf": one_by_one(metrics.chrf)},
    kind="emoji",
    write=write,
)
