"""Tasks on made-up words and images: what every task and every split must hold. Run with: pytest tests/test_tasks.py"""

from collections import Counter
from random import Random

import numpy as np
import pandas as pd
import pytest

from centurio_lib import tables
from centurio_lib.data import prompts
from centurio_lib.evaluation import metrics, synthetic_items, tasks

PICTURES = tasks.of_group("pictures")
CODES = ["en", "de", "sw", "th"]
EMOJI, FLAGS = [f"e{i:02}" for i in range(24)], [f"F{i:02}" for i in range(10)]
N = 10


def words(code: str, concept: str) -> str:
    """A made-up name; German shares one with English for each kind, Swahili gives two emoji the same."""
    shared = code == "de" and concept in ("e00", "F00")
    twin = "e01" if code == "sw" and concept == "e02" else concept
    return f"{'en' if shared else code}{twin} {'en' if shared else code}word"


def made_up_texts(codes: list[str] = CODES) -> pd.DataFrame:
    rows = [(c, "emoji", f"group{i % 3}", code, words(code, c), [f"{code}a{i % 5}", f"{code}b{i % 4}", f"{code}c{i}"])
            for code in codes for i, c in enumerate(EMOJI)]
    rows += [(c, "flag", "Flags", code, words(code, c), []) for code in codes for c in FLAGS]
    return pd.DataFrame(rows, columns=["concept", "kind", "group", "language", "name", "keywords"])


def made_up_images(variants: int = 2) -> pd.DataFrame:
    splits = {"held": ["new-style"], "one": ["train", "new-language"], "two": ["train", "new-language"]}
    rows = [(f"{kind}/{c}/{style}/{split}/{v}", c, kind, style, v, split)
            for kind, concepts in (("emoji", EMOJI), ("flag", FLAGS)) for c in concepts
            for style, held in splits.items() for split in held for v in range(variants)]
    return pd.DataFrame(rows, columns=["image_id", "concept", "kind", "style", "variant", "split"])


HELD_OUT = {(c, code) for k, code in enumerate(CODES) for i, c in enumerate(EMOJI + FLAGS) if (i + k) % 4 == 0}


def drawn(task, codes: list[str] = CODES, n: int = N, seed: int = 0) -> pd.DataFrame:
    return synthetic_items.items(task, made_up_texts(codes), made_up_images(), HELD_OUT, n, seed)


@pytest.fixture(scope="module")
def tables_of() -> dict[str, pd.DataFrame]:
    """The items of every task, drawn once."""
    return {name: drawn(task) for name, task in PICTURES.items()}


def named_in(prompt: str, code: str, kind: str = "emoji") -> set[str]:
    """Concepts that a prompt calls by name."""
    return {c for c in (EMOJI if kind == "emoji" else FLAGS) if words(code, c) in prompt}


def original(items: pd.DataFrame, blind) -> pd.Series:
    """The new-style item that a blind one copies."""
    return items.set_index("item_id").loc[blind.item_id.replace("/blind/", "/new-style/")]


@pytest.mark.parametrize("name", PICTURES)
def test_items_fill_their_table(name, tables_of, tmp_path):
    items, task = tables_of[name], PICTURES[name]
    tables.write(tmp_path / "items.parquet", "items", items)
    assert (items.task == name).all() and items.item_id.is_unique
    assert set(items.language) == set(CODES) and set(items.split) == {"new-style", "new-language", "blind"}
    counts = items[items.split != "blind"].groupby(["language", "split"]).size()
    assert counts.drop("en").le(N).all() and counts["en"].between(N + 1, 4 * N).all()
    assert items.prompt.str.contains("English|German|Swahili|Thai").all()
    assert items.reference.str.len().gt(0).all() and 0 < task.max_new_tokens <= 64
    for images, concepts in zip(items.images, items.concepts, strict=True):
        assert [image.split("/")[1] for image in images] == concepts


@pytest.mark.parametrize("name", PICTURES)
def test_oracle_scores_exactly_100(name, tables_of):
    items, task = tables_of[name], PICTURES[name]
    np.testing.assert_allclose(task.score(items, items.reference.tolist()), 100)
    assert task.score(items, [""] * len(items)).max() == 0
    with pytest.raises(ValueError):
        task.score(items, ["too", "few"])


