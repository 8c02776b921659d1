"""Every notebook runs at smoke scale, and leaves what the design says: runs, tables, figures; a second time, nothing.

The study runs once for all tests (`smoke_study`), its notebooks in a warm interpreter. Some runs are made again by the
commands that a reader types, with kernels of their own. Run with: pytest tests/test_notebooks_run.py (minutes)
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import tiny_external_models
from safetensors import safe_open
from smoke_study import (
    BY_HAND,
    EXTERNAL,
    FRESH,
    PRETRAINED,
    RUNS,
    SNAKEMAKE,
    Study,
    copy_of_repository,
    environment,
    run_in,
    smoke_study,
    target,
    warm,
)

from centurio_lib import params, paths, storage, tables
from centurio_lib.evaluation import tasks
from centurio_lib.languages import languages
from centurio_lib.study import stages

pytestmark = pytest.mark.timeout(3000)

NOTEBOOKS = sorted(path.stem for path in paths.NOTEBOOKS.glob("*.ipynb"))
PICTURES, TEXT = tasks.of_group("pictures"), tasks.of_group("text_in_images")
SMOKE = params.profile("smoke")
TIDY = ["setup", "group", "metric", "value", "low", "high", "n", "published"]
RQ1 = params.compared(SMOKE, "rq1")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """The finished smoke study."""
    done = smoke_study(tmp_path_factory)
    assert done.code == 0, done.printed[-5000:]
    return done


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    """The warm interpreter, for notebooks by hand."""
    return warm(tmp_path_factory)


def executed(study: Study) -> dict[str, list[Path]]:
    """Executed copies of each notebook."""
    found: dict[str, list[Path]] = {}
    for path in sorted(study.home.rglob("run.ipynb")):
        title = nbformat.read(path, as_version=4).metadata.papermill["input_path"]
        found.setdefault(Path(title).stem, []).append(path)
    return found


def scores_of(study: Study, setup: str) -> pd.DataFrame:
    return tables.read(study.results("evaluate", setup, "seed0", "scores.parquet"), "scores")


# === every notebook once ===
def test_study_ran_every_notebook_but_those_for_use_by_hand(study):
    assert set(executed(study)) == set(NOTEBOOKS) - set(BY_HAND)
    assert len(executed(study)["11_instruct"]) == len(executed(study)["12_evaluate"]) == len(RUNS)


def test_executed_notebooks_ran_to_their_end_without_an_error(study):
    for path in [path for paths_of in executed(study).values() for path in paths_of]:
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert all(cell.execution_count or not cell.source for cell in cells), path
        assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"], path


@pytest.mark.parametrize("notebook", BY_HAND)
def test_notebook_runs_by_hand_on_the_finished_study(notebook, study, interpreter, tmp_path):
    if notebook == "13_external_models":
        tiny_external_models.llava(study.home / EXTERNAL)
    done = run_in(study.home, "papermill", f"notebooks/{notebook}.ipynb", str(tmp_path / "out.ipynb"),
                  "--no-progress-bar", *BY_HAND[notebook], warm=interpreter)
    assert done.returncode == 0, done.stdout[-3000:]
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs


def test_a_reader_draws_the_same_tables_from_what_lies_beside_the_figures(study, interpreter, tmp_path):
    """With no run, and no data."""
    drawn = study.results("figures")
    publish = [sys.executable, "-m", "centurio_lib.study.publish", "publish", "smoke"]
    assert run_in(study.home, *publish).returncode == 0
    committed = study.home / "figures" / "smoke"
    names = ["rq1_scores.csv", "rq4_smpqa.csv"]
    for name in names:
        (committed / name).unlink()
    for notebook in ("20_rq1_number_of_languages", "23_rq4_text_in_images"):
        command = interpreter.command("papermill", f"notebooks/{notebook}.ipynb", str(tmp_path / "out.ipynb"),
                                      "--no-progress-bar", "-p", "committed", "True")
        elsewhere = environment(study.home) | interpreter.environment() | {"CENTURIO_HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=study.home, env=elsewhere, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert all((committed / name).read_bytes() == (drawn / name).read_bytes() for name in names)


# === what it leaves ===
@pytest.mark.parametrize("setup", [setup for setup, _ in RUNS])
def test_each_setup_has_predictions_and_scores_of_every_task(setup, study):
    folder = study.results("evaluate", setup, "seed0")
    predictions, scores = tables.read(folder / "predictions.parquet", "predictions"), scores_of(study, setup)
    for frame in (predictions, scores):
        assert set(frame.setup) == {setup} and set(frame.seed) == {0} and set(frame.profile) == {"smoke"}
        text = params.reads(SMOKE, params.setup(setup))
        assert set(frame.task) == set(PICTURES | TEXT if text else PICTURES)
        assert set(frame.split) == {"new-style", "new-language", "blind", *(["test"] if text else [])}
        assert set(frame.language) <= set(languages()) and frame.language.nunique() >= 80
        shown = {*SMOKE.smpqa.languages, *SMOKE.ocr.languages}  # plots, pages
        assert set(frame[frame.task.isin(TEXT)].language) == (shown if text else set())
    assert predictions.item_id.is_unique and predictions.score.between(0, 100).all()
    assert scores[scores.metric != "cer"].value.dropna().between(0, 100).all() and (scores.n > 0).all()
    headline = scores[scores.metric == scores.task.map({name: task.metric for name, task in tasks.TASKS.items()})]
    assert headline.chance.notna().all() and headline.n.sum() == len(predictions)


def test_setups_end_with_adapters_of_their_own(study):
    files = [study.results("instruct", setup, "seed0", "adapter", "adapter_model.safetensors") for setup, _ in RUNS]
    assert len({storage.sha256(path.read_bytes()) for path in files}) == len(RUNS)


def test_every_setup_trained_on_as_many_samples(study):
    """The total is fixed, whatever the languages; text in images comes on top."""
    stage = SMOKE.instruct
    for setup in (params.setup(name) for name, _ in RUNS):
        on_top = params.text_heavy(SMOKE, setup) * stage.text_heavy_samples + bool(setup.ocr) * stage.ocr_samples
        record = storage.read_json(study.home / target(setup.name, "instruct"))
        assert record["samples"] == stage.samples + on_top, setup.name


def test_tuned_encoder_is_part_of_what_a_run_leaves(study):
    for setup, tuned in (("OCR50", True), ("PT50-text", False)):
        for stage in ("pretrain", "instruct"):
            with safe_open(study.results(stage, setup, "seed0", "adapter", "adapter_model.safetensors"), "np") as file:
                assert any("vision_tower" in name for name in file.keys()) == tuned


def test_table_of_rq4_has_each_setup_and_script_beside_the_papers_numbers(study):
    table = pd.read_csv(study.results("figures", "rq4_smpqa.csv"))
    assert set(TIDY) <= set(table) and list(dict.fromkeys(table.setup)) == params.compared(SMOKE, "rq4")
    assert set(table.metric) == {*TEXT, "cer"} and set(table.group) == {"en", "latin", "other"}
    assert set(table.split) == {"test", "blind"}
    printed = table[table.metric.str.startswith("smpqa") & (table.split == "test")]
    assert printed.published.notna().all() and table.drop(printed.index).published.isna().all()


def test_pretraining_is_handed_over(study):
    """Instruct tuning goes on from the adapter of pre-training, and differs from that of its parent, which has none."""
    folder = study.results("pretrain", PRETRAINED, "seed0")
    assert (folder / "adapter" / "adapter_config.json").exists() and not (study.results("pretrain", "L100")).exists()
    assert list(pd.read_csv(folder / "log.csv").columns) == ["step", "loss", "labels"]


def test_every_run_records_where_it_came_from_and_leaves_no_litter(study):
    for path in study.home.rglob("provenance.json"):
        record, key = storage.read_json(path), storage.read_json(path.with_name("key.json"))
        assert record["key"] == storage.digest(key) and record["versions"]["torch"] and record["runtime_s"] >= 0
    made = {path.relative_to(study.home).parts[2] for path in study.home.rglob("provenance.json")}
    assert made >= {stages.by_notebook()[name].stage for name in set(NOTEBOOKS) - set(BY_HAND)}
    assert not [*study.home.rglob("*.tmp"), *study.home.rglob("checkpoint-*")]


def test_manifests_hold_the_digests_of_the_tables(study):
    for manifest in study.home.glob("data/smoke/*/manifest.json"):
        for name, noted in storage.read_json(manifest)["tables"].items():
            asked = manifest.parent.name != "benchmarks"  # of published sets, smoke asks none
            assert storage.sha256((manifest.parent / name).read_bytes()) == noted["sha256"]
            assert (noted["rows"] > 0) == asked


def test_every_figure_has_its_pictures_its_table_and_its_origin(study):
    folder = study.results("figures")
    names = {path.stem for path in folder.glob("*.pdf")}
    assert names >= {"languages", *SMOKE.study.questions}
    for name in names:
        assert (folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG" and len(pd.read_csv(folder / f"{name}.csv"))
        origin = storage.read_json(folder / f"{name}.json")
        assert origin["notebook"] in NOTEBOOKS and origin["key"] and origin["inputs"]
        for made_of, digest in origin["inputs"].items():
            assert storage.sha256((study.home / made_of).read_bytes()) == digest, made_of


def test_table_of_rq1_has_each_setup_and_tier_beside_the_papers_numbers(study):
    for name in ("rq1_scores", "rq1_unaffected", "rq1_fidelity"):
        assert all(study.results("figures", f"{name}.{kind}").stat().st_size for kind in ("md", "tex"))
        table = pd.read_csv(study.results("figures", f"{name}.csv"))
        assert set(TIDY) <= set(table), name
        assert list(dict.fromkeys(table.setup)) == RQ1 and set(table.group) == {"en", "T1", "T2", "T3", "T4", "T5"}
        assert table.published.notna().any() and (table.n > 0).all()


@pytest.mark.parametrize("question", SMOKE.study.questions)
def test_notebook_of_a_question_leaves_its_tables_and_shows_answers(question, study):
    """Tables by tier, or by script where text in images is asked about, differences, and what the model answered."""
    by_tier = ["scores", "unaffected", "fidelity", "differences", "by_language"]
    parts = {"rq4": ["smpqa", "answers", "differences"], "centurio": [*by_tier, "smpqa"],
             "learning_rate": [*by_tier[:3], "rates"]}.get(question, by_tier)
    figures = study.results("figures")
    assert all(len(pd.read_csv(figures / f"{question}_{part}.csv")) for part in parts)
    assert pd.read_csv(figures / f"{question}.csv").setup.nunique() > 1
    shown = [output for cell in nbformat.read(study.results(question, "run.ipynb"), as_version=4).cells
             for output in cell.get("outputs", []) if "text/html" in output.get("data", {})]
    answers = [output for output in shown if re.search(r"prediction|reference", output.data["text/html"])]
    assert len(shown) >= len(parts) and answers


# === once more ===
def test_second_study_does_nothing_and_says_so(study, interpreter):
    def written() -> dict[Path, int]:
        stages = [study.home / "data", study.results()]
        return {path: path.stat().st_mtime_ns for stage in stages for path in stage.rglob("provenance.json")}
    before = written()
    again = run_in(study.home, *SNAKEMAKE, "--", "study", warm=interpreter)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout, again.stdout[-3000:]
    assert written() == before and "papermill notebooks/" not in again.stdout


# === by kernels of Jupyter, as a reader runs them ===
def test_command_that_the_log_printed_does_the_same_by_hand(study):
    printed = re.findall(r"^\+ (papermill notebooks/12_evaluate\S* \S*/T5/seed0/\S* .*)$", study.printed, re.M)
    assert len(printed) == 1
    path = study.results("evaluate", "T5", "seed0", "predictions.parquet")
    before = tables.read(path, "predictions")
    os.utime(path, (0, 0))
    done = run_in(study.home, *shlex.split(printed[0]))
    assert done.returncode == 0, done.stdout[-3000:]
    assert path.stat().st_mtime > 0
    pd.testing.assert_frame_equal(tables.read(path, "predictions"), before)


def test_wrong_parameter_by_hand_gets_a_clear_error(study, tmp_path):
    done = run_in(study.home, "papermill", "notebooks/11_instruct.ipynb", str(tmp_path / "out.ipynb"),
                  "--no-progress-bar", "-p", "setup", "L99")
    assert done.returncode != 0 and "unknown setup 'L99'; params/setups.yaml has: English" in done.stdout
    assert (tmp_path / "out.ipynb").exists()  # an executed notebook proves nothing


def test_snakemake_runs_the_notebooks_that_lead_to_a_result(study, tmp_path):
    home = copy_of_repository(tmp_path / "repo")
    done = run_in(home, *SNAKEMAKE, "--", "data/smoke/instructions/provenance.json")
    assert done.returncode == 0, done.stdout[-3000:]
    for name in ("captions/images.parquet", "captions/captions.parquet", "instructions/instructions.parquet"):
        assert (home / "data/smoke" / name).read_bytes() == (study.home / "data/smoke" / name).read_bytes(), name
    assert {path.parent.name for path in home.rglob("run.ipynb")} == {"captions", "instructions"}


@pytest.mark.slow
def test_whole_study_by_kernels_of_jupyter_has_the_same_scores_and_tables(study, tmp_path):
    home = copy_of_repository(tmp_path / "repo")
    done = run_in(home, *SNAKEMAKE, *FRESH, "--", "study")
    assert done.returncode == 0, done.stdout[-5000:]
    evaluated = [path.relative_to(study.home) for path in study.results("evaluate").glob("*/*/*.parquet")]
    assert len(evaluated) == 3 * len(RUNS)
    for name in evaluated:
        pd.testing.assert_frame_equal(pd.read_parquet(home / name), pd.read_parquet(study.home / name))
    # runs.csv says when each run was made; speed.csv is there once another test has called for it
    drawn = sorted(path.relative_to(study.home) for path in study.results("figures").glob("*.csv")
                   if path.name not in ("runs.csv", "speed.csv"))
    assert drawn and all((home / name).read_bytes() == (study.home / name).read_bytes() for name in drawn)
