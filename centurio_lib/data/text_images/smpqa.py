"""SMPQA: bar and pie charts with labels in any language, and English questions about these labels.

Built as the paper describes it (appendix C.5; its generator and ranges were not released). There are 50 bar and 50 pie
charts, the same in all languages but for their labels. Each has 5 questions to read and 8 to ground, half of these
answered yes. Labels are common words: names and keywords of things, and where these lack, words of running text. A word
that is a label in the test is one in no training plot.
"""

from functools import cache
from typing import NamedTuple

import icu
import numpy as np
import pandas as pd
from PIL import Image

from centurio_lib.data import artwork
from centurio_lib.data.blind_copies import blind_copy, drawing
from centurio_lib.data.sources import fonts, texts, things
from centurio_lib.data.splits import BLIND_EVERY
from centurio_lib.data.text_images import charts, passages, typesetting, unicode_text
from centurio_lib.languages import language, languages
from centurio_lib.params import Smpqa
from centurio_lib.params.text_images import LONGEST_LABEL
from centurio_lib.tables import BLIND, SCHEMAS

KINDS = {"bar": "bar", "pie": "slice"}  # and what a question calls a part
SHORTEST, LONGEST = 2, LONGEST_LABEL  # characters of a label, as they are seen
FEWEST = 40  # words of a language and split
SMPQA_READ, SMPQA_GROUND = "smpqa_read", "smpqa_ground"  # the tasks that ask them
INSTRUCTION = "Answer the question using a single word or phrase."


class Sample(NamedTuple):
    """A plot to draw. Its id seeds the choice of its labels."""

    split: str
    language: str
    kind: str
    number: int

    @property
    def id(self) -> str:
        """Name of the plot and of its image."""
        return f"smpqa/{self.split}/{self.language}/{self.kind}/{self.number}"


class Question(NamedTuple):
    """A question of `task` about a plot, its answer, and the label that it asks for or names."""

    task: str
    question: str
    answer: str
    label: str


@cache
def words(code: str, split: str, longest: int = LONGEST) -> list[str]:
    """Words of up to `longest` characters that label plots of a split ("train", "test").

    Raises passages.NoText where a language has too few.
    """
    of_split = [
        word for word in _common(code) if passages.held_out(word) == (split == "test") and _seen(word, code) <= longest
    ]
    if len(of_split) < FEWEST:
        raise passages.NoText(f"{code}: {len(of_split)} words for plots of {split}, {FEWEST} are wanted: leave it out")
    return of_split


@cache
def with_words(longest: int = LONGEST) -> list[str]:
    """Codes of the languages that plots can be made in, in the order of languages.csv."""
    return [code for code in languages() if all(_enough(code, split, longest) for split in ("train", "test"))]


def chosen(options: Smpqa) -> list[str]:
    """Codes of the languages that options name, or of all that have words. Raises passages.NoText for one without."""
    most = options.max_label_chars
    return [code for code in options.languages
            if words(code, "test", most) and words(code, "train", most)] or with_words(most)


def samples(options: Smpqa, split: str, codes: list[str]) -> list[Sample]:
    """The plots of a split in some languages.

    Training plots are in English alone: they are the paper's text-heavy share, which is never translated.
    """
    count = {code: options.test_plots if split == "test" else options.english_plots * (code == "en") for code in codes}
    return [Sample(split, code, kind, n) for code in codes for kind in KINDS for n in range(count[code])]


def row(sample: Sample, seed: int, options: Smpqa) -> dict:
    """A plot as a row of the `plots` table. Raises passages.NoText, fonts.FontError."""
    split, code, kind = sample.split, sample.language, sample.kind
    chart = charts.configuration(kind, artwork.random_for(seed, "smpqa", split, kind, sample.number))
    labels = artwork.random_for(seed, sample.id).choice(
        words(code, split, options.max_label_chars), len(chart.values), replace=False).tolist()
    image = draw(chart, labels, code, options)
    return {"plot_id": sample.id, "language": code, "script": language(code).script, "split": split, "kind": kind,
            "labels": labels, "values": list(chart.values), "colours": list(chart.colours),
            "image": artwork.to_bytes(image)}


def draw(chart: charts.Chart, labels: list[str], code: str, options: Smpqa) -> Image.Image:
    """A chart with its labels, shaped and checked by `typesetting`."""
    lines = [typesetting.line(label, code) for label in labels]
    return charts.draw(chart, lines, options.image_size, options.font_px)


def questions(plot: dict, seed: int) -> list[Question]:
    """5 questions to read and 8 to ground about a row of the `plots` table."""
    random, part = artwork.random_for(seed, "questions", plot["plot_id"]), KINDS[plot["kind"]]
    labels, values, colours = (list(plot[name]) for name in ("labels", "values", "colours"))
    biggest, smallest = int(np.argmax(values)), int(np.argmin(values))
    coloured = [int(at) for at in random.permutation(len(labels))[:3]]
    to_read = [(biggest, "biggest"), (smallest, "smallest"), *((at, colours[at]) for at in coloured)]
    read = [Question(SMPQA_READ, f"What is the label of the {what} {part}?", labels[at], labels[at])
            for at, what in to_read]
    to_ground = [(biggest, "the biggest"), (smallest, "the smallest"),
             *((at, f"colored in {colours[at]}") for at in coloured[:2])]
    ground = []
    for at, what in to_ground:
        wrong = int(random.choice([i for i in range(len(labels)) if i != at]))
        ground += [Question(SMPQA_GROUND, f'Is the {part} with the label "{labels[i]}" {what}?', answer, labels[i])
                   for i, answer in ((at, "yes"), (wrong, "no"))]
    return read + ground


