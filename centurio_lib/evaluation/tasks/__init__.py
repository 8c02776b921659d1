"""What is asked of a model: one file a task, and the registry of them.

A task module has NAME, METRIC (its headline), MAX_NEW_TOKENS, and four functions: `items` gives the rows of the
`items` table; `score(prediction, reference)` scores one answer, 0..100, and gives the reference itself 100;
`scores(items, predictions)` scores many, in the order of the items; `chance(items)` is the headline that each item gets
by guessing. It knows nothing of models. To add one, add its module here and its number of items to the profiles.

PICTURES have KIND (of the concepts that they ask about) and draw their items,
`items(texts, images, held_out, n, seed)`; TEXT takes them from the questions that notebook 06 made with its plots,
`items(questions, n)`.
"""

from centurio_lib.evaluation.tasks import (
    captioning,
    flag,
    image_pair,
    multiple_choice,
    odd_one_out,
    smpqa_ground,
    smpqa_read,
)

PICTURES = {module.NAME: module for module in (captioning, multiple_choice, flag, image_pair, odd_one_out)}
TEXT = {module.NAME: module for module in (smpqa_read, smpqa_ground)}
TASKS = PICTURES | TEXT
