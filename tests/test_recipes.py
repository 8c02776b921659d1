"""The recipes of CONTRIBUTING, followed in a copy.

A task: one file, and a number of items in a profile. A setup: its lines of YAML. A metric: a function that a task
names. A question: a notebook, and a line of setups.yaml. The recipe of a source is followed in test_sources.py.

Run with: pytest tests/test_recipes.py
"""

import json
import re
import shutil
import sys
import textwrap

import pandas as pd
import pytest
import tiny
import yaml
from smoke_study import copy_of_repository, run_in
from toy_scores import evaluated

from centurio_lib import params, paths, tables
from centurio_lib.evaluation import evaluate, tasks
from centurio_lib.findings import score_archive
from centurio_lib.params import setups
from centurio_lib.study import runs

LETTER = '''"""With which letter does the name of the thing begin?"""

from itertools import islice

from centurio_lib.evaluation import chance, metrics, synthetic_items
from centurio_lib.evaluation.task import PICTURES, Task, one_by_one


def write(cell: synthetic_items.Cell, n: int) -> list[synthetic_items.Item]:
    """The items of one language and split."""
    return [synthetic_items.Item([image], [concept], "Which letter does its name begin with?", cell.names[concept][0],
                                 {concept}) for concept, image in islice(synthetic_items.subjects(cell), n)]


TASK = Task(
    name="first_letter",
    group=PICTURES,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.nothing,
    max_new_tokens=4,
    generative=True,
    kind="emoji",
    write=write,
)
'''
FLAG = (paths.REPO / "centurio_lib/evaluation/tasks/flag.py").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the folders that hold tasks and params, which the library reads in the place of its own."""
    folder = shutil.copytree(paths.REPO / "centurio_lib/evaluation/tasks", tmp_path / "tasks",
                             ignore=shutil.ignore_patterns("__pycache__", "__init__.py"))
    monkeypatch.setattr(paths, "PARAMS", shutil.copytree(paths.PARAMS, tmp_path / "params"))
    monkeypatch.setattr(tasks, "__path__", [str(folder)])
    known = set(tasks.TASKS)
    params.profile.cache_clear()
    yield tmp_path
    params.profile.cache_clear()
    for name in {path.stem for path in folder.glob("*.py")} - known:
        sys.modules.pop(f"{tasks.__name__}.{name}", None)


def add(copy, name: str, source: str) -> None:
    (copy / "tasks" / f"{name}.py").write_text(source, encoding="utf-8")


def test_a_task_is_one_file_and_a_number_of_items_in_a_profile(copy, monkeypatch):
    add(copy, "first_letter", LETTER)
    profile = copy / "params/profiles/smoke.yaml"
    profile.write_text(profile.read_text(encoding="utf-8").replace("captioning: 1", "first_letter: 2", 1))
    monkeypatch.setattr(tasks, "TASKS", tasks.discover(tasks.__name__, tasks.__path__))
    config = params.profile("smoke").evaluation
    words = tiny.texts()[tiny.texts().language.isin(["en", "de"])]
    items = evaluate.items(words, tiny.images(), set(), config)
    own = items[items.task == "first_letter"].reset_index(drop=True)
    assert own[own.split == "new-style"].language.value_counts().to_dict() == {"en": 8, "de": 2}
    assert {"blind"} < set(own.split)

    shown = tiny.features_of(copy / "features")
    images = [[tiny.IMAGE_IDS[i % len(tiny.IMAGE_IDS)]] for i in range(len(own))]
    answers = evaluate.answer(tiny.model(), tiny.tokenizer(), shown, own.assign(images=images), batch=8)
    assert len(answers) == len(own)

    identity = {"profile": "smoke", "setup": "T5", "backbone": "tiny", "seed": 0}
    predictions = evaluate.predictions(items, items.reference.tolist(), identity)
    scores = evaluate.scores(predictions, identity)
    tables.write(copy / "scores.parquet", "scores", scores)
    both = scores[scores.task == "first_letter"]
    cells = both[both.metric != "lenient"]
    assert cells.headline.all() and cells.generative.all() and set(cells.task_group) == {"pictures"}
    assert set(both.metric) == {"accuracy", "lenient"}
    assert cells.value.eq(100).all() and set(cells.language) == {"en", "de"}


def test_every_task_is_found_where_it_is_declared():
    for name in tasks.TASKS:
        folder, file = tasks.module_of(name).split(".")[-2:]
        assert (folder, file) == ("tasks", name)
    with pytest.raises(params.ParamsError, match=r"unknown tasks \['flagg'\]; .*tasks declares \['bin_mc'"):
        tasks.module_of("flagg")


def block_of_contributing(language: str) -> str:
    """The one block of code of CONTRIBUTING in a language."""
    text = (paths.REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.S | re.M)
    return textwrap.dedent(block)


def test_a_setup_is_three_lines_of_yaml(copy, monkeypatch):
    """The block of code in CONTRIBUTING is what is added."""
    block = block_of_contributing("yaml")
    path = copy / "params" / "setups.yaml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{textwrap.indent(block, '  ')}", encoding="utf-8")
    monkeypatch.setattr(setups, "PATH", path)
    setups.all_setups.cache_clear()
    try:
        (name,) = yaml.safe_load(block)
        assert set(params.setup(name).mix) == {"fr", "es", "it", "pt"}
        assert runs.describe("11_instruct", "smoke", name).key != runs.describe("11_instruct", "smoke", "L100").key
    finally:
        setups.all_setups.cache_clear()


# === a metric ===
SCORED = """
from centurio_lib.evaluation import evaluate, task
items = task.probe("flag")
answers = ["a red apple", "Two brown trees", "the house"]
predictions = evaluate.predictions(items, answers, {"profile": "smoke", "setup": "T5", "backbone": "tiny", "seed": 0})
print(evaluate.scores(predictions, {}).set_index("metric")[["value", "headline"]].T.to_json())
"""


def scored_in(home, metric: str, *changes: tuple[str, str]):
    """Score three answers by task `flag` in a copy with a further metric and with changes in the task's declaration."""
    module, declaration = home / "centurio_lib/evaluation/metrics.py", FLAG
    module.write_text(f"{module.read_text(encoding='utf-8')}\n\n{metric}", encoding="utf-8")
    for old, new in changes:
        assert old in declaration
        declaration = declaration.replace(old, new)
    (home / "centurio_lib/evaluation/tasks/flag.py").write_text(declaration, encoding="utf-8")
    return run_in(home, sys.executable, "-c", SCORED)


