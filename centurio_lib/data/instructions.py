"""The instruction table: conversations about one or several images, in every language that they could be in.

Families are `single` (name, description, country, multiple choice), `pair` (two images, true or false) and
`odd_one_out` (five images). A profile states how many samples show several images (`data.multi_image`). All questions
on one image make one conversation, as in the paper. Names of (concept, language) pairs that are kept for testing appear
nowhere, not even as a wrong choice. `mix.py` later takes one language for each sample.
"""

from random import Random
from typing import NamedTuple

import pandas as pd

from centurio_lib.data import prompts
from centurio_lib.data.pictures import KEYWORDS
from centurio_lib.data.sources import things
from centurio_lib.data.splits import Pairs
from centurio_lib.params import Data

UNNAMED_ENGLISH = 0.5  # share of English prompts that do not name the language


class Words(NamedTuple):
    """Words that training may use: names and keywords by `[language][concept]`, emoji by `[language]`."""

    names: dict[str, dict[str, str]]
    keywords: dict[str, dict[str, list[str]]]
    kinds: dict[tuple[str, str], list[str]]  # (language, kind) -> concepts


def words(texts: pd.DataFrame, pairs: Pairs) -> Words:
    """The texts of all pairs that are not held out."""
    names: dict = {}
    keywords: dict = {}
    kinds: dict = {}
    for row in texts.itertuples():
        if (row.concept, row.language) not in pairs:
            kinds.setdefault((row.language, row.kind), []).append(row.concept)
            names.setdefault(row.language, {})[row.concept] = row.name
            keywords.setdefault(row.language, {})[row.concept] = list(row.keywords)[:KEYWORDS]
    return Words(names, keywords, kinds)


def samples(images: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Samples before a language is chosen: sample_id, family, images, concepts (the wrong one last), kind.

    `data.multi_image` gives the multi-image samples of a family for each single-image sample.
    """
    train = images[images.split == "train"]
    single = [("single", [r.image_id], [r.concept], r.kind) for r in train.itertuples()]
    random = Random(f"samples/{data.seed}")
    images_of = train.groupby(["concept", "kind"]).image_id.apply(list).to_dict()
    several = [_several(images_of, random, family) for family, share in data.multi_image.items()
               for _ in range(int(share * len(single)))]
    frame = pd.DataFrame(single + several, columns=["family", "images", "concepts", "kind"])
    return frame.assign(sample_id=[f"{family}-{i}" for i, family in enumerate(frame.family)])


def _several(images_of: dict, random: Random, family: str) -> tuple:
    of_kind = {kind: [concept for concept, k in images_of if k == kind] for kind in things.modules()}
    kinds = [kind for kind, concepts in of_kind.items() if len(concepts) >= 3]
    kind = random.choices(kinds, [things.declared(kind).share for kind in kinds])[0]
    concept, other, wrong = random.sample(of_kind[kind], 3)
    right, different = images_of[concept, kind], random.choice(images_of[other, kind])
    if family == "pair":
        return family, [random.choice(right), different], [concept, other, wrong], kind
    ids = random.sample(right, 4)
    ids.insert(random.randrange(5), different)
    return family, ids, [concept, other], kind


def conversation(sample, code: str, use: Words) -> list[tuple[str, str]] | None:
    """Questions and answers of a sample in a language, or None where the language lacks a name that it needs."""
    names = use.names[code]
    if any(concept not in names for concept in sample.concepts):
        return None
    random = Random(f"{sample.sample_id}/{code}")
    return FAMILIES[sample.family](sample, code, use, random)


def _single(sample, code, use, random):
    concept, names = sample.concepts[0], use.names[code]
    named_as = None if code == "en" and random.random() < UNNAMED_ENGLISH else code
    source = things.declared(sample.kind)
    turns = [(prompts.QUESTIONS[source.question](named_as), names[concept])]
    if source.described:
        turns.append((prompts.describe(named_as), prompts.dense_caption(names[concept], use.keywords[code][concept])))
        random.shuffle(turns)
    question = _choice(sample, code, use, random)
    return [*turns, question] if random.random() < 0.5 else [question, *turns]


def _choice(sample, code, use, random):
    concept, names = sample.concepts[0], use.names[code]
    # one more than needed, in case the concept itself or a name like its own is drawn
    others = [c for c in random.sample(use.kinds[code, sample.kind], 5) if names[c] != names[concept]]
    options = [concept, *others[:3]]
    random.shuffle(options)
    return prompts.choice(code, [names[c] for c in options]), names[concept]


def _pair(sample, code, use, random):
    first, second, wrong = (use.names[code][c] for c in sample.concepts)
    named, answer = ([first, second], "true") if random.random() < 0.5 else ([first, wrong], "false")
    random.shuffle(named)
    return [(prompts.pair(code, named), answer)]


def _odd(sample, code, use, random):
    odd = [image.split("/")[1] for image in sample.images].index(sample.concepts[1])
    return [(prompts.odd_one_out(code, use.names[code][sample.concepts[0]]), prompts.LETTERS[odd])]


FAMILIES = {"single": _single, "pair": _pair, "odd_one_out": _odd}


def build(texts: pd.DataFrame, images: pd.DataFrame, pairs: Pairs, data: Data) -> pd.DataFrame:
    """The `instructions` table: one row for each sample and language that it could be in."""
    use, rows = words(texts, pairs), []
    for sample in samples(images, data).itertuples():
        for code in use.names:
            turns_of_sample = conversation(sample, code, use)
            if turns_of_sample:
                turns = [{"role": role, "text": text} for turn in turns_of_sample
                         for role, text in zip(("user", "assistant"), turn, strict=True)]
                rows.append((sample.sample_id, sample.images, sample.concepts, code, sample.family, turns, False,
                             "train"))
    columns = ["sample_id", "images", "concepts", "language", "family", "turns", "text_heavy", "split"]
    return pd.DataFrame(rows, columns=columns)
