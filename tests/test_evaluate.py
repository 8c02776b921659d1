"""One pass over all tasks on made-up words: items, answers, predictions, scores.

Run with: pytest tests/test_evaluate.py
"""

import numpy as np
import pandas as pd
import pytest
import tiny

from centurio_lib import params, tables
from centurio_lib.data import splits
from centurio_lib.evaluation import evaluate, fidelity, metrics, synthetic_items, tasks
from centurio_lib.languages import languages, tier_label

PICTURES = tasks.of_group("pictures")
UNKNOWN = next(code for code, lang in languages().items() if not lang.cld2)  # to the language identifier
CODES = ["en", "de", "sw", "th", UNKNOWN]
CONFIG = tiny.PROFILE.evaluation.model_copy(update={"items": dict.fromkeys(PICTURES, 4), "batch_size": 8, "seed": 0})
IDENTITY = {"profile": "toy", "setup": "T5", "backbone": "tiny", "seed": 3}
CELL = ["task", "split", "language"]


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    """Items of every task in five languages."""
    words = tiny.texts()[tiny.texts().language.isin(CODES)]
    return evaluate.items(words, tiny.images(), splits.held_out_pairs(words, tiny.DATA), CONFIG)


@pytest.fixture(scope="module")
def oracle(items) -> pd.DataFrame:
    """Predictions of a model that knows every reference."""
    return evaluate.predictions(items, items.reference.tolist(), IDENTITY)


