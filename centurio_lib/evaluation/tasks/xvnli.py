"""Does a statement in 5 languages follow from an image? Yes, no or maybe (XVNLI, Bugliarello et al. 2022, IGLUE)."""

from collections.abc import Iterator

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import guessing, metrics

NAME = "xvnli"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = {"entailment": "yes", "contradiction": "no", "neutral": "maybe"}
FIELDS = ["gold_label", "sentence2", "pairID", "Flikr30kID"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language. Statements that annotators did not agree on ("-") are left out."""
    for row in published.records(source, f"annotations/{code}/test.jsonl", FIELDS):
        if row["gold_label"] in ANSWERS:
            name = f"{row['Flikr30kID']}.jpg"
            yield published.Question(row["pairID"], [(name, published.picture(source, f"images/{name}"))],
                                     test_prompts.follows(row["sentence2"]), [ANSWERS[row["gold_label"]]])
