"""Choose which of four names in a language fits an image, in 20 languages (BIN-MC of Babel-ImageNet).

The paper publishes neither its file nor the model that chose the wrong names. Here the wrong names are the three
classes of the language whose English names are closest to the right one in edit distance.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from rapidfuzz import fuzz, process

from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one
from centurio_lib.languages import name_of

A_CLASS, WRONG = 10, 3
ENGLISH = "openai_en_classes"  # list in babel_imagenet.py


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language: ten images of each named class, in the order of ImageNet's validation set."""
    names = named(source, code)
    labels = english(benchmark_files.files(source, "babel_imagenet.py")[0])
    wrong = {label: alike(label, names, labels) for label in names}
    seen = dict.fromkeys(names, 0)

    def question(row: dict) -> list[benchmark_files.Question]:
        label, number = row["label"], row["number"]
        if seen.get(label, A_CLASS) >= A_CLASS or len(wrong[label]) < WRONG:
            return []
        image = benchmark_files.content(source, row["image"], f"row {number}")
        seen[label] += 1
        options = [names[other] for other in [label, *wrong[label]]]
        shown = Random(f"{code}/{number}").sample(options, len(options))
        return [benchmark_files.Question(str(number), [(str(number), image)], prompt(code, shown),
                                         [shared_prompts.LETTERS[shown.index(options[0])]])]

    rows = benchmark_files.table(source, "data/validation-*.parquet", ["image", "label"])
    yield from benchmark_files.each(benchmark_files.numbered(rows), question)


def prompt(code: str, options: list[str]) -> str:
    """Prompt that asks which name in a language fits the image."""
    question = f"Which of these names, in {name_of(code)}, fits the image?"
    return f"{question}\n{shared_prompts.lettered(options)}\nAnswer with its letter."


def named(source: benchmark_files.Source, code: str) -> dict[int, str]:
    """Class number -> name in a language."""
    if code == "en":
        return dict(enumerate(english(benchmark_files.files(source, "babel_imagenet.py")[0])))
    by_language = benchmark_files.whole(benchmark_files.files(source, "babel_imagenet-298.json")[0])
    if code.upper() not in by_language:
        raise benchmark_files.MissingDataError(
            f"{source.name}: babel_imagenet-298.json has no names in {code.upper()}: {source.params.fetch}"
        )
    return dict(zip(*by_language[code.upper()], strict=True))


@cache
def english(path: Path) -> list[str]:
    """English class names, read from the published module without running its code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return next(ast.literal_eval(node.value) for node in tree.body
                if isinstance(node, ast.Assign) and node.targets[0].id == ENGLISH)


def alike(label: int, names: dict[int, str], labels: list[str]) -> list[int]:
    """Classes whose English names are closest to one class, all with another name in the language."""
    others = [other for other in names if names[other].casefold() != names[label].casefold()]
    near = process.extract(labels[label], {other: labels[other] for other in others}, scorer=fuzz.ratio, limit=WRONG)
    return [other for _, _, other in near]


TASK = Task(
    name="bin_mc",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.letters,
    max_new_tokens=10,
    questions=questions,
)
