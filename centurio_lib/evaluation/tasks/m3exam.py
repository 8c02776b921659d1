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
DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")  # answers in Thai exams


def questions(source: benchmark_files.Source, code: str) -> Iterator[benchmark_files.Question]:
    """Items of one language; letters replace the labels of options."""
    spoken = name_of(code).lower()
    for i, row in enumerate(benchmark_files.records(source, f"{spoken}-questions-image.json", FIELDS)):
        labels, options = labelled(row["options"])
        prompt = shared_prompts.choice("\n".join([*row["background_description"], row["question_text"]]), options)
        images = [(f"{code}-{name}", benchmark_files.picture(source, f"images-{spoken}/{name}"))
                  for name in MARK.findall(prompt)]
        answer = str(row["answer_text"]).strip(" ().").translate(DIGITS).upper()
        if answer not in labels:
            yield benchmark_files.Bad(f"{code}, question {i}: answer_text {row['answer_text']!r} is the label of none "
                                      f"of the options {row['options']}")
            continue
        yield benchmark_files.Question(
            str(i), images, MARK.sub(IMAGE, prompt), [shared_prompts.LETTERS[labels.index(answer)]]
        )


def labelled(options: list[str]) -> tuple[list[str], list[str]]:
    """Labels and texts of options; numbers from 1 unless each option has a distinct label."""
    matches = [LABEL.match(option) for option in options]
    if all(matches) and len({match[1] for match in matches}) == len(options):
        return ([match[1].translate(DIGITS).upper() for match in matches],
                [option[match.end():] for match, option in zip(matches, options, strict=True)])
    return [str(i + 1) for i in range(len(options))], options


TASK = Task(
    name="m3exam",
    group=BENCHMARK,
    metric="accuracy",
    score=one_by_one(metrics.letter_match),
    chance=chance.letters,
    max_new_tokens=10,
    questions=questions,
)