def test_a_metric_is_one_function_that_a_task_names(tmp_path):
    """The block of code in CONTRIBUTING is what is added."""
    headline = ('metric="exact_match"', 'metric="first_word"')
    score = ("one_by_one(metrics.exact_match)", "one_by_one(metrics.first_word)")
    besides = ("    kind=", '    besides={"exact_match": one_by_one(metrics.exact_match)},\n    kind=')
    home, metric = copy_of_repository(tmp_path / "repo"), block_of_contributing("python")
    done = scored_in(home, metric, headline, score, besides)
    assert done.returncode == 0, done.stdout[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: round(cell["value"]) for name, cell in found.items() if name in ("first_word", "exact_match")} == {
        "first_word": 67, "exact_match": 33}
    assert [name for name, cell in found.items() if cell["headline"]] == ["first_word"]


def test_a_metric_that_does_not_give_the_right_answer_its_score_is_refused(tmp_path):
    half = '@metric("half")\ndef half(prediction: str, reference: str) -> float:\n    return 50.0\n'
    besides = ("    kind=", '    besides={"half": one_by_one(metrics.half)},\n    kind=')
    done = scored_in(copy_of_repository(tmp_path / "repo"), half, besides)
    assert done.returncode and "flag.py" in done.stdout
    assert "by half the reference itself gets [50.0, 50.0, 50.0] as an answer, not 100" in done.stdout


# === bad input ===
def refused(copy, name: str, source: str) -> str:
    """Error of a bad file when tasks are discovered."""
    add(copy, name, source)
    with pytest.raises(params.ParamsError) as error:
        tasks.discover(tasks.__name__, tasks.__path__)
    assert f"{name}.py: " in str(error.value)
    return str(error.value)


def test_two_tasks_of_one_name_are_refused_with_both_files(copy):
    assert re.search(r"same\.py: name = 'flag' is taken by .*flag\.py already", refused(copy, "same", FLAG))
    (copy / "tasks" / "flag.py").unlink()
    assert "name = 'flag': a task is named as its file" in refused(copy, "same", FLAG)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("    score=one_by_one(metrics.letter_match),\n", "", "score: Field required"),
    ("    chance=chance.nothing,\n", "", "chance: Field required"),
    ('metric="accuracy"', 'metric="acuracy"', r"metric 'acuracy' is unknown; metrics\.py has \['accuracy'"),
    ("one_by_one(metrics.letter_match)", "one_by_one(lambda answer, reference: 50.0)",
     r"score: by accuracy the reference itself gets \[50\.0, 50\.0, 50\.0\] as an answer, not 100"),
    ("    write=write,\n", "", "write: a task of group pictures lacks it"),
    ("    write=write,\n", "    write=write,\n    source='ocr',\n",
     "source: a task of group pictures has no use for it"),
    ("max_new_tokens=4", "max_new_tokens=0", "max_new_tokens: Input should be greater than 0"),
    ("    generative=True,\n", "    generativ=True,\n", "generativ: Extra inputs are not permitted"),
    ("TASK = Task(", "OTHER = Task(", r"TASK is missing: a file of this folder declares one task"),
])
def test_a_bad_declaration_is_refused_with_file_and_field(old, new, message, copy):
    assert old in LETTER
    assert re.search(message, refused(copy, "first_letter", LETTER.replace(old, new)))


# === a question ===
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
