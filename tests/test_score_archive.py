"""Scores of runs as tables and figures read them, and as they are archived beside the figures.

Run with: pytest tests/test_score_archive.py
"""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from centurio_lib import params, paths, storage, tables
from centurio_lib.findings import score_archive, scores
from centurio_lib.study import findings, keys, runs


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, without any run."""
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    return tmp_path


def evaluated(setup: str, value: float, seed: int = 0) -> runs.Run:
    """A finished evaluation at the smoke profile, with one score."""
    run = runs.describe("12_evaluate", "smoke", setup, seed)
    row = {"profile": "smoke", "backbone": "toy", "setup": setup, "seed": seed, "split": "new-style", "task": "flag",
           "task_group": "pictures", "language": "de", "tier": "T5", "metric": "exact_match", "headline": True,
           "generative": True, "value": value, "n": 4, "chance": 0.0}
    tables.write(run.folder / "scores.parquet", "scores", pd.DataFrame([row]))
    answer = row | {"item_id": "0", "thing": "dog", "prediction": "dog", "reference": "dog",
                    "score": value, "in_language": 1.0}
    tables.write(run.folder / "predictions.parquet", "predictions",
                 pd.DataFrame([answer])[tables.SCHEMAS["predictions"].names])
    runs.finish(run)
    return run


def asked(*setups: str, seeds: int = 1) -> SimpleNamespace:
    """A run that compares some setups."""
    return SimpleNamespace(profile=params.profile("smoke"), key={"params": {"setups": list(setups), "seeds": seeds}})


def test_stored_scores_are_read_and_missing_or_stale_ones_are_clear_errors(home):
    stale = evaluated("English", 10.0)
    evaluated("L100", 20.0)
    cells = findings.load(asked("L100", "English")).cells
    assert set(cells) > set(scores.CELL) and cells.value.tolist() == [20, 10] and cells.group.tolist() == ["T5", "T5"]
    with pytest.raises(keys.KeyMismatch, match=r"T5.*missing: run notebook 12_evaluate"):
        findings.inputs(asked("English", "T5"))
    record = stale.folder / "provenance.json"
    old = storage.read_json(record)
    storage.write_json(record, old | {"key": "other", "params": old["params"] | {"seed": 9}})
    with pytest.raises(keys.KeyMismatch, match=r"English.*other params"):
        findings.inputs(asked("L100", "English"))


def test_archived_scores_are_those_of_the_runs(home):
    evaluated("L100", 20.0)
    evaluated("English", 10.0)
    files = findings.inputs(asked("L100", "English"))
    of_runs = findings.load(asked("L100", "English"))
    written = score_archive.write(files, home / "figures" / "smoke")
    assert [path.name for path in written] == ["scores.parquet", "predictions.parquet", "items.parquet", "runs.csv"]
    made_by = score_archive.runs(home / "figures" / "smoke")
    assert made_by.setup.tolist() == ["L100", "English"] and made_by.key.is_unique and made_by.torch.notna().all()
    shutil.rmtree(home / "results")
    archived = findings.load(asked("L100", "English"), committed=True)
    for name in ("cells", "items", "answers"):
        pd.testing.assert_frame_equal(getattr(archived, name), getattr(of_runs, name))
    fewer = findings.load(asked("L100", "English"), committed=True, setups=["English"])
    assert fewer.cells.setup.tolist() == ["English"]


def test_seed_variance_of_an_archive_is_of_all_its_setups_and_of_its_recipe(home):
    files = [evaluated(setup, value + seed, seed).folder / "scores.parquet" for seed in range(2)
             for setup, value in (("L100", 20.0), ("English", 10.0))]
    alone = findings.load(asked("L100", seeds=2)).variance
    folder = home / "figures" / "smoke"
    score_archive.write(files, folder)
    archived = findings.load(asked("L100", seeds=2), committed=True).variance
    assert set(alone.setup) == {"L100"} and set(archived.setup) == {"L100", "English"}
    assert set(archived.recipe) == {score_archive.recipe(folder)} == {params.recipe(params.profile("smoke"))}
    table = score_archive.runs(folder)
    table.assign(recipe=["one", "another", "one", "one"]).to_csv(folder / "runs.csv", index=False)
    with pytest.raises(ValueError, match="runs of several recipes, another, one"):
        score_archive.recipe(folder)


def test_what_is_not_archived_is_named(home):
    with pytest.raises(score_archive.NotArchived, match=r"runs.csv is missing.*`make publish`"):
        findings.inputs(asked("English"), committed=True)
    score_archive.write([evaluated("English", 10.0).folder / "scores.parquet"], home / "figures" / "smoke")
    assert score_archive.n_seeds(home / "figures" / "smoke") == 1
    with pytest.raises(score_archive.NotArchived,
                       match=r"holds no scores of English seed 1, T5 seed 0, T5 seed 1: ask for fewer"):
        findings.inputs(asked("English", "T5", seeds=2), committed=True)


def test_scores_of_two_studies_are_not_archived_together(home):
    files = [evaluated(setup, 10.0).folder / "scores.parquet" for setup in ("L100", "English")]
    tables.write(files[0], "scores", tables.read(files[0], "scores").assign(profile="laptop"))
    with pytest.raises(ValueError, match="different studies"):
        score_archive.write(files, home / "figures" / "smoke")


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
        scores.stored(findings.inputs(asked("English", "T5")))


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"], ids=["nothing in it", "cut off"])
def test_a_file_that_is_no_table_is_named(content, home):
    path = evaluated("English", 10.0).folder / "scores.parquet"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"English/seed0/scores\.parquet is empty or damaged"):
        scores.stored(findings.inputs(asked("English")))
