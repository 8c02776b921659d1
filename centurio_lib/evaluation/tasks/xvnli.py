"""Does a statement in 5 languages follow from an image? Yes, no or maybe (XVNLI, Bugliarello et al. 2022, IGLUE)."""

from collections.abc import Iterator

from centurio_lib.evaluation import benchmark_files, benchmark_prompts, metrics
from centurio_lib.evaluation import chance as guessing

NAME = "xvnli"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = {"entailment": "yes", "contradiction": "no", "neutral": "maybe"}
FIELDS = ["gold_label", "sentence2", "pairID", "Flikr30kID"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language. Statements that annotators did not agree on ("-") are left out."""
    for row in benchmark_files.records(source, f"annotations/{code}/test.jsonl", FIELDS):
        if row["gold_label"] in ANSWERS:
            name = f"{row['Flikr30kID']}.jpg"
            yield benchmark_files.Question(row["pairID"], [(name, benchmark_files.picture(source, f"images/{name}"))],
                                     benchmark_prompts.follows(row["sentence2"]), [ANSWERS[row["gold_label"]]])
