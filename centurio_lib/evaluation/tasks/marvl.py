"""Is a statement about two images right? MaRVL (Liu et al. 2021), 5 languages; in English NLVR2 (Suhr et al. 2019)."""

from collections.abc import Iterator

from centurio_lib.data import test_prompts
from centurio_lib.data.sources import published
from centurio_lib.evaluation import guessing, metrics

NAME = "marvl"
METRIC = "accuracy"
MAX_NEW_TOKENS = 10
ANSWERS = ["yes", "no"]
score = metrics.exact_match
chance = guessing.among(len(ANSWERS))


def questions(source: published.Source, code: str) -> Iterator[published.Question]:
    """Items of one language."""
    yield from (nlvr2(source) if code == "en" else marvl(source, code))


def marvl(source: published.Source, code: str) -> Iterator[published.Question]:
    """MaRVL's, each pair of images from one concept's folder."""
    fields = ["id", "caption", "label", "concept", "left_img", "right_img"]
    for row in published.records(source, f"annotations/marvl-{code}.jsonl", fields):
        names = [f"images/{code}/images/{row['concept']}/{row[side]}" for side in ("left_img", "right_img")]
        yield published.Question(row["id"], [(name, published.picture(source, name)) for name in names],
                                 test_prompts.pair(row["caption"]), [ANSWERS[not row["label"]]])


def nlvr2(source: published.Source) -> Iterator[published.Question]:
    """NLVR2's public test set; an image's name follows from the pair's, and labels are words."""
    for row in published.records(source, "nlvr2/test1.json", ["identifier", "sentence", "label"]):
        names = [f"nlvr2/test1/{row['identifier'].rsplit('-', 1)[0]}-img{i}.png" for i in (0, 1)]
        yield published.Question(row["identifier"], [(name, published.picture(source, name)) for name in names],
                                 test_prompts.pair(row["sentence"]), [ANSWERS[str(row["label"]).lower() != "true"]])
