"""A question of the study in the report: verdicts, two sentences, the main figure, then tables."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import nbformat
import pandas as pd

from centurio_lib import params, paths, storage
from centurio_lib.findings import claims, conclusions, table_formats
from centurio_lib.findings.item_scores import INTERVAL
from centurio_lib.params.claim_rules import Claim, Claims
from centurio_lib.report import pages

VERDICTS = [claims.REPLICATED, claims.CONTRADICTED, claims.NO_EFFECT, claims.INCONCLUSIVE, claims.CANNOT,
            claims.NOT_RUN]
MAIN = ["all_tasks", "smpqa_read"]  # main metrics of a question's table
SPLITS = {"new-style": "drawings in a new style", "new-language": "new pairs of thing and language",
          "test": "test items", "published": "its published scores"}
NUMBERS = ["value", *INTERVAL, "published", "p", "p_holm"]
Column = tuple[str, str]  # source of the scores (this study's seeds or the paper), split


class Figure(NamedTuple):
    """A figure of a notebook: its name, files, notebook and alternative text."""

    name: str
    notebook: str
    files: list[str]
    alt: str


class Table(NamedTuple):
    """A table of a question in readable form."""

    name: str
    frame: pd.DataFrame


class Verdict(NamedTuple):
    """Verdict of one column's scores on a claim, with one line for each part of the claim."""

    verdict: str
    parts: list[str]


class Judged(NamedTuple):
    """A claim and its verdict in each column."""

    claim: str
    source: str
    verdicts: list[Verdict]


class Verdicts(NamedTuple):
    """Claims, the columns with verdicts, and the number of each verdict in the first column."""

    columns: list[Column]
    rows: list[Judged]
    counts: dict[str, int]


class Question(NamedTuple):
    """Contents of the report on one question; the first figure is the main one."""

    name: str
    title: str
    text: str
    sentences: list[str]
    verdicts: Verdicts
    figures: list[Figure]
    tables: list[Table]


def figures(folder: Path) -> list[Figure]:
    """Figures of a folder by name. Raises FileNotFoundError for a folder without figures."""
    records = sorted(folder.glob("*.json"))
    if not records:
        raise FileNotFoundError(f"{folder} holds no figure: `make figures` draws the figures of a profile")
    return [_figure(folder, record) for record in records]


def _figure(folder: Path, record: Path) -> Figure:
    made_by = storage.read_json(record)
    setups = made_by.get("params", {}).get("setups", [])
    alt = f"Figure {record.stem.replace('_', ' ')}" + (f" of the setups {', '.join(setups)}" if setups else "")
    files = [path.name for path in sorted(folder.glob(f"{record.stem}.*"))]
    return Figure(record.stem, made_by["notebook"], files, f"{alt}. Its numbers are in {record.stem}.csv.")


def stored(folder: Path, name: str) -> pd.DataFrame:
    """A stored table of a folder. Raises FileNotFoundError naming the command that makes it."""
    path = folder / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: `make figures` makes the tables of a profile")
    return pd.read_csv(path, keep_default_na=False,
                       na_values=dict.fromkeys(NUMBERS, ""))


def tables(folder: Path, question: str) -> list[Table]:
    """Tables of a question, without the tables that figures are drawn from."""
    files = [path for path in folder.glob(f"{question}_*.csv") if not path.with_suffix(".json").exists()]
    names = [path.stem.removeprefix(f"{question}_") for path in files]
    names.sort(key=lambda name: (name != "scores", name))
    return [Table(name, _readable(stored(folder, f"{question}_{name}"))) for name in names]


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    if "p_holm" in frame:
        return table_formats.compared(frame)
    return table_formats.by_tier(frame) if {"published", "by_seed"} <= set(frame) else frame


def question_of(claim: Claim) -> str:
    """The first question that compares all setups of a claim; "" without such a question."""
    setups = {setup for part in claim.parts for setup in part.setups}
    return next((name for name, compared in params.questions().items() if setups <= set(compared)), "")