@pytest.mark.parametrize("name", ["multiple_choice", "image_pair", "odd_one_out", "flag"])
def test_random_answers_reach_the_chance_level(name, tables_of):
    items, task, random = tables_of[name], PICTURES[name], Random(0)
    guesses = {"multiple_choice": lambda row: row.options, "odd_one_out": lambda row: list("ABCDE"),
               "image_pair": lambda row: ["true", "false"],
               "flag": lambda row: [words(row.language, c) for c in FLAGS]}[name]
    rounds = [task.score(items, [random.choice(guesses(row)) for row in items.itertuples()]).mean()
              for _ in range(150)]
    assert np.mean(rounds) == pytest.approx(task.chance(items).mean(), abs=3.5 * np.std(rounds) / np.sqrt(len(rounds)))
    assert len(set(task.chance(items))) == 1 and len(task.chance(items)) == len(items)


def test_chance_of_a_caption_is_what_another_caption_scores(tables_of):
    items = tables_of["captioning"]
    assert 0 < PICTURES["captioning"].chance(items).mean() < 25
    assert PICTURES["captioning"].chance(items[:1]).tolist() == [0]


def test_chance_of_a_flag_counts_the_flags_asked_for(tables_of):
    items = tables_of["flag"]
    three = items[items.concepts.map(lambda shown: shown[0] in FLAGS[:3]) & (items.split != "blind")]
    assert set(PICTURES["flag"].chance(three)) == {100 / 3}
    assert PICTURES["flag"].chance(items[:0]).size == 0


def test_words_of_every_caption_weigh_less_than_rare_ones():
    items = pd.DataFrame({"language": "en", "reference": ["common dog", "common cat", "common boat"]})
    often, rarely = (metrics.caption_shares(items, answers)[0] for answers in (["common", "", ""], ["dog", "", ""]))
    assert 0 < often < rarely / 2


