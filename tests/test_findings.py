"""From stored scores to tables and figures: the paper's own cells give its tables back, and ours go the same way.

Run: pytest tests/test_findings.py
"""

import itertools
import json
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from centurio_lib import paths, storage
from centurio_lib.findings import ablation, conclusions, figures, paper_results, records, scores, table_formats
from centurio_lib.languages import languages, tier_label

TIER_TABLES = sorted({t for t in pd.read_csv(paper_results.FILES[0]).table if t[:3] in ("RQ1", "RQ2", "RQ3")})
# Printed numbers that the paper's own per-language results contradict: the English column of three setups in Table 1,
# and T1 of L100, which Tables 1 to 3 print as 19.3 and Tables 16 and 17 as 18.9.
MISPRINTS = {
    ("RQ1_all_tasks_phi3.5", "T5-T4", "en"),
    ("RQ1_all_tasks_phi3.5", "T5-T3", "en"),
    ("RQ1_all_tasks_phi3.5", "T5-T2", "en"),
    ("RQ1_all_tasks_phi3.5", "L100", "T1"),
    ("RQ2_instruct_english_share_phi3.5", "L100", "T1"),
    ("RQ3_pretrain_english_share_phi3.5", "L100", "T1"),
}
SETUPS = ["English", "T5", "T5-T4", "T5-T3", "T5-T2", "L100"]
FEW = ["en", "de", "ru", "th", "af", "am", "mi"]  # en, T5, T4, T3, T3, T2, T1


def papers_cells(table: str, untiered: set[str] = paper_results.UNTIERED) -> pd.DataFrame:
    """The paper's cells that enter one of its tables."""
    cells = paper_results.cells({"phi3.5": "Phi3.5", "llama3": "Llama3"}[table.rsplit("_", 1)[1]])
    cells["group"] = [None if c in untiered else tier_label(paper_results.SAME_AS.get(c, c)) if c != "ber" else None
                      for c in cells.language]
    if "language_fidelity" in table:
        return cells[cells.metric == "fidelity"]
    return ablation.part(cells, "unaffected" if "unaffected" in table else "all_tasks")


def against_print(table: str, **changes) -> pd.DataFrame:
    """Every printed number of a table beside ours from the paper's cells; `apart` where they differ by over 0.1."""
    found = scores.tier_scores(papers_cells(table, **changes))
    both = paper_results.tiers(table).merge(found, on=["setup", "group"], how="left", validate="one_to_one")
    return both.assign(apart=~((both.published - both.value).abs() <= 0.1))  # so that a missing value is apart too


@pytest.mark.parametrize("table", TIER_TABLES)
def test_the_papers_cells_give_its_tier_tables_back(table):
    both = against_print(table)
    assert set(both.group) == set(scores.GROUPS), "every column of the printed table is checked"
    apart = {(table, row.setup, row.group) for row in both[both.apart].itertuples()}
    assert apart == {row for row in MISPRINTS if row[0] == table}, "these are the misprints, and the only ones"


def test_every_listed_misprint_is_in_a_table_that_is_checked():
    assert {row[0] for row in MISPRINTS} <= set(TIER_TABLES) and len(TIER_TABLES) == 9


def test_hebrew_has_to_be_left_out():
    both = against_print("RQ1_all_tasks_phi3.5", untiered={"ber"})
    assert set(both[both.apart & (both.group != "en") & (both.group != "T1")].group) == {"T3"}


def test_the_papers_cells_are_cells_and_not_its_averages():
    cells = paper_results.cells("Phi3.5")
    assert not cells.duplicated(["setup", "task", "metric", "language"]).any() and cells.value.notna().all()
    assert not cells.language.str.startswith("avg").any()
    left_out = cells[cells.group.isna()]
    assert set(left_out.language) == {"he", "ber"} and "no" in set(cells.language)
    assert (
        set(cells[cells.headline].task) == set(paper_results.METRICS) and len(paper_results.METRICS) == 13
    )
    with pytest.raises(ValueError, match="Llama3"):
        paper_results.cells("Llama4")
    with pytest.raises(KeyError, match="RQ1_all_tasks_phi3"):
        paper_results.tiers("RQ9")


HEADLINE = {"captioning": "cider", "flag": "exact_match", "multiple_choice": "accuracy", "image_pair": "accuracy",
            "odd_one_out": "accuracy"}


