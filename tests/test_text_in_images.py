"""Questions about text in images: which are asked, how they are scored, and the tables by script.

Run with: pytest tests/test_text_in_images.py
"""

import numpy as np
import pandas as pd
import pytest
import tiny

from centurio_lib import params, tables
from centurio_lib.data import artwork, splits
from centurio_lib.data.text_images import smpqa
from centurio_lib.evaluation import evaluate, metrics, tasks
from centurio_lib.findings import ablation, claims, scores, text_in_images
from centurio_lib.languages import tier_label

LABELS = {code: [f"{code}{letter}" for letter in "abcdefghijklmnop"] for code in ("en", "de", "ar", "th")}
SETUPS = ["PT50-text", "OCR50"]
IDENTITY = {"profile": "smoke", "backbone": "tiny", "seed": 0}
TEXT = tasks.of_group("text_in_images")
CONFIG = tiny.PROFILE.evaluation.model_copy(update={"items": {"smpqa_read": 2, "smpqa_ground": 1, "flag": 3}})


def plots(n: int = 8) -> pd.DataFrame:
    """A `plots` table of the test, nothing drawn."""
    rows = []
    for code, labels in LABELS.items():
        for kind in smpqa.KINDS:
            for number in range(n):
                random = artwork.random_for(code, kind, number)
                rows.append({"plot_id": f"smpqa/test/{code}/{kind}/{number}", "language": code, "split": "test",
                             "kind": kind, "script": {"ar": "Arabic", "th": "Thai"}.get(code, "Latin"),
                             "labels": random.choice(labels, 4, replace=False).tolist(), "values": [10, 20, 30, 40],
                             "colours": ["red", "blue", "black", "green"],
                             "image": artwork.to_bytes(artwork.Image.new("RGB", (8, 8)))})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def questions() -> pd.DataFrame:
    """Files that notebook 06 leaves."""
    return smpqa.items(plots(), 0)


@pytest.fixture(scope="module")
def items(questions) -> pd.DataFrame:
    """Items for a model: two SMPQA plots to read and one to ground in each language."""
    words = tiny.texts()[tiny.texts().language.isin(["en", "de"])]
    return evaluate.items(words, tiny.images(), set(), CONFIG, questions)


