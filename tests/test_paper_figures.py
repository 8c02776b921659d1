"""The published numbers as figures: the printed values reach them, ours stand beside, the page names every file.

Run: pytest tests/test_paper_figures.py
"""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from centurio_lib import params, paths
from centurio_lib.findings import figure_index, looks, paper_figure1, paper_figures, paper_results, records, scores


@pytest.mark.parametrize(("name", "rows"), [("rq1", 3 * 36), ("rq2", 2 * 36), ("rq3", 2 * 24)])
def test_tables_1_to_3_hold_what_was_printed_and_what_follows_from_the_cells(name, rows):
    figure, table = paper_figures.question(name, params.questions()[name])
    assert isinstance(figure, Figure) and len(table) == rows
    assert len(figure.axes) == table.metric.nunique(), "a panel for each part that the paper has numbers for"
    assert table.published.notna().all() and "value" not in table
    l100 = table[(table.setup == "L100") & (table.metric == "all_tasks")].set_index("group").published
    assert l100.to_dict() == {"en": 52.6, "T5": 34.4, "T4": 28.9, "T3": 30.7, "T2": 32.6, "T1": 19.3}


def test_tables_4_to_6():
    _, reading = paper_figures.text_in_images()
    assert (
        len(reading) == 42
        and set(reading.setup) == set(paper_figures.RQ4)
        and set(reading.group) == set(looks.SCRIPTS)
    )
    figure, table = paper_figures.final()
    first, *_ = figure.axes
    assert first.get_yticklabels()[0].get_text() == "Centurio Qwen" and table.setup.nunique() == 15
    assert paper_figures.final_tiers()[1].setup.nunique() == 5


def test_figure_1_says_what_varies_and_what_came_of_it():
    figure, table = paper_figure1.exploration()
    assert len(figure.axes) == 6 and set(table.panel) == {"languages", "english", "ocr"}
    sizes = table[table.panel == "languages"].groupby("setup").amount.sum()
    assert sizes.to_dict() == {"English": 1, "T5": 7, "T5-T4": 25, "T5-T3": 53, "T5-T2": 70, "L100": 100}
    assert (table[table.panel == "english"].groupby("setup").amount.sum() == 100).all()
    pages = table[table.panel == "ocr"].pivot(index="setup", columns="group", values="amount")
    assert np.allclose(pages.sum(axis=1), 500) and pages.other["ocr_latin_down"] > 1.9 * pages.other["ocr_E1"]
    printed_ = table[(table.panel == "english") & (table.setup == "L100-E90")].set_index("group").published
    assert printed_["en"] == 54.8 and table[table.panel == "ocr"].published.notna().all()


def test_our_rows_stand_below_the_papers_in_the_columns_of_like_shape():
    cells = pd.DataFrame([
        dict(zip(scores.CELL, ["L100", seed, split, "flag", code, "T5", "exact_match", value], strict=True),
             headline=True)
        for seed in (0, 1) for code in ("en", "de", "fr")
        for split, value in (("new-style", 40.0), ("new-language", 90.0))])
    rows = paper_figures.ours(cells, "L100", "ours: L100")
    assert rows.set_index("group").value.to_dict() == {"en": 40, "mul": 40} and set(rows.metric) == {"MaXM_acc"}
    figure, table = paper_figures.final(rows)
    assert figure.axes[0].get_yticklabels()[-1].get_text() == "ours: L100" and len(table) == 420 + 2


def test_the_setup_that_stands_for_ours_has_most_of_the_final_choices():
    assert paper_figures.chosen(["English", "PT50", "L100", "L100-E90"]) == "PT50"
    assert (
        paper_figures.chosen(["OCR100", "OCR50", "Centurio"]) == "Centurio"
        and paper_figures.chosen(["English", "T5"]) == "T5"
    )


def test_our_fidelity_stands_in_its_column_and_our_rows_do_not_stretch_the_shades():
    cells = pd.DataFrame([dict(zip(scores.CELL, ["L100", 0, "new-style", "captioning", code, "T5", metric, value],
                                   strict=True), headline=metric == "cider")
                          for code in ("de", "fr") for metric, value in (("fidelity", 60.0), ("cider", 500.0))])
    rows = paper_figures.ours(cells, "L100", "ours")
    assert rows.set_index("metric").value.to_dict() == {"XM3600_CIDEr": 500, "XM3600_language_fidelity_pct": 60}
    figure, _ = paper_figures.final(rows)
    alone, _ = paper_figures.final()
    shades, without = (f.axes[0].collections[0].get_array() for f in (figure, alone))
    assert np.ma.allclose(shades[:15], without) and shades.max() <= 1