def cell(value=50.0, setup="L100", seed=0, split="new-style", task="flag", language="de", metric=None):
    """One cell, its metric the task's headline one unless another is named."""
    values = [setup, seed, split, task, language, tier_label(language), metric or HEADLINE[task], value]
    of_task = [metric in (None, HEADLINE[task]), task in ("captioning", "flag"), "pictures"]
    return dict(zip([*scores.CELL, *scores.TASK], [*values, *of_task], strict=True))


def synthetic(seeds: int = 2, codes=FEW, setups=SETUPS) -> pd.DataFrame:
    """Cells of every task, split and metric that an evaluation stores, with values from the seed."""
    rng = np.random.default_rng(0)
    rows = [
        cell(rng.uniform(5, 95), *of)
        for of in itertools.product(
            setups,
            range(seeds),
            ["new-style", "new-language", "blind"],
            HEADLINE,
            codes,
        )
    ]
    captions = [row for row in rows if row["task"] == "captioning"]
    captions = [row | {"headline": False} for row in captions]
    rows += [row | {"metric": "fidelity", "value": rng.uniform(0, 100)} for row in captions]
    return pd.DataFrame(rows + [row | {"metric": "fidelity_ceiling", "value": 97.0} for row in captions])


def test_a_tier_is_the_plain_mean_over_its_cells_and_english_is_apart():
    cells = pd.DataFrame([cell(90, task="flag", language="af"), cell(30, task="image_pair", language="af"),
                          cell(60, task="image_pair", language="th"), cell(10, language="de"), cell(99, language="en")])
    found = scores.tier_scores(cells).set_index("group")
    assert found.value.to_dict() == {"T3": 60, "T5": 10, "en": 99}  # a mean of task means would give 67.5
    assert found.n.to_dict() == {"T3": 3, "T5": 1, "en": 1}


def test_seeds_are_averaged_after_each_ones_tier_score():
    cells = pd.DataFrame([cell(v, seed=s, language=c) for s, c, v in
                          [(1, "af", 20), (1, "th", 40), (0, "af", 10), (0, "th", 50), (2, "af", 60), (2, "th", 60)]])
    found = scores.tier_scores(cells).iloc[0]
    assert (found.value, found.n, found.seeds, found.by_seed) == (40, 2, 3, "30.0000 30.0000 60.0000")


def test_a_missing_cell_is_counted_and_a_cell_without_tier_is_none():
    whole = scores.tier_scores(synthetic()[lambda c: c.metric == "exact_match"]).set_index(["setup", "split", "group"])
    lacking = synthetic()[lambda c: (c.metric == "exact_match") & ~((c.setup == "T5") & (c.language == "af"))]
    fewer = scores.tier_scores(lacking).set_index(["setup", "split", "group"])
    changed = whole[whole.n != fewer.n]
    assert set(changed.index) == {("T5", split, "T3") for split in ("new-style", "new-language", "blind")}
    berber = cell() | {"language": "ber", "group": None}
    assert scores.tier_scores(pd.DataFrame([cell(), berber])).n.tolist() == [1]
    counted = scores.table(lacking, "exact_match").set_index(["setup", "split", "group"]).missing
    assert set(counted[counted > 0].index) == set(changed.index) and (counted[counted > 0] == 1).all()


def test_splits_are_never_mixed():
    cells = pd.DataFrame([cell(80), cell(60, split="new-language"), cell(5, split="blind")])
    found = scores.table(cells, "all_tasks", paper_results.tiers("RQ1_all_tasks_phi3.5"))
    t5 = found[found.group == "T5"].set_index("split")
    assert t5.value.to_dict() == {"new-style": 80, "new-language": 60, "blind": 5}
    assert t5.published.fillna(-1).to_dict() == {"new-style": 34.4, "new-language": 34.4, "blind": -1}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_the_cells_does_not_matter(seed):
    cells, key = ablation.part(synthetic(), "all_tasks"), ["setup", "split", "group"]
    shuffled = cells.sample(frac=1, random_state=seed)
    straight, shuffled = (scores.tier_scores(some).set_index(key).sort_index() for some in (cells, shuffled))
    pd.testing.assert_frame_equal(straight, shuffled)
    assert straight.n.mul(straight.seeds).sum() == len(cells), "every cell counts in exactly one group"