def headline(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of the tasks' headlines."""
    return scores[scores.headline]


def test_every_task_has_items_in_every_language_and_split(items, tmp_path):
    tables.write(tmp_path / "items.parquet", "items", items)
    counts = items.groupby(CELL).size()
    assert len(counts) == len(PICTURES) * 3 * len(CODES)
    full = counts.drop("blind", level="split")
    assert full.drop("en", level="language").max() == 4
    assert full.xs("en", level="language").max() == 4 * synthetic_items.ENGLISH_ITEMS
    assert items.item_id.is_unique


def test_profile_asks_only_the_tasks_that_it_names():
    words = tiny.texts()[tiny.texts().language.isin(CODES)]
    one = CONFIG.model_copy(update={"items": {"flag": 2}})
    assert set(evaluate.items(words, tiny.images(), set(), one).task) == {"flag"}


def test_unknown_task_is_named_with_those_there_are():
    config = CONFIG.model_copy(update={"items": {"flag": 2, "flagg": 2}})
    message = r"evaluation.items names unknown tasks \['flagg'\]; centurio_lib/evaluation/tasks declares \['bin_mc'"
    with pytest.raises(params.ParamsError, match=message):
        evaluate.items(tiny.texts(), tiny.images(), set(), config)


def test_oracle_gets_100_in_every_cell(oracle):
    found = headline(evaluate.scores(oracle, IDENTITY))
    assert len(found) == len(PICTURES) * 3 * len(CODES)
    assert found.value.to_numpy() == pytest.approx(100)


def test_silence_gets_nothing_in_any_cell(items):
    found = headline(evaluate.scores(evaluate.predictions(items, [""] * len(items), IDENTITY), IDENTITY))
    assert (found.value == 0).all()


def test_a_score_is_the_mean_over_the_items_of_its_cell(items):
    """One right answer in each cell, at a place that changes from cell to cell."""
    first = items.sample(frac=1, random_state=0).drop_duplicates(CELL).index
    answers = items.reference.where(items.index.isin(first), "?").tolist()
    found = headline(evaluate.scores(evaluate.predictions(items, answers, IDENTITY), IDENTITY))
    assert found.value.to_numpy() == pytest.approx(100 / found.n.to_numpy())


def test_scores_table_holds_runs_tiers_counts_and_chance(items, oracle, tmp_path):
    found = evaluate.scores(oracle, IDENTITY)
    tables.write(tmp_path / "scores.parquet", "scores", found)
    assert not found[[*CELL, "metric"]].duplicated().any()
    assert (found[list(IDENTITY)] == pd.Series(IDENTITY)).all().all()
    assert (found.tier == found.language.map(tier_label)).all() and set(found.tier) >= {"en", "T5", "T2"}
    main = headline(found).set_index(CELL)
    assert (main.n == items.groupby(CELL).size().reindex(main.index)).all()
    assert main.chance.notna().all() and main.chance.between(0, 99).all()
    assert main.chance["multiple_choice"].eq(25).all() and main.chance["image_pair"].eq(50).all()
    assert main.chance["odd_one_out"].eq(20).all()


def test_captions_have_chrf_fidelity_and_its_ceiling_and_other_tasks_a_lenient_match(oracle):
    found = evaluate.scores(oracle, IDENTITY)
    measured = {name: set(found[found.task == name].metric) for name in PICTURES}
    assert measured.pop("captioning") == {"cider", "chrf", "fidelity", "fidelity_normalised", "fidelity_ceiling"}
    assert all(metric == {PICTURES[name].metric, "lenient"} for name, metric in measured.items())
    assert found[found.metric == "chrf"].value.to_numpy() == pytest.approx(100)


def test_tables_say_of_each_task_its_group_and_whether_its_language_is_free(oracle):
    found = evaluate.scores(oracle, IDENTITY)
    for table in (oracle, found):
        assert set(table.task_group) == {"pictures"}
        assert set(table[table.generative].task) == {"captioning", "flag"}
    assert (oracle.metric == oracle.task.map({name: task.metric for name, task in PICTURES.items()})).all()
    assert found.groupby("task").apply(lambda rows: rows[rows.headline].metric.nunique()).eq(1).all()


def test_the_language_of_an_answer_is_identified_once(items, monkeypatch):
    texts, identify = [], fidelity.identify
    monkeypatch.setattr(fidelity, "identify", lambda of, by: texts.extend(of) or identify(of, by))
    captions = items[items.task == "captioning"].reset_index(drop=True)
    answers = [f"answer {i}" for i in range(len(captions))]
    evaluate.scores(evaluate.predictions(captions, answers, IDENTITY), IDENTITY)
    assert sorted(text for text in texts if text.startswith("answer")) == sorted(answers)


def test_fidelity_is_left_out_where_the_identifier_lacks_the_language(items):
    """And is the share of the answers in the language asked for, beside that of the references."""
    text = {"en": "This is a large house with a garden and many people live in it.",
            "de": "Das ist ein großes Haus mit einem Garten und vielen Menschen darin.",
            "sw": "Hii ni nyumba kubwa yenye bustani na watu wengi wanaishi ndani yake.",
            "th": "นี่คือบ้านหลังใหญ่ที่มีสวนและมีคนอาศัยอยู่มากมาย", UNKNOWN: "house garden people"}
    own = items[(items.task == "captioning") & (items.split == "new-style")].reset_index(drop=True)
    own = own.assign(reference=own.language.map(text))
    said = [text["de"] if i % 2 else reference for i, reference in enumerate(own.reference)]
    predictions = evaluate.predictions(own, said, IDENTITY)
    found = evaluate.scores(predictions, IDENTITY).set_index(["metric", "language"]).value
    assert found["fidelity_ceiling"].eq(100).all()
    assert found["fidelity"][["en", "sw", "th"]].to_list() == [50, 50, 50] and found["fidelity", "de"] == 100
    assert ("fidelity", UNKNOWN) not in found.index and ("cider", UNKNOWN) in found.index
    assert predictions.in_language.isna().eq(predictions.language == UNKNOWN).all()


def test_predictions_keep_every_item_with_its_score(items, oracle, tmp_path):
    names = tables.SCHEMAS["predictions"].names
    tables.write(tmp_path / "predictions.parquet", "predictions", oracle[names])
    assert oracle.item_id.tolist() == items.item_id.tolist() and oracle.score.notna().all()
    assert oracle.in_language.notna().eq((oracle.task == "captioning") & (oracle.language != UNKNOWN)).all()
    wrong = evaluate.predictions(items, items.reference.tolist()[::-1], IDENTITY)
    flags = wrong[wrong.task == "flag"]
    pairs = zip(flags.prediction, flags.reference, strict=True)
    assert flags.score.tolist() == [metrics.exact_match(*pair) for pair in pairs]


def test_model_answers_every_item_the_same_in_any_batch(items, tmp_path):
    """From items to scores with a tiny random model."""
    shown = tiny.features_of(tmp_path)
    some = items.groupby("task").head(5).reset_index(drop=True)
    ids = [[tiny.IMAGE_IDS[hash_of(image) % 8] for image in images] for images in some.images]
    some, model = some.assign(images=ids), tiny.model()
    answers = [evaluate.answer(model, tiny.tokenizer(), shown, some, batch) for batch in (1, 7)]
    assert answers[0] == answers[1] and len(answers[0]) == len(some)
    scores = evaluate.scores(evaluate.predictions(some, answers[0], IDENTITY), IDENTITY)
    assert np.isfinite(headline(scores).value).all() and headline(scores).n.sum() == len(some)


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return sum(text.encode())
