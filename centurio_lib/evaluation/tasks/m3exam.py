"""Exam questions with 1 to 8 images, some among the options, in 7 languages (M3Exam, Zhang et al. 2023)."""

import re
from collections.abc import Iterator

from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import benchmark_files, chance, metrics, shared_prompts
from centurio_lib.evaluation.task import BENCHMARK, Task, one_by_one
from centurio_lib.languages import name_of

FIELDS = ["question_text", "background_description", "options", "answer_text"]
MARK = re.compile(r"\(image\)\[(image-\d+\.\w+)\]")  # where an image stands in a text
# label of an option: (1), A., ก.; the 1 of 1.5, 1:30 or 1,5 is none
LABEL = re.compile(r"^\s*[(（]?(\w{1,2})(?:[)）、]|(?<!\d)[.．:：]|(?<=\d)[.．:：](?!\d))\s*")
NOTHING = {"nan", "none", ""}
DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")  # answers in Thai exams


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; letters replace the labels of options."""
    name = f"{name_of(code).lower()}-questions-image.json"
    home = benchmark_files.unpacked(source, name)
    rows = benchmark_files.numbered(benchmark_files.records(home, name, FIELDS))
    yield from benchmark_files.each(rows, lambda row: question(home, code, row))


def question(source: benchmark_files.Source, code: str, row: dict) -> benchmark_files.Question:
    """The item of a row. Raises RowError for an answer that is the label of no option."""
    labels, options = labelled(row["options"])
    prompt = shared_prompts.choice("\n".join([*row["background_description"], row["question_text"]]), options)
    images = [(f"{code}-{name}", benchmark_files.picture(source, f"images-{name_of(code).lower()}/{name}"))
              for name in MARK.findall(prompt)]
    answer = str(row["answer_text"]).strip(" ().").translate(DIGITS).upper()
    if answer not in labels:
        raise benchmark_files.RowError(f"{code}, question {row['number']}: answer_text {row['answer_text']!r} is the "
                                       f"label of none of the options {row['options']}")
    return benchmark_files.Question(str(row["number"]), images, MARK.sub(IMAGE, prompt),
                                    [shared_prompts.LETTERS[labels.index(answer)]])


def labelled(options: list) -> tuple[list[str], list[str]]:
    """Labels and texts of options; numbers from 1 unless each option has a distinct label.

    Options that are nothing ("nan", which a table wrote for an empty cell) are left out; the others keep their labels.
    """
    places = [i for i, option in enumerate(options) if str(option).strip().lower() not in NOTHING]
    there = [str(options[i]) for i in places]
    matches = [LABEL.match(option) for option in there]
    if all(matches) and len({match[1] for match in matches}) == len(there):
        return ([match[1].translate(DIGITS).upper() for match in matches],
                [option[match.end():] for match, option in zip(matches, there, strict=True)])
    return [str(i + 1) for i in places], there


TASK = Task(
    name="m3exam",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.letters,
    max_new_tokens=10,
    questions=questions,
)
