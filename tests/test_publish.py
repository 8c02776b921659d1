"""Committed figures: a study is published, never weaker than before, and runs are compared with it.

Run with: pytest tests/test_publish.py
"""

import re
import shutil

import pandas as pd
import pytest
from toy_scores import SETUPS, TASKS, evaluated

from centurio_lib import params, paths, storage, tables
from centurio_lib.findings import ablation, claims, records, score_archive, scores, seed_variance, verify
from centurio_lib.study import publish


def drawn(home, seeds: int = 1) -> records.Record:
    """A study in miniature: its evaluations, the archive of them, a table by tier, its verdicts and a record."""
    files, record = evaluated(home, seeds), records.Record(home / "results/smoke/figures", "20_rq1", {}, "key", {})
    score_archive.write(files, record.folder)
    cells, items = scores.stored(files), scores.items(scores.answers(files))
    for part, table in zip(("scores", "unaffected", "fidelity"), ablation.tables("toy", cells, items), strict=True):
        records.write_csv(table, record, f"rq1_{part}")
    verdicts = claims.verdicts(claims.load(), claims.with_chance(items, cells), "smoke")
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
    assert re.search(rf"cells equal +{cells.n} +{cells.agree} ", shown) and "tier scores outside:" in shown
    assert "cells that differ:" in shown and "T5" in shown


def test_runs_of_some_setups_are_compared_with_those_of_all(home):
    drawn(home, seeds=2)
    publish.publish("smoke")
    shutil.rmtree(home / "results")
    evaluated(home, setups=["L100"])
    cells, tiers, verdicts = publish.compare("smoke")
    assert cells.n == cells.agree > 0 and tiers.n > 0 and verdicts.n == 0


def test_scores_of_another_recipe_are_named_as_such(home, capsys):
    record = drawn(home)
    recipe = params.recipe(params.profile("smoke"))
    items = scores.items(scores.answers(evaluated(home, 2)))
    for name, said in ((recipe, False), ("of another study", True)):
        seed_variance.write(seed_variance.table(scores.by_table(items), name), record.folder)
        publish.publish("smoke")
        assert publish.main(["verify", "smoke"]) == 0
        assert ("another recipe than params/profiles/smoke.yaml" in capsys.readouterr().out) is said


def test_nothing_to_compare_is_an_error(home, capsys):
    assert publish.main(["verify", "smoke"]) == 1 and "runs.csv is missing" in capsys.readouterr().err
    drawn(home)
    publish.publish("smoke")
    shutil.rmtree(home / "results")
    assert publish.main(["verify", "smoke"]) == 1
    assert "no run of profile smoke is there: `make study PROFILE=smoke`" in capsys.readouterr().err


def test_verdicts_agree_claim_by_claim():
    rows = [{"stage": "exploratory", "split": "new-style", "claim": name, "verdict": verdict}
            for name, verdict in (("a", "replicated"), ("b", "replicated"), ("c", "not run"), ("b", "contradicted"))]
    ours, other = pd.DataFrame(rows[:3]), pd.DataFrame([rows[0], rows[3], rows[2] | {"verdict": "replicated"}])
    compared = verify.verdicts(ours, other)
    assert (compared.n, compared.agree, compared.others.claim.tolist()) == (2, 1, ["b"])