def test_only_the_headline_metric_of_a_task_enters_and_generative_tasks_can_be_left_out():
    cells = synthetic()
    assert set(ablation.part(cells, "all_tasks").metric) == {"cider", "accuracy", "exact_match"}
    assert set(ablation.part(cells, "unaffected").task) == {"multiple_choice", "image_pair", "odd_one_out"}
    assert set(ablation.part(cells, "fidelity").metric) == {"fidelity"}
    assert ablation.part(cells.assign(task_group="text_in_images"), "all_tasks").empty, "they have tables by script"
    with pytest.raises(KeyError, match="riddles"):
        ablation.part(cells, "riddles")


@pytest.mark.parametrize(("rows", "message"), [
    ([cell(task="captioning"), cell(task="captioning", metric="chrf")], "there twice"),
    ([cell(seed=0), cell(seed=1), cell(seed=0, language="fr")], "'language': 'fr'"),
    ([cell() | {"group": "5"}], "unknown groups"),
    ([cell(np.nan)], "NaN scores"),
    ([cell() | {"group": None}], "nothing to average"),
])
def test_cells_that_no_mean_may_be_taken_over_are_errors(rows, message):
    with pytest.raises(ValueError, match=message):
        scores.tier_scores(pd.DataFrame(rows))


def test_a_table_has_the_declared_columns_in_order_and_the_paper_beside():
    cells = ablation.part(synthetic(codes=["en", "de"]), "all_tasks")
    found = scores.table(cells, "all_tasks", paper_results.tiers("RQ1_all_tasks_phi3.5"))
    assert list(found) == scores.COLUMNS and found.low.isna().all() and found.high.isna().all()
    assert list(dict.fromkeys(found.setup)) == SETUPS and list(dict.fromkeys(found.group)) == scores.GROUPS
    only_paper = found[found.value.isna()]
    assert set(only_paper.group) == {"T4", "T3", "T2", "T1"} and (only_paper.n == 0).all()
    assert only_paper.published.notna().all()
    printed = found.set_index(["split", "setup", "group"]).published
    assert printed["new-language", "English", "en"] == 53.6 and pd.isna(printed["blind", "English", "en"])


def items_of(cells: pd.DataFrame, n: int = 4) -> pd.DataFrame:
    """Items whose means are the cells' values."""
    spread = np.linspace(-4, 4, n)
    return pd.concat([cells.assign(score=cells.value + d, item_id=str(i), thing=str(i)) for i, d in enumerate(spread)])


@cache
def ablated() -> ablation.Tables:
    """Tables of RQ2 with intervals, of three of its setups."""
    setups = ["L100-E1", "L100", "L100-E90"]
    cells = synthetic(seeds=1, setups=setups)
    return ablation.tables("rq2", cells, items_of(cells[cells.metric != "fidelity_ceiling"]))


def test_tables_of_a_question_hold_scores_between_their_bounds_and_the_papers_numbers():
    for tidy in ablated():
        rows = tidy[tidy.metric != "fidelity_ceiling"]
        assert list(tidy) == scores.COLUMNS and (rows.low <= rows.value).all() and (rows.value <= rows.high).all()
        assert (rows["items"] == 4 * rows.n).all() and (rows.missing == 0).all()
    t1 = ablated().all_tasks.query("setup == 'L100-E90' and group == 'T1' and split == 'new-style'")
    assert t1.published.tolist() == [15.9] and ablated().fidelity.published.isna().all()


def test_missing_values_of_a_table_are_dashes():
    frame = pd.DataFrame({"task": ["flag", None], "value": [1.5, float("nan")], "n": [3, 4]})
    assert table_formats.markdown(frame).splitlines()[2:] == ["| flag | 1.5 | 3 |", "| – | – | 4 |"]
    assert r"-- & -- & 4 \\" in table_formats.latex(frame, "caption") and "nan" not in table_formats.latex(frame, "")


