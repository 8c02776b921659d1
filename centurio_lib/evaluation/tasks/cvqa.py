"""Questions on the culture of a country, in its language, four options (CVQA, Romero et al. 2024): 39 pairs."""

import ast
from collections.abc import Iterator

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import guessing, metrics
from centurio_lib.languages import tested

NAME = "cvqa"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
FIELDS = ["id", "subset", "question", "options", "label", "image"]
score = metrics.letter_match
chance = guessing.letters


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language and country. Raises MissingDataError where the labels are hidden, as on the test server."""
    where = ("subset", lambda stated: subset(stated) == tested()[code].name)
    for row in published.table(source, "data/test-*.parquet", FIELDS, where):
        options = row["options"] if isinstance(row["options"], list) else ast.literal_eval(row["options"])
        if not 0 <= int(row["label"]) < len(options):
            raise published.MissingDataError(f"{source.name}: the labels are hidden in this revision; predictions can "
                                             f"be sent to the test server that {source.stated.page} names")
        image = published.content(source, row["image"], row["id"])
        yield published.Question(row["id"], [(row["id"], image)], test_prompts.choice(row["question"], options),
                                 [test_prompts.LETTERS[int(row["label"])]])


def subset(stated: str) -> str:
    """ "Korean (South Korea)" of "('Korean', 'South Korea')"."""
    language, country = ast.literal_eval(stated)
    return f"{language} ({country})".replace("_", " ")