def answered(items: pd.DataFrame, setup: str, right: dict[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and scores of a setup that knows such a share of the labels of each script, and half of all else."""
    random = np.random.default_rng(len(setup))
    asked = items[items.task.isin(TEXT)].reset_index(drop=True)
    share = asked.language.map(scores.script).map(right).where(asked.task == "smpqa_read", 0.5)
    share = share.where(asked.split == "test", 0.0)
    said = asked.reference.where(random.random(len(asked)) < share, "xx").tolist()
    identity = IDENTITY | {"setup": setup}
    predictions = evaluate.predictions(asked, said, identity)
    return predictions, evaluate.scores(predictions, identity)


@pytest.fixture(scope="module")
def study(items, questions, tmp_path_factory) -> list:
    """Stored scores of two setups, and the data that notebook 23 looks at."""
    folder, found = tmp_path_factory.mktemp("study"), []
    shares = {"en": 0.5, "latin": 0.2, "other": 0.0}, {"en": 0.9, "latin": 0.7, "other": 0.3}
    for setup, right in zip(SETUPS, shares, strict=True):
        predictions, scored = answered(items, setup, right)
        tables.write(folder / setup / "predictions.parquet", "predictions",
                     predictions[tables.SCHEMAS["predictions"].names])
        found.append(tables.write(folder / setup / "scores.parquet", "scores", scored))
    made = plots().drop(columns="image").assign(image=plots().image)
    tables.write(folder / "smpqa" / "plots-0000-x.parquet", "plots", made)
    tables.write(folder / "smpqa" / "items.parquet", "items", questions)
    return found


def items_of(study: list) -> pd.DataFrame:
    """Items of the stored evaluations."""
    return scores.items(scores.answers(study))


# === blind copies ===
def test_blind_questions_ask_the_same_about_a_plot_without_the_label(questions, tmp_path):
    tables.write(tmp_path / "items.parquet", "items", questions)
    labels = dict(zip(plots().plot_id, plots().labels, strict=True))
    by_id, blind = questions.set_index("item_id"), questions[questions.split == "blind"]
    assert questions.item_id.is_unique
    for row in blind.itertuples():
        seen = by_id.loc[row.item_id.removesuffix("/blind")]
        assert (row.prompt, row.reference, row.language) == (seen.prompt, seen.reference, seen.language)
        assert seen.split == "test"
        (shown,), (own,) = row.images, seen.images
        spoken = row.prompt.split('"')[1] if row.task == smpqa.SMPQA_GROUND else row.reference
        assert shown.split("/")[2:4] == own.split("/")[2:4] and spoken in labels[own] and spoken not in labels[shown]
    asked = questions[questions.split == "test"].groupby(["task", "language"]).size()
    assert (blind.groupby(["task", "language"]).size() == -(-asked // splits.BLIND_EVERY)).all()
    yes = blind[blind.task == smpqa.SMPQA_GROUND].reference.eq("yes").mean()
    assert 0.4 < yes < 0.6


def test_a_single_plot_has_no_blind_copy_and_says_what_to_raise():
    alone = plots(1)[lambda p: (p.language == "de") & (p.kind == "bar")]
    with pytest.raises(ValueError, match=r"de: no plot of the test can stand for another: raise smpqa\.test"):
        smpqa.items(alone, 0)


# === what is asked ===
def test_plots_are_capped_and_bars_and_slices_take_turns(items):
    for task, n in (("smpqa_read", 2), ("smpqa_ground", 1)):
        own = items[(items.task == task) & (items.split == "test")]
        counts = own.images.str[0].groupby(own.language).unique()
        assert counts.str.len().to_dict() == {"en": 4 * n, "de": n, "ar": n, "th": n}
        kinds = [plot.split("/")[3] for plot in counts["en"]]
        assert abs(kinds.count("bar") - kinds.count("pie")) == 0
        assert len(own) == (5 if task == "smpqa_read" else 8) * 7 * n
    assert items[items.task == "smpqa_ground"].options.map(list).map(" ".join).eq("yes no").all()
    assert not items[items.task == "smpqa_read"].options.map(len).any()


def test_setups_without_text_are_not_asked():
    words = tiny.texts()[tiny.texts().language.isin(["en", "de"])]
    assert set(evaluate.items(words, tiny.images(), set(), CONFIG).task) == {"flag"}


@pytest.mark.parametrize("name", ["smpqa_read", "smpqa_ground"])
def test_oracle_scores_100_and_silence_nothing(name, items):
    own, task = items[items.task == name], TEXT[name]
    assert (task.score(own, own.reference.tolist()) == 100).all()
    assert (task.score(own, [""] * len(own)) == 0).all()
    assert (task.chance(own) == {"smpqa_read": 0, "smpqa_ground": 50}[name]).all()


def test_guesses_reach_the_chance_of_grounding(items):
    own = items[items.task == "smpqa_ground"]
    assert abs(TEXT["smpqa_ground"].score(own, ["yes"] * len(own)).mean() - 50) < 5


@pytest.mark.parametrize(("said", "meant", "wanted"), [
    ("dog", "dog", 0), ("Dog ", "dog", 0), ("", "dog", 100), ("dig", "dog", 100 / 3), ("a long story", "ab", 550),
    ("क्षि", "क्षा", 100), ("สุนัข", "สุนัง", 100 / 3), ("각", "각", 0)])
def test_character_errors_count_what_readers_see(said, meant, wanted):
    assert metrics.character_errors(said, meant) == pytest.approx(wanted)


def test_error_rate_is_stored_beside_reading(items):
    _, scored = answered(items, "OCR50", {"en": 1.0, "latin": 0.0, "other": 0.0})
    errors = scored[(scored.metric == "cer") & (scored.split == "test")].set_index("language").value
    assert errors["en"] == 0 and errors["de"] == 100
    assert set(scored.metric) == {"exact_match", "accuracy", "cer", "lenient"}
    assert scored[scored.metric == "cer"].chance.isna().all()


# === tables and figures ===
def test_table_is_by_script_beside_the_papers(study):
    cells, found = scores.stored(study), items_of(study)
    tidy = text_in_images.table(params.profile("smoke"), cells, found)
    assert [*scores.COLUMNS, "chance"] == list(tidy.columns) and set(tidy.group) == set(scores.SCRIPTS)
    by = tidy.set_index(["metric", "setup", "split", "group"])
    assert by.published["smpqa_read", "OCR50", "test", "other"] == 7.1
    assert by.published["smpqa_ground", "PT50-text", "test", "en"] == 76.1
    assert by.published.xs("blind", level="split").isna().all() and by.published["cer"].isna().all()
    own = cells.query("task == 'smpqa_read' and metric == 'exact_match' and setup == 'OCR50' and split == 'test'")
    other = own[own.language.isin(["ar", "th"])].value.mean()
    assert by.value["smpqa_read", "OCR50", "test", "other"] == pytest.approx(other, abs=1e-3)
    assert by.n["smpqa_read", "OCR50", "test", "other"] == 2
    tested = tidy[tidy.metric.isin(text_in_images.known(found)) & (tidy.split == "test")]
    judged = tested[tested.low.notna()]
    assert len(judged) > len(tested) / 2 and tested[tested.low.isna()].why.ne("").all()
    assert (judged.low <= judged.value).all() and (judged.value <= judged.high).all() and judged["items"].gt(0).all()
    assert set(judged.chance) == {0.0, 50.0}


def test_text_is_in_no_table_of_all_tasks(study, items):
    assert all(ablation.part(scores.stored(study), part).empty for part in ablation.PARTS)


def test_differences_are_by_task_and_script(study):
    found = text_in_images.differences(items_of(study), against="PT50-text")
    assert set(found.metric) == {"smpqa_read", "smpqa_ground"} and set(found.group) == set(scores.SCRIPTS)
    assert set(found.split) == {"test"}
    assert (found[found.metric == "smpqa_read"].value > 0).all()


def test_figures_show_ours_the_papers_and_one_plot_a_script(study):
    tidy = text_in_images.table(params.profile("smoke"), scores.stored(study), items_of(study))
    drawn = text_in_images.figure(tidy)
    lines = [line for line in drawn.axes[0].lines if len(line.get_xdata()) == len(SETUPS)]
    assert len(drawn.axes) == 4 and len(lines) >= 6
    shown = text_in_images.examples(study[0].parents[1] / "smpqa", scores.answers(study))
    assert list(dict.fromkeys(shown.script)) == ["Latin", "Arabic", "Thai"] and shown.language[0] == "en"
    assert set(SETUPS) < set(shown.columns) and shown.question.str.startswith("What is the label").all()
    titles = [axis.get_title() for axis in text_in_images.picture(shown).axes if axis.get_title()]
    assert len(titles) == 3 and all("read of 5" in title for title in titles)


def test_a_further_task_of_text_has_a_panel_of_its_own_without_being_listed_anywhere(study):
    config, cells, found = params.profile("smoke"), scores.stored(study), items_of(study)
    more = [pd.concat([rows, rows[rows.task == "smpqa_read"].assign(task="street_signs")]) for rows in (cells, found)]
    drawn = text_in_images.figure(text_in_images.table(config, *more))
    assert [axis.get_title() for axis in drawn.axes[:3]] == ["smpqa ground", "smpqa read", "street signs"]
    assert set(text_in_images.differences(more[1], against="PT50-text").metric) >= {"street_signs"}


def test_claims_are_judged_on_the_splits_that_hold_their_scores(study):
    cells = scores.stored(study)
    found = claims.with_chance(items_of(study), cells)
    pictures = found[found.task == "smpqa_read"].assign(task="flag", task_group="pictures", split="new-style")
    parts = claims.verdicts(claims.load(), pd.concat([found, pictures]), "toy")
    assert set(parts[parts.claim == "ocr_needed"].split) == {"test"}
    assert set(parts[parts.claim == "english_retained"].split) == {"new-style"}
    renamed = found.replace({"setup": {"PT50-text": "PT50"}})
    names = {"PT50-text": "PT50"}
    verdicts = [claims.verdicts(claims.load(), renamed, "toy", names=n) for n in ({}, names)]
    lacking, judged = (v[v.claim == "ocr_needed"].verdict.iloc[0] for v in verdicts)
    assert lacking == claims.NOT_RUN and judged != claims.NOT_RUN
    assert set(found.group) == {tier_label(code) for code in LABELS}
