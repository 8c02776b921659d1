"""Caption an image in a given language with name and keywords of the concept (the form of XM3600)."""

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
    max_new_tokens=40,  # one of 1,000 gold captions is longer, in the laptop's tokens
    generative=True,
    identified=True,
    besides={"chrf": one_by_one(metrics.chrf)},
    kind="emoji",
    write=write,
)