def test_tables_for_readers_mark_what_is_missing():
    tidy = ablated().all_tasks.copy()
    tidy.loc[(tidy.setup == "L100") & (tidy.group == "T3"), ["value", "low", "high"]] = np.nan
    shown = table_formats.by_tier(tidy)
    row = shown[(shown.setup == "L100") & (shown.split == "new-style")].iloc[0]
    assert row.T3.startswith(table_formats.MISSING) and re.fullmatch(r"\d+\.\d \[\d+\.\d, \d+\.\d\]† \(5/20\)", row.en)
    assert table_formats.note(tidy) == "† one seed, and no seed variance of this recipe is known."
    assert "| L100 |" in table_formats.markdown(shown) and shown.split.tolist().count("paper") == 3
    tex = table_formats.latex(shown, "50 % & more")
    assert r"\toprule" in tex and r"50 \% \& more" in tex and r"all\_tasks" in tex and "–" not in tex


def test_no_label_of_the_figure_of_steps_is_clipped_or_hidden(monkeypatch):
    assert_labels_are_clear(figures.across(*ablated()), monkeypatch, at_least=3 + 4 + len(scores.GROUPS))


def test_every_row_of_the_figure_of_steps_lies_within_its_axis():
    parts = [tidy.assign(**{column: tidy[column].where(tidy.split == "new-language", tidy[column] / 9)
                            for column in ("value", "low", "high")}) for tidy in ablated()]  # the first row is low
    for axis in figures.across(*parts).axes:
        drawn = [line.get_ydata() for line in axis.lines]
        bars = [end for part in axis.collections for bar in part.get_segments() for end in bar[:, 1]]
        highest = np.nanmax(np.concatenate([*drawn, bars, [0]]).astype(float))
        assert axis.get_ylim()[0] == 0 and highest <= axis.get_ylim()[1]