def items(plots: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The `items` table of some plots: split "test", and "blind", which asks every third question about another plot.

    Raises ValueError where a language has no other plot to show.
    """
    asked = []
    for code, rows in plots.groupby("language", sort=False):
        records = rows.assign(place=places(rows)).to_dict("records")
        drawn = [(plot, q, _item(plot, n, q)) for plot in records for n, q in enumerate(questions(plot, seed))]
        blind = []
        for task in (SMPQA_READ, SMPQA_GROUND):
            of_task = [one for one in drawn if one[1].task == task]
            blind += [_blind(plot, q, item, records, seed) for plot, q, item in of_task[::BLIND_EVERY]]
        if not any(blind):
            raise ValueError(f"{code}: no plot of the test can stand for another: raise smpqa.test_plots")
        asked += [item for _, _, item in drawn] + [copy for copy in blind if copy]
    return pd.DataFrame(asked)


def places(plots: pd.DataFrame) -> pd.Series:
    """Place of each plot in its language; kinds alternate, so the first plots are of both kinds."""
    return plots.groupby("kind").cumcount() * len(KINDS) + plots.kind.map(list(KINDS).index)


def _item(plot: dict, n: int, q: Question) -> dict:
    """A row of the `items` table: question number `n` about a plot."""
    return {"task": q.task, "split": plot["split"], "language": plot["language"], "item_id": f"{plot['plot_id']}/{n}",
            "number": plot["place"], "images": [plot["plot_id"]], "concepts": [],
            "prompt": f"{q.question}\n{INSTRUCTION}", "reference": q.answer, "options": []}


def _blind(plot: dict, q: Question, item: dict, plots: list[dict], seed: int) -> dict | None:
    """The item beside a plot without the label that it speaks of, of the same kind if possible; None for none."""
    others = [p for p in plots if p["plot_id"] != plot["plot_id"] and q.label not in p["labels"]]
    alike = [p["plot_id"] for p in others if p["kind"] == plot["kind"]] or [p["plot_id"] for p in others]
    draw = drawing(artwork.random_for(seed, BLIND, plot["plot_id"], q.question))
    return blind_copy(item, f"{item['item_id']}/{BLIND}", alike, draw)


def instructions(plots: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Training plots as rows of the `instructions` table: all questions about a plot are one conversation.

    It is asked in English and never translated: the paper's text-heavy share. `language` is that of the labels.
    Empty where a profile makes no training plots.
    """
    rows = []
    for plot in plots.to_dict("records"):
        turns = [{"role": role, "text": text} for q in questions(plot, seed)
                 for role, text in (("user", f"{q.question}\n{INSTRUCTION}"), ("assistant", q.answer))]
        rows.append({"sample_id": plot["plot_id"], "images": [plot["plot_id"]], "concepts": [], "turns": turns,
                     "language": plot["language"], "family": "plot", "text_heavy": True, "split": plot["split"]})
    return pd.DataFrame(rows, columns=SCHEMAS["instructions"].names)


@cache
def _common(code: str) -> list[str]:
    """Single words of a language, each once, of letters of its script that its fonts have."""
    labels = [label for source in things.modules().values() for label in source.labels(code, keywords=True)]
    single = [label for label in map(unicode_text.cleaned, labels) if " " not in label]
    if len(single) < 10 * FEWEST:
        single += [word for text in texts.paragraphs(code) for word in _split(unicode_text.cleaned(text), code)]
    known: dict[str, str] = {}
    for word in single:
        if _is_label(word, code):
            known.setdefault(word.casefold(), word)
    return sorted(known.values())


def _is_label(word: str, code: str) -> bool:
    script = {"Latin": "Latn", "Han": "Hani", "Japanese": "Jpan", "Hangul": "Hang"}.get(language(code).script)
    scripts = {"Jpan": ("Hani", "Hira", "Kana")}.get(script, (script,))
    letters = [c for c in word if c.isalpha()]
    if not SHORTEST <= _seen(word, code) <= LONGEST or not letters:
        return False
    if any(not (c.isalpha() or icu.Char.charType(c) in (6, 7, 8)) for c in word):  # letters and marks only
        return False
    names = {icu.Script.getScript(c).getShortName() for c in letters} - {"Zyyy", "Zinh"}
    of_script = names <= set(scripts) if script else "Latn" not in names
    return of_script and not typesetting.uncovered([word], code)


def _seen(word: str, code: str) -> int:
    """Characters of a word, each with its marks."""
    return len(unicode_text.boundaries(word, code, "character"))


def _split(text: str, code: str) -> list[str]:
    breaker = icu.BreakIterator.createWordInstance(icu.Locale(code))
    breaker.setText(text)
    ends = list(breaker)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False) if end - start > 2]


def _enough(code: str, split: str, longest: int) -> bool:
    try:
        return bool(fonts.families(code)) and bool(words(code, split, longest))
    except (passages.NoText, fonts.FontError):
        return False