def verdicts(rules: Claims, parts: pd.DataFrame, names: Collection[str]) -> Verdicts:
    """Verdicts on some claims from `parts` (claims.csv). Raises ValueError for a missing claim."""
    if missing := set(names) - set(parts.claim):
        raise ValueError(f"claims.csv has no verdict on {sorted(missing)}: run notebook 40_claims again")
    seeds = [f", {stage} seeds {seeds}" if stage != claims.PUBLISHED else ""
             for stage, seeds in zip(parts.stage, parts.seeds, strict=True)]
    of_claims = parts.assign(where=parts["where"] + pd.Series(seeds, parts.index))[parts.claim.isin(names)]
    columns = list(dict.fromkeys(zip(of_claims["where"], of_claims.split, strict=True)))
    rows = [Judged(rules.claims[name].claim, rules.claims[name].source,
                   [_verdict(of_claims[of_claims.claim == name], column) for column in columns]) for name in names]
    number = Counter(row.verdicts[0].verdict for row in rows)
    return Verdicts(columns, rows, {verdict: number[verdict] for verdict in VERDICTS if number[verdict]})


def _verdict(parts: pd.DataFrame, column: Column) -> Verdict:
    where, split = column
    rows = parts[(parts["where"] == where) & (parts.split == split)]
    verdict = claims.whole(rows.verdict) if len(rows) else table_formats.MISSING  # a split without a verdict
    return Verdict(verdict, [_line(row) for row in rows.itertuples()])


def _line(row) -> str:
    effect = "" if pd.isna(row.value) else f" {table_formats.sure(row.value, row.low, row.high, signed=True)}"
    return f"{row.compares}: {row.verdict}{effect}{f' ({row.why})' if row.why else ''}".replace("_", " ")


def verdict_sentence(judged: Verdicts) -> str:
    """A sentence with the verdicts of the first column, which is this study's."""
    number, total = judged.counts, sum(judged.counts.values())
    if not total:
        return "No claim of the paper is about this question alone."
    where = SPLITS.get(judged.columns[0][1], judged.columns[0][1])
    if len(number) == 1:
        subject = "The paper's one claim is" if total == 1 else f"The paper's {total} claims are"
        return f"{subject} {next(iter(number))} on {where}."
    stated = _and([f"{n} {'is' if n == 1 else 'are'} {verdict}" for verdict, n in number.items()])
    return f"Of the paper's {total} claims, {stated} on {where}."


def score_sentences(tidy: pd.DataFrame) -> list[str]:
    """Sentences on the setups with highest and lowest main metric, in English and in other languages."""
    metric = next(name for name in (*MAIN, tidy.metric.iloc[0]) if name in set(tidy.metric))
    there = set(tidy[(tidy.metric == metric) & tidy.value.notna()].group)
    parts = [["en"], [group for group in table_formats.COLUMNS[1:] if group in there]]
    return [conclusions.highest(tidy, metric, groups) for groups in parts if set(groups) & there]


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def question(name: str, folder: Path, rules: Claims, parts: pd.DataFrame) -> Question:
    """Gather figures, tables and verdicts of a question from a folder. Raises FileNotFoundError without a figure."""
    drawn = [one for one in figures(folder) if one.name == name or one.name.startswith(f"{name}_")]
    if not drawn or drawn[0].name != name:
        raise FileNotFoundError(f"{folder / name}.json is missing: `make figures` draws the figures of a profile")
    title, text = pages.prose(nbformat.read(paths.NOTEBOOKS / f"{drawn[0].notebook}.ipynb", as_version=4))
    judged = verdicts(rules, parts, [key for key, claim in rules.claims.items() if question_of(claim) == name])
    sentences = [verdict_sentence(judged), *score_sentences(stored(folder, name))]
    return Question(name, title, text, sentences, judged, drawn, tables(folder, name))