def test_appendix_covers_every_cell_once_and_missing_ones_stay_empty():
    raw = pd.read_csv(paper_results.FILES[1], keep_default_na=False)
    raw = raw[~raw.lang.str.startswith("avg")]
    wanted = raw[raw.backbone.isin(["Phi3.5", "Llama3", "Final"])]
    assert set(paper_figures.SHAPE.values()) <= set(pd.read_csv(paper_results.FILES[0]).metric)
    name, draw = next(iter(paper_figures.appendix().items()))
    figure, table = draw()
    assert len(table) == len(wanted[(wanted.task == table.task.iloc[0]) & (wanted.backbone != "Final")])
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert len(numbers) == len(table) and name == f"setups_{table.task.iloc[0].lower()}"
    holes = paper_figures.grid(pd.DataFrame([[1.0, np.nan], [0.0, 2.0]], index=["a", "b"], columns=["x", "y"]), "")
    assert [text.get_text() for text in holes.axes[0].texts] == ["1", "0", "2"], "what is missing is no zero"


def test_figure_is_drawn_again_exactly_where_something_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOME", tmp_path)
    source = tmp_path / "input.csv"
    source.write_text("1")
    record = records.Record(tmp_path / "figures", "41_figures", {}, "key", records.digests([source]))
    figure, table = paper_figures.final_tiers()
    assert not records.current(record, "tiers")
    records.save_figure(figure, table, record, "tiers")
    assert records.current(record, "tiers")
    assert not records.current(record._replace(params={"seeds": 2}), "tiers"), "other params"
    (record.folder / "tiers.png").unlink()
    assert not records.current(record, "tiers"), "a file is gone"
    records.save_figure(figure, table, record, "tiers")
    source.write_text("2")
    assert not records.current(record._replace(inputs=records.digests([source])), "tiers"), "another input"


def test_index_lists_every_figure_with_its_files_and_needs_no_network(tmp_path):
    folder = tmp_path / "smoke"
    with pytest.raises(FileNotFoundError, match="make figures"):
        figure_index.write(folder, "Smoke")
    record = records.Record(folder, "41_figures", {"seeds": 2}, "key", records.digests(paper_results.FILES))
    records.save_figure(*paper_figures.final_tiers(), record, "a<b")
    page = figure_index.write(folder, "Smoke & more", {"other": tmp_path / "other" / "index.html"})
    page = page.read_text(encoding="utf-8")
    assert "Smoke &amp; more" in page and 'src="a%3Cb.png"' in page and "2 seed(s)" in page and "41_figures" in page
    assert 'href="../other/index.html"' in page
    assert "://" not in page and all(f"a&lt;b.{kind}</a>" in page for kind in ("csv", "json", "pdf", "png"))


def test_a_setup_has_one_look_which_differs_from_those_that_it_is_compared_with():
    for setups in params.questions().values():
        of_question = looks.of(setups)
        assert len({look.colour for look in of_question.values()}) == len(setups)
        assert all(of_question[setup] == looks.of([setup])[setup] for setup in setups)
    systems = looks.of(["Centurio Qwen", "Pangea", "English"])
    assert systems["English"] == looks.ENGLISH and systems["Pangea"] != systems["Centurio Qwen"]


def test_a_test_set_that_was_not_run_stays_empty_and_is_never_a_zero_nor_another_task():
    def cell(task: str, language: str, value: float, split: str) -> dict:
        return {"setup": "L100", "seed": 0, "split": split, "task": task, "language": language, "group": "T5",
                "value": value, "metric": "accuracy", "headline": True}
    drawn = [cell("captioning", "de", 99, "new-style"), cell("smpqa_read", "de", 7, "test")]
    published = [cell("xm3600", "de", 40, "test"), cell("xm3600", "en", 80, "test"), cell("maxm", "fr", 20, "test")]
    of = paper_figures.ours(pd.DataFrame(drawn + published), "L100", "ours").set_index(["metric", "group"]).value
    assert of.to_dict() == {("XM3600_CIDEr", "mul"): 40, ("XM3600_CIDEr", "en"): 80, ("MaXM_acc", "mul"): 20,
                            ("SMPQA-Read_acc", "mul"): 7}
    table = paper_figures.final(paper_figures.ours(pd.DataFrame(drawn + published), "L100", "ours"))[1]
    assert set(of.index.get_level_values(0)) <= set(table[table.setup != "ours"].metric)
    assert set(paper_figures.BENCHMARKS.values()) <= set(table.metric)
    alone = paper_figures.ours(pd.DataFrame(drawn), "L100", "ours").set_index("metric").value
    # of like shape, where none of the paper's was asked
    assert alone.to_dict() == {"XM3600_CIDEr": 99, "SMPQA-Read_acc": 7}
