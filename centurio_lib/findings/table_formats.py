"""Tables for readers in Markdown and LaTeX (booktabs), with intervals and marks for missing scores.

A text is shown as it is written, whatever it holds: no character of it is markup of the table.
"""

import re
from collections.abc import Iterable

import pandas as pd

from centurio_lib.findings.scores import GROUPS, SCRIPTS
from centurio_lib.text_form import SURROGATES

MISSING = "–"  # never a zero
LACKS = "†"  # beside an interval that lacks something, or where there is none
JOINED = re.compile("(?<=[-–',])(?=[-–',])")  # between signs that LaTeX would join: -- to a dash, '' to a quote
APART = "\x1f"  # in no text that is in a line
COLUMNS = [*GROUPS, *SCRIPTS[1:]]  # groups in the order of tables
TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
       "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", MISSING: "--", "±": r"$\pm$", "≥": r"$\geq$",
       "≤": r"$\leq$", "−": "$-$", LACKS: r"$\dagger$", "<": r"\textless{}", ">": r"\textgreater{}",
       "|": r"\textbar{}", "`": r"\textasciigrave{}", APART: "{}"}
# where a character would be markup in a cell of Markdown: an escape, HTML, code, emphasis, a link, a formula, an entity
MARKUP = re.compile(r"[\\`|<]|\*(?=\S)|(?<![^\W_])_|_(?![^\W_])|~(?=~)|\](?=[(\[:])|\$(?=\S)|&(?=#?\w+;)")
UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def number(value: float, signed: bool = False) -> str:
    """A score to one decimal; a dash where there is none."""
    return MISSING if pd.isna(value) else f"{value:{'+' if signed else ''}.1f}".replace("-", "−")


def sure(value: float, low: float, high: float, signed: bool = False) -> str:
    """A score and its interval: 34.1 [30.2, 38.0]."""
    if pd.isna(value) or pd.isna(low):
        return number(value, signed)
    return f"{number(value, signed)} [{number(low, signed)}, {number(high, signed)}]"


def by_tier(tidy: pd.DataFrame) -> pd.DataFrame:
    """A tidy table (`scores.COLUMNS`) as one reads it: ours with intervals, the row of the paper's below each split's.

    Under each score stands how many cells and items it is the mean of; cells that it lacks are counted.
    """
    rows = []
    groups = [group for group in COLUMNS if group in set(tidy.group)]
    for (split, metric, setup), of_setup in tidy.groupby(["split", "metric", "setup"], sort=False):
        by_group = {row.group: row for row in of_setup.itertuples()}
        ours = {group: _cell(by_group[group]) if group in by_group else MISSING for group in groups}
        rows.append({"split": split, "scores": metric, "setup": setup} | ours)
        if of_setup.published.notna().any():
            printed = {group: number(by_group[group].published) if group in by_group else MISSING for group in groups}
            rows.append({"split": "paper", "scores": metric, "setup": setup} | printed)
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def _cell(row) -> str:
    counts = f" ({row.n}" + (f"/{row.items}" if row.items else "") + (f", {row.missing} missing" if row.missing else "")
    return sure(row.value, row.low, row.high) + (LACKS if row.why else "") + (f"{counts})" if row.n else "")


def note(tidy: pd.DataFrame) -> str:
    """Say in a sentence what the intervals of a tidy table lack (column `why`); "" where they lack nothing."""
    told = [f"{LACKS} {why}" for why in dict.fromkeys(tidy.why) if why]
    return f"{'. '.join(told)}." if told else ""


def compared(differences: pd.DataFrame) -> pd.DataFrame:
    """Paired differences as one reads them; a star where Holm's p is below 0.05 and the interval lacks nothing."""
    lacks = differences.why.astype(bool)
    stars = (differences.p_holm.lt(0.05) & ~lacks).map({True: " *", False: ""}) + lacks.map({True: LACKS, False: ""})
    shown = [sure(r.value, r.low, r.high, signed=True) for r in differences.itertuples()]
    wide = differences.assign(shown=pd.Series(shown, index=differences.index) + stars).pivot(
        index=["split", "metric", "setup", "against"], columns="group", values="shown")
    order = pd.MultiIndex.from_frame(differences[["split", "metric", "setup", "against"]].drop_duplicates())
    groups = [group for group in COLUMNS if group in wide]
    return wide.reindex(index=order, columns=groups).fillna(MISSING).reset_index()


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV. A line ends at a line feed alone; any break of a line within a text is one too."""
    return frame.map(_breaks).to_csv(index=False, lineterminator="\n")


def _breaks(value: object) -> object:
    """A text whose line breaks are line feeds: a carriage return alone would stand unquoted, and end the row."""
    return re.sub("\r\n?", "\n", SURROGATES.sub(_code_point, value)) if isinstance(value, str) else value


def markdown(frame: pd.DataFrame) -> str:
    """A frame as a Markdown table; a dash where a value is missing."""
    rows = [list(map(in_markdown, frame.columns)), ["---"] * frame.shape[1],
            *(map(in_markdown, row) for row in _cells(frame))]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def in_markdown(text: str) -> str:
    """A text in one line of Markdown, as it is read."""
    return MARKUP.sub(r"\\\g<0>", in_a_line(text))


def latex(frame: pd.DataFrame, caption: str) -> str:
    """A frame as a LaTeX table with booktabs' rules; a dash where a value is missing."""
    rows = [_row(frame.columns), r"\midrule", *map(_row, _cells(frame))]
    return "\n".join([r"% \usepackage{booktabs}", r"\begin{table}", rf"\caption{{{in_latex(caption)}}}", r"\small",
                      rf"\begin{{tabular}}{{{'l' * frame.shape[1]}}}", r"\toprule", *rows, r"\bottomrule",
                      r"\end{tabular}", r"\end{table}", ""])


def in_latex(text: str) -> str:
    """A text in one line of LaTeX, as it is read."""
    apart = JOINED.sub(APART, in_a_line(text))
    return "".join(TEX.get(character, character) for character in apart)


def in_a_line(text: str) -> str:
    """A text in one line; a character that no file or reader takes stands as its code point: [U+0007]."""
    return UNPRINTABLE.sub(_code_point, " ".join(str(text).split()))


def _code_point(found: re.Match) -> str:
    return f"[U+{ord(found[0]):04X}]"


def _row(cells: Iterable) -> str:
    """A row of LaTeX; what would be an option of the line break before it is put in braces."""
    line = " & ".join(map(in_latex, cells))
    return (f"{{{line[0]}}}{line[1:]}" if line[:1] in ("[", "*") else line) + r" \\"


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    """Each row's values as text."""
    return [[MISSING if missing else str(value) for value, missing in zip(row, lacking, strict=True)]
            for row, lacking in zip(frame.astype(object).to_numpy(), frame.isna().to_numpy(), strict=True)]