def rq1_tables(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """Tables of the RQ1 figure."""
    published = [paper_results.tiers(f"RQ1_{name}_phi3.5") for name in
                 ("all_tasks", "tasks_unaffected_by_fidelity", "xm3600_language_fidelity")]
    fidelity, ceiling = (cells[cells.metric == metric] for metric in ("fidelity", "fidelity_ceiling"))
    return [scores.table(ablation.part(cells, "all_tasks"), "all_tasks", published[0]),
            scores.table(ablation.part(cells, "unaffected"), "unaffected", published[1]),
            pd.concat([scores.table(fidelity, "fidelity", published[2]), scores.table(ceiling, "fidelity_ceiling")])]


def test_the_heat_maps_table_orders_languages_by_tier_and_leaves_hebrew_of_the_paper_out():
    found = ablation.by_language(synthetic(seeds=2, codes=["mi", "th", "en", "de"]), SETUPS)
    ours = found[(found.split == "new-style") & (found.metric == "fidelity") & (found.setup == "T5")]
    assert ours.language.tolist() == ["en", "de", "th", "mi"] and (ours.seeds == 2).all()
    assert found[found.split == "published"].language.nunique() == 35


def assert_labels_are_clear(figure: Figure, monkeypatch, at_least: int) -> None:
    """Every text that is drawn lies inside the figure and upon no other."""
    boxes, draw = {}, Text.draw

    def drawn(text: Text, renderer) -> None:
        boxes[text] = text.get_window_extent(renderer)
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", drawn)
    figure.draw_without_rendering()
    boxes = {text: box for text, box in boxes.items() if text.get_visible() and text.get_text()}
    inside = figure.bbox.padded(0.5)
    clipped = [t.get_text() for t, b in boxes.items() if not (inside.contains(*b.min) and inside.contains(*b.max))]
    hidden = [(a.get_text(), b.get_text()) for (a, of_a), (b, of_b) in itertools.combinations(boxes.items(), 2)
              if of_a.overlaps(of_b)]
    assert len(boxes) >= at_least and not clipped and not hidden


@cache
def rq1_figure() -> Figure:
    """RQ1 with three seeds and both of our splits."""
    return figures.by_tier(*rq1_tables(synthetic(seeds=3)))


def test_no_label_of_the_rq1_figure_is_clipped_or_hidden(monkeypatch):
    assert_labels_are_clear(rq1_figure(), monkeypatch, at_least=3 + 3 + 6 * 3 + len(SETUPS) + 2)


@pytest.mark.parametrize("codes", [FEW, list(languages())], ids=["few", "all"])
def test_no_label_of_the_heat_map_is_clipped_or_hidden(codes, monkeypatch):
    cells = synthetic(seeds=1, codes=codes)
    figure = figures.by_language(ablation.by_language(cells[cells.split == "new-style"], SETUPS))
    assert_labels_are_clear(figure, monkeypatch, at_least=len(codes) + 35 + len(SETUPS))


def test_the_rq1_figure_shows_each_seed_and_the_baselines():
    ours, _, fidelity, *_, printed, _, _ = rq1_figure().axes
    dots = [line for line in ours.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in dots] == [3 * len(scores.GROUPS)] * len(SETUPS)
    assert sum(line.get_linestyle() == "--" for line in ours.lines) == len(SETUPS), "a blind baseline for each setup"
    assert [97.0 in line.get_ydata() for line in fidelity.lines if line.get_linestyle() == ":"] == [True], "ceiling"
    assert not any(line.get_marker() == "." or line.get_linestyle() == "--" for line in printed.lines)
    assert 53.6 in [y for line in printed.lines for y in line.get_ydata()]


def record(folder, files) -> records.Record:
    """Provenance of a toy figure."""
    return records.Record(folder, "20_rq1_number_of_languages", {"seeds": 1}, "abc", records.digests(files))


def test_a_saved_figure_has_its_table_and_provenance_and_the_same_bytes_again(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    source = tmp_path / "results" / "scores.parquet"
    source.parent.mkdir()
    source.write_bytes(b"scores")
    of_figure, written = record(tmp_path / "figures", [source, paper_results.FILES[0]]), []
    tidy = scores.by_language(synthetic(seeds=1, codes=["en", "th"], setups=["English", "L100"]), "fidelity")
    tidy = tidy[tidy.split == "new-style"]
    for _ in range(2):
        records.save_figure(figures.by_language(tidy), tidy, of_figure, "map")
        written.append({path.name: path.read_bytes() for path in of_figure.folder.iterdir()})
    assert set(written[0]) == {"map.csv", "map.json", "map.pdf", "map.png"} and written[0] == written[1]
    assert len(pd.read_csv(of_figure.folder / "map.csv", keep_default_na=False)) == len(tidy)
    stated = json.loads(written[0]["map.json"])
    assert stated["inputs"] == {"results/scores.parquet": storage.sha256(b"scores"),
                                "centurio_lib/findings/paper_tables/paper_results.csv":
                                    storage.sha256(paper_results.FILES[0].read_bytes())}
    assert (stated["notebook"], stated["key"], stated["params"]) == (of_figure.notebook, "abc", {"seeds": 1})
    with pytest.raises(ValueError, match="is neither in"):
        records.digests([tmp_path.parent / "elsewhere.csv"])


def test_conclusions_are_computed_from_the_tables():
    rows = {"setup": "L100", "against": "English", "split": "new-style", "metric": "fidelity", "low": 1.0, "high": 9.0,
            "why": ""}
    found = pd.DataFrame([rows | {"group": group, "value": value, "p_holm": p}
                          for group, value, p in (("T5", 5.0, 0.01), ("T4", 4.0, 0.3))])
    found = pd.concat([found.assign(split="new-language", value=0.0), found])
    assert conclusions.change(found, "L100", "fidelity", conclusions.TIERS) == (
        "Language fidelity, new-style: L100 against English: T5 +5.0 [+1.0, +9.0], T4 +4.0 [+1.0, +9.0]; "
        "1 of 2 stand after Holm's correction.")
    said = conclusions.change(found.assign(why="one seed"), "L100", "fidelity", conclusions.TIERS)
    assert said.endswith("T4 +4.0 [+1.0, +9.0]; what stands cannot be said: one seed.")
    tidy = pd.DataFrame([{"setup": setup, "group": group, "split": "new-style", "metric": "all_tasks", "value": value}
                         for setup, group, value in (("T5", "T2", 10), ("T5", "T1", 30), ("L100", "T2", 40),
                                                     ("L100", "T1", 20), ("English", "T1", None))])
    assert conclusions.highest(tidy, "all_tasks", ["T2", "T1"]) == (
        "All tasks, new-style: L100 scores highest on T2 and T1 (30.0) and T5 lowest (20.0).")
    assert conclusions.highest(tidy.assign(value=5.0), "all_tasks", ["T2", "T1"]) == (
        "All tasks, new-style: all setups score 5.0 on T2 and T1.")
    with pytest.raises(ValueError, match="no differences of 'T9'"):
        conclusions.change(found, "T9", "fidelity", ["T5"])
