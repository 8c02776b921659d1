"""What is committed in figures/: a study is published there, never weaker than before, and runs are compared with it.

A question that nobody asked before needs a notebook and a line of setups.yaml. Run with: pytest tests/test_publish.py
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from smoke_study import copy_of_repository, run_in

from centurio_lib import paths, storage, tables
from centurio_lib.findings import ablation, claims, records, score_archive, scores, verify
from centurio_lib.languages import tier_label
from centurio_lib.study import publish

SETUPS = ["English", "L100"]
CODES = ["en", "de", "fr", "th", "af", "am", "mi"]
TASKS = {"captioning": ("cider", True), "flag": ("exact_match", True), "multiple_choice": ("accuracy", False)}


def answers(setup: str, seed: int) -> pd.DataFrame:
    """The `predictions` table of one toy evaluation: four items a cell."""
    random = np.random.default_rng(seed + len(setup))
    rows = [{"profile": "smoke", "setup": setup, "backbone": "toy", "seed": seed, "task": task,
             "task_group": "pictures", "split": "new-style", "language": code,
             "item_id": f"{task}/{code}/{i}", "prediction": "dog", "reference": "dog",
             "metric": metric, "generative": generative, "score": random.uniform(20, 80),
             "in_language": float(random.random() < 0.7) if task == "captioning" else np.nan}
            for task, (metric, generative) in TASKS.items() for code in CODES for i in range(4)]
    return pd.DataFrame(rows)


def scores_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The `scores` table of some answers."""
    cell = ["profile", "setup", "backbone", "seed", "task", "task_group", "split", "language", "generative"]
    headline = frame.groupby([*cell, "metric"], as_index=False).score.agg(value="mean", n="size").assign(headline=True)
    fidelity = frame.dropna(subset="in_language").groupby(cell, as_index=False).in_language.agg(value="mean", n="size")
    fidelity = fidelity.assign(value=100 * fidelity.value, metric="fidelity", headline=False)
    both = pd.concat([headline, fidelity, fidelity.assign(metric="fidelity_ceiling", value=95.0)], ignore_index=True)
    return both.assign(tier=both.language.map(tier_label), chance=0.0)[tables.SCHEMAS["scores"].names]


def evaluated(home, seeds: int = 1, setups: list[str] | None = None) -> list:
    """Stored evaluations below a folder: their score tables."""
    files = []
    for setup in setups or SETUPS:
        for seed in range(seeds):
            folder, said = home / "results" / "smoke" / "evaluate" / setup / f"seed{seed}", answers(setup, seed)
            tables.write(folder / "predictions.parquet", "predictions", said)
            files.append(tables.write(folder / "scores.parquet", "scores", scores_of(said)))
            storage.write_json(folder / "provenance.json",
                               {"key": f"{setup}{seed}", "packages": {}, "versions": {}, "params": {}})
    return files


