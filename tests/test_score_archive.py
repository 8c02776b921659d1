"""Scores of runs as tables and figures read them, and as they are kept beside the figures.

Run with: pytest tests/test_score_archive.py
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from centurio_lib import paths, storage, tables
from centurio_lib.findings import score_archive, scores
from centurio_lib.study import keys, runs


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, with an evaluation notebook that does nothing."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": ["1 + 1"]}]}
    (notebooks / "12_evaluate.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(paths, "NOTEBOOKS", notebooks)
    return tmp_path


def evaluated(setup: str, value: float) -> runs.Run:
    """A finished evaluation at the smoke profile, with one score."""
    run = runs.start("12_evaluate", "smoke", setup, 0)
    row = {"profile": "smoke", "backbone": "toy", "setup": setup, "seed": 0, "split": "new-style", "task": "flag",
           "task_group": "pictures", "language": "de", "tier": "T5", "metric": "exact_match", "headline": True,
           "generative": True, "value": value, "n": 4, "chance": 0.0}
    tables.write(run.folder / "scores.parquet", "scores", pd.DataFrame([row]))
    answer = row | {"item_id": "0", "prediction": "dog", "reference": "dog", "score": value, "in_language": 1.0}
    tables.write(run.folder / "predictions.parquet", "predictions",
                 pd.DataFrame([answer])[tables.SCHEMAS["predictions"].names])
    runs.finish(run)
    return run


def test_stored_scores_are_read_and_missing_or_stale_ones_are_clear_errors(home):
    stale = evaluated("English", 10.0)
    evaluated("L100", 20.0)
    found = scores.stored(scores.inputs("smoke", ["L100", "English"], 1))
    assert set(found) > set(scores.CELL) and found.value.tolist() == [20, 10] and found.group.tolist() == ["T5", "T5"]
    with pytest.raises(keys.KeyMismatch, match=r"T5.*missing: run notebook 12_evaluate"):
        scores.inputs("smoke", ["English", "T5"], 1)
    record = stale.folder / "provenance.json"
    old = storage.read_json(record)
    storage.write_json(record, old | {"key": "other", "params": old["params"] | {"seed": 9}})
    with pytest.raises(keys.KeyMismatch, match=r"English.*other params"):
        scores.inputs("smoke", ["L100", "English"], 1)


def test_scores_are_kept_beside_the_figures_and_drawn_from(home):
    """As each run left them; what must not be averaged is not kept together either."""
    made = [evaluated(setup, value) for setup, value in {"L100": 20.0, "English": 10.0}.items()]
    sources = [run.folder / "scores.parquet" for run in made]
    files = score_archive.keep(sources, "smoke")
    assert [path.name for path in files] == ["scores.parquet", "predictions.parquet", "runs.csv"]
    assert {path.parent for path in files} == {home / "figures" / "smoke"}
    of_runs = pd.read_csv(files[-1])
    assert of_runs.key.tolist() == [storage.digest(run.key) for run in made] and of_runs.torch.notna().all()
    before, items = scores.stored(sources), scores.items(sources)
    shutil.rmtree(home / "results")
    again = scores.inputs("smoke", ["L100", "English"], 1, kept=True)
    pd.testing.assert_frame_equal(scores.stored(again), before)
    pd.testing.assert_frame_equal(scores.items(again), items)


def test_what_is_not_kept_is_named(home):
    with pytest.raises(score_archive.NotKept, match=r"runs.csv is missing.*make study PROFILE=smoke"):
        scores.inputs("smoke", ["English"], 1, kept=True)
    score_archive.keep([evaluated("English", 10.0).folder / "scores.parquet"], "smoke")
    assert score_archive.seeds("smoke") == 1
    with pytest.raises(
        score_archive.NotKept, match=r"keeps no scores of English seed 1, T5 seed 0, T5 seed 1: ask for fewer"
    ):
        scores.inputs("smoke", ["English", "T5"], 2, kept=True)


def test_scores_of_two_studies_are_not_kept_together(home):
    sources = [evaluated(setup, 10.0).folder / "scores.parquet" for setup in ("L100", "English")]
    tables.write(sources[0], "scores", tables.read(sources[0], "scores").assign(profile="laptop"))
    with pytest.raises(ValueError, match="different studies"):
        score_archive.keep(sources, "smoke")


@pytest.mark.parametrize(("change", "message"), [
    (lambda rows: rows.assign(profile="laptop"), r"different studies.*profile is \['laptop', 'smoke'\]"),
    (lambda rows: rows.assign(backbone="other"), "different studies.*backbone"),
    (lambda rows: rows.assign(value=np.nan), "NaN scores.*'setup': 'T5'"),
    (lambda rows: rows.iloc[:0], "scores.parquet is empty"),
], ids=["profile", "base model", "nan", "empty"])
def test_stored_scores_that_must_not_be_averaged_are_errors(change, message, home):
    evaluated("English", 10.0)
    path = evaluated("T5", 20.0).folder / "scores.parquet"
    tables.write(path, "scores", change(tables.read(path, "scores")))
    with pytest.raises(ValueError, match=message):
        scores.stored(scores.inputs("smoke", ["English", "T5"], 1))


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"], ids=["nothing in it", "cut off"])
def test_a_file_that_is_no_table_is_named(content, home):
    path = evaluated("English", 10.0).folder / "scores.parquet"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"English/seed0/scores\.parquet is empty or damaged"):
        scores.stored(scores.inputs("smoke", ["English"], 1))