@pytest.mark.parametrize("name", PICTURES)
def test_blind_items_ask_the_same_and_show_nothing_that_is_spoken_of(name):
    task = PICTURES[name]
    items = drawn(task, n=100)
    blind = items[items.split == "blind"]
    for row in blind.itertuples():
        seen = original(items, row)
        assert (row.prompt, row.reference, len(row.images)) == (seen.prompt, seen.reference, len(seen.images))
        spoken = set(seen.concepts) | named_in(row.prompt, row.language, task.kind)
        assert not set(row.concepts) & spoken
        assert not {words(row.language, c) for c in row.concepts} & {words(row.language, c) for c in spoken}
        assert all("/held/" in image for image in row.images)
    asked = items[items.split == "new-style"].groupby("language").size()
    assert (blind.groupby("language").size() == -(-asked // 3)).all()


@pytest.mark.parametrize("name", PICTURES)
def test_a_single_item_has_a_blind_copy(name):
    counts = drawn(PICTURES[name], n=1).groupby(["language", "split"]).size()
    assert counts.drop("en").eq(1).all() and counts["en"].to_dict() == {"blind": 2, "new-style": 4, "new-language": 4}


@pytest.mark.parametrize("name", PICTURES)
def test_splits_keep_their_images_and_pairs(name, tables_of):
    split_of = dict(made_up_images()[["image_id", "split"]].values)
    for row in tables_of[name].itertuples():
        assert {split_of[image] for image in row.images} == {"new-style" if row.split == "blind" else row.split}
        if row.split != "blind":
            about = {c for c in row.concepts} if name != "odd_one_out" else {Counter(row.concepts).most_common(1)[0][0]}
            assert {(c, row.language) in HELD_OUT for c in about} == {row.split == "new-language"}


@pytest.mark.parametrize("name", PICTURES)
def test_items_depend_on_the_seed_and_on_nothing_but_their_own_language(name, tables_of):
    task, items = PICTURES[name], tables_of[name]
    pd.testing.assert_frame_equal(drawn(task), items)
    for split in ("new-style", "new-language"):
        own, other = (table[table.split == split].reset_index(drop=True) for table in (items, drawn(task, seed=1)))
        assert not own.equals(other)
    fewer = drawn(task, codes=["en", "sw"])
    pd.testing.assert_frame_equal(fewer, items[items.language.isin(["en", "sw"])].reset_index(drop=True))
    texts, images = (table.sample(frac=1, random_state=0) for table in (made_up_texts(), made_up_images()))
    pd.testing.assert_frame_equal(synthetic_items.items(task, texts, images, HELD_OUT, N, 0), items)


@pytest.mark.parametrize(("name", "options"), [("multiple_choice", range(4)), ("odd_one_out", "ABCDE"),
                                               ("image_pair", ["true", "false"])])
@pytest.mark.parametrize("n", [6, 7, 10])
def test_answers_are_balanced(name, options, n):
    items = drawn(PICTURES[name], n=n)
    if name == "multiple_choice":
        items = items.assign(reference=[row.options.index(row.reference) for row in items.itertuples()])
    for _, own in items[items.split != "blind"].groupby(["language", "split"]):
        counts = [list(own.reference).count(option) for option in options]
        assert sum(counts) == len(own) and max(counts) - min(counts) <= 1


@pytest.mark.parametrize("name", ["captioning", "multiple_choice", "flag"])
def test_each_concept_is_asked_once_before_any_comes_again_and_no_image_comes_twice(name):
    for _, own in drawn(PICTURES[name], n=100).query("split != 'blind'").groupby(["language", "split"]):
        concepts = [shown[0] for shown in own.concepts]
        distinct = len(set(concepts))
        assert len(set(concepts[:distinct])) == distinct and own.images.map(tuple).is_unique


def test_choices_are_four_names_one_of_them_right(tables_of):
    for row in tables_of["multiple_choice"].query("split != 'blind'").itertuples():
        assert len(set(row.options)) == 4 and row.prompt.endswith(f"? {', '.join(row.options)}")
        assert row.reference in row.options and row.reference == words(row.language, row.concepts[0])


def test_wrong_choices_are_the_most_similar_by_english_keywords():
    texts = made_up_texts()
    alike = synthetic_items.similar(
        texts[texts.language == "en"].query("kind == 'emoji'"), texts[texts.language == "en"]
    )
    keywords = {r.concept: set(r.keywords) for r in texts[texts.language == "en"].itertuples()}
    for concept, others in alike.items():
        overlaps = [len(keywords[concept] & keywords[other]) for other in others]
        assert overlaps == sorted(overlaps, reverse=True) and len(set(others)) == len(EMOJI) - 1
    assert alike["e00"][0] == "e20"  # shares two keywords with it, any other at most one


def test_a_pair_is_true_exactly_if_both_names_fit(tables_of):
    for row in tables_of["image_pair"].query("split != 'blind'").itertuples():
        shown = {words(row.language, c) for c in row.concepts}
        said = set(row.prompt.split(") ")[1].removesuffix(".").split(" and "))
        assert len(said) == len(shown) == 2 and len(said & shown) == (2 if row.reference == "true" else 1)


def test_the_odd_one_is_odd(tables_of):
    there = made_up_images().groupby(["split", "concept"]).size()
    for row in tables_of["odd_one_out"].query("split != 'blind'").itertuples():
        (shown, four), (odd, one) = Counter(row.concepts).most_common()
        assert (four, one) == (4, 1) and row.concepts[prompts.LETTERS.index(row.reference)] == odd
        assert words(row.language, shown) in row.prompt and words(row.language, odd) not in row.prompt
        assert len(set(row.images)) == 1 + min(4, there[row.split, shown])


@pytest.mark.parametrize(("name", "shared"), [("captioning", "e00"), ("flag", "F00")])
def test_names_that_are_english_too_are_no_evidence_of_another_language(name, shared):
    items = drawn(PICTURES[name], n=100)
    asked = items[items.split != "blind"]
    has = {code for code, shown in zip(asked.language, asked.concepts, strict=True) if shared in shown}
    assert "en" in has and "sw" in has and "de" not in has


def test_languages_without_a_kind_have_no_items_of_it():
    texts = made_up_texts().query("kind == 'flag' or language != 'sw'")
    choices, flags, none = (synthetic_items.items(PICTURES[name], words, made_up_images(), HELD_OUT, 4, 0)
                            for name, words in (("multiple_choice", texts), ("flag", texts), ("flag", texts[:0])))
    assert "sw" not in set(choices.language) and "sw" in set(flags.language)
    assert none.columns.tolist() == synthetic_items.COLUMNS


def test_too_few_names_make_no_choice_and_no_other_image_no_blind_copy():
    two = made_up_texts().query("concept in ['e01', 'e02']")
    assert synthetic_items.items(PICTURES["multiple_choice"], two, made_up_images(), set(), 4, 0).empty
    one, images = two.query("concept == 'e01'"), made_up_images().query("concept == 'e01'")
    with pytest.raises(ValueError, match=r"blind item in 'de'.*choose more"):
        synthetic_items.items(PICTURES["captioning"], one, images, set(), 1, 0)