def drawn(home, seeds: int = 1) -> records.Record:
    """A study in miniature: its evaluations, the archive of them, a table by tier, its verdicts and a record."""
    files, record = evaluated(home, seeds), records.Record(home / "results/smoke/figures", "20_rq1", {}, "key", {})
    score_archive.write(files, record.folder)
    cells, items = scores.stored(files), scores.items(scores.answers(files))
    for part, table in zip(("scores", "unaffected", "fidelity"), ablation.tables("toy", cells, items), strict=True):
        records.write_csv(table, record, f"rq1_{part}")
    verdicts = claims.verdicts(claims.load(), claims.with_chance(items, cells), "smoke", draws=50)
    records.write_csv(verdicts, record, "claims")
    storage.write_json(record.folder / "rq1.json", records.stated(record))
    return record


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, with a folder for what is committed."""
    monkeypatch.setattr(paths, "HOME", tmp_path)
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    return tmp_path


def test_a_study_is_published_with_its_scores_and_its_page(home):
    with pytest.raises(publish.Refused, match="holds no finished study: run `make study PROFILE=smoke` first"):
        publish.publish("smoke")
    drawn(home)
    names = {path.name for path in publish.publish("smoke")}
    assert {"scores.parquet", "predictions.parquet", "runs.csv", "rq1_scores.csv", "claims.csv"} <= names
    assert "rq1" in (home / "figures" / "smoke" / "index.html").read_text()
    cells = scores.stored([home / "figures" / "smoke" / "scores.parquet"])
    assert set(cells.setup) == set(SETUPS)


def test_three_seeds_are_not_replaced_by_one_unless_forced(home, capsys):
    drawn(home, seeds=3)
    publish.publish("smoke")
    shutil.rmtree(home / "results")
    drawn(home, seeds=1)
    assert publish.main(["publish", "smoke"]) == 1
    assert "English seed 1 among 4" in (said := capsys.readouterr().err) and "FORCE=1" in said
    assert score_archive.n_seeds(home / "figures" / "smoke") == 3
    assert publish.main(["publish", "smoke", "--force"]) == 0 and "files in" in capsys.readouterr().out
    assert score_archive.n_seeds(home / "figures" / "smoke") == 1


def test_the_same_scores_agree_in_every_cell_tier_and_verdict(home, capsys):
    drawn(home)
    publish.publish("smoke")
    results = publish.compare("smoke")
    assert all(result.n == result.agree and result.others.empty for result in results)
    assert [result.n > 0 for result in results[:2]] == [True, True]
    assert publish.main(["verify", "smoke"]) == 0 and "cells equal" in capsys.readouterr().out


def test_what_differs_is_named(home):
    drawn(home)
    publish.publish("smoke")
    path = home / "results/smoke/evaluate/L100/seed0/scores.parquet"
    stored = tables.read(path, "scores")
    raised = stored.assign(value=stored.value.where(~((stored.language == "de") & stored.headline), 100.0))
    tables.write(path, "scores", raised)
    cells, tiers, _ = publish.compare("smoke")
    assert cells.n - cells.agree == len(TASKS) and set(cells.others.language) == {"de"}
    assert set(tiers.others.group) == {"T5"} and set(tiers.others.setup) == {"L100"}
    shown = verify.summary([cells, tiers])
    assert f"{cells.agree} of {cells.n}" in shown and "not among the cells equal:" in shown and "T5" in shown


def test_runs_of_some_setups_are_compared_with_those_of_all(home):
    drawn(home, seeds=2)
    publish.publish("smoke")
    shutil.rmtree(home / "results")
    evaluated(home, setups=["L100"])
    cells, tiers, verdicts = publish.compare("smoke")
    assert cells.n == cells.agree > 0 and tiers.n > 0 and verdicts.n == 0


def test_nothing_to_compare_is_an_error(home, capsys):
    assert publish.main(["verify", "smoke"]) == 1 and "runs.csv is missing" in capsys.readouterr().err
    drawn(home)
    publish.publish("smoke")
    shutil.rmtree(home / "results")
    assert publish.main(["verify", "smoke"]) == 1
    assert "no run of profile smoke is there: `make study PROFILE=smoke`" in capsys.readouterr().err


def test_verdicts_agree_claim_by_claim():
    rows = [{"split": "new-style", "claim": name, "verdict": verdict}
            for name, verdict in (("a", "replicated"), ("b", "replicated"), ("c", "not run"), ("b", "contradicted"))]
    ours, other = pd.DataFrame(rows[:3]), pd.DataFrame([rows[0], rows[3], rows[2] | {"verdict": "replicated"}])
    compared = verify.verdicts(ours, other)
    assert (compared.n, compared.agree, compared.others.claim.tolist()) == (2, 1, ["b"])


# === a question that nobody asked before ===
def test_a_question_is_a_notebook_and_a_line_of_setups(tmp_path):
    """Drawn from committed scores in a copy of the repository."""
    home = copy_of_repository(tmp_path / "repo")
    source = home / "notebooks" / "24_allocation.ipynb"
    notebook = json.loads(source.read_text(encoding="utf-8").replace("24_allocation", "27_toy"))
    notebook["metadata"]["centurio"]["stage"] = "toy"
    (home / "notebooks" / "27_toy.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    setups = home / "params" / "setups.yaml"
    stated = yaml.safe_load(setups.read_text(encoding="utf-8"))
    stated["questions"]["toy"] = ["L100", "English"]
    setups.write_text(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True), encoding="utf-8")
    score_archive.write(evaluated(tmp_path / "elsewhere"), home / "figures" / "smoke")
    done = run_in(home, "papermill", "notebooks/27_toy.ipynb", str(tmp_path / "out.ipynb"), "--no-progress-bar",
                  "-p", "committed", "True")
    assert done.returncode == 0, done.stdout[-3000:]
    folder = home / "figures" / "smoke"
    table = pd.read_csv(folder / "toy_scores.csv")
    assert list(dict.fromkeys(table.setup)) == ["L100", "English"] and table.value.notna().all()
    names = {"toy.png", "toy_by_language.png", "toy_differences.csv", "toy_fidelity.csv", "toy_unaffected.csv"}
    assert names <= {path.name for path in folder.iterdir()}
