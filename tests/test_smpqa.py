"""SMPQA: the same charts in every language, balanced questions with right answers, no word of the test trained on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from centurio_lib import tables
from centurio_lib.data import artwork
from centurio_lib.data.text_images import charts, passages, smpqa, typesetting
from centurio_lib.data.text_images.smpqa import SMPQA_GROUND, SMPQA_READ
from centurio_lib.params import Smpqa

SMALL = Smpqa(image_size=192, font_px=12.0, test_plots=2, english_plots=2)
TABLES = {"en": ["house", "tree", "boat", "bird", "glass", "table", "cloud", "stone",
                 *(f"word{c}" for c in "abcdefghijklmnop")],
          "he": ["שלום", "בית", "עץ", "ספר", "ים", "יד", "עין", "אור", *(f"מלה{c}" for c in "אבגדהוזחטיכלמנסע")]}


@pytest.fixture
def toy(monkeypatch):
    """Words of two languages, so that no source is read."""
    monkeypatch.setattr(smpqa, "words", lambda code, split, longest: TABLES[code])


def plots(*codes: str) -> list[dict]:
    """Rows of the test plots of some languages."""
    return [smpqa.row(sample, 0, SMALL) for sample in smpqa.samples(SMALL, "test", list(codes))]


def test_charts_are_the_same_in_every_language(toy):
    for one, other in zip(plots("en"), plots("he"), strict=True):
        assert (one["values"], one["colours"], one["kind"]) == (other["values"], other["colours"], other["kind"])
        assert one["image"] != other["image"]


def test_the_same_seed_gives_the_same_pixels_and_questions(toy):
    first, again = plots("en"), plots("en")
    assert first == again
    assert [smpqa.questions(p, 0) for p in first] == [smpqa.questions(p, 0) for p in again]
    assert smpqa.row(smpqa.Sample("test", "en", "bar", 0), 1, SMALL)["image"] != first[0]["image"]


def test_language_and_kind_are_the_samples_whatever_its_name_says(toy):
    sample = SimpleNamespace(id="smpqa/train/en/bar/0", split="test", language="he", kind="pie", number=1)
    row = smpqa.row(sample, 0, SMALL)
    assert [row[name] for name in ("plot_id", "split", "language", "kind")] == [sample.id, "test", "he", "pie"]
    assert set(row["labels"]) <= set(TABLES["he"]) and row["values"] == plots("en")[3]["values"]


def test_numbers_of_the_paper():
    found = smpqa.samples(Smpqa(), "test", "en de id it zu ar hi ko ru th zh".split())
    assert len(found) == 11 * 100 and len(set(found)) == len(found)


def test_training_plots_are_in_english_alone():
    found = smpqa.samples(SMALL, "train", ["de", "en", "th"])
    assert [sample.id for sample in found] == [f"smpqa/train/en/{kind}/{n}" for kind in smpqa.KINDS for n in range(2)]


def test_a_question_names_the_label_that_it_is_about(toy):
    for plot in plots("en"):
        for q in smpqa.questions(plot, 0):
            assert q.label in plot["labels"] and q.label in (q.answer if q.task == SMPQA_READ else q.question)


def test_five_to_read_eight_to_ground_half_of_them_yes(toy):
    for plot in plots("en"):
        asked = smpqa.questions(plot, 0)
        ground = [q for q in asked if q.task == SMPQA_GROUND]
        assert [q.task for q in asked].count(SMPQA_READ) == 5 and len(ground) == 8
        assert [q.answer for q in ground].count("yes") == 4
        assert len({q.question for q in asked}) == 13


def test_answers_are_what_the_chart_shows(toy):
    for plot in plots("en"):
        of_value = dict(zip(plot["labels"], plot["values"], strict=True))
        of_colour = dict(zip(plot["colours"], plot["labels"], strict=True))
        for question in smpqa.questions(plot, 0):
            said = question.question.rstrip("?")
            quoted = said.split('"')[1] if '"' in said else None
            if "biggest" in said or "smallest" in said:
                meant = (max if "biggest" in said else min)(of_value, key=of_value.get)
            else:
                meant = of_colour[next(colour for colour in charts.COLOURS
                                       if colour in said.replace(quoted or "", "").split())]
            assert question.answer == (meant if quoted is None else "yes" if quoted == meant else "no"), question


@pytest.mark.parametrize("kind", ["bar", "pie"])
def test_values_and_colours_differ(kind):
    for n in range(100):
        chart = charts.configuration(kind, artwork.random_for(n))
        assert len(set(chart.values)) == len(set(chart.colours)) == len(chart.values) in range(4, 8)
        assert min(chart.values) > 0


def test_biggest_and_smallest_slices_can_be_told():
    for n in range(100):
        values = np.sort(charts.configuration("pie", artwork.random_for(n)).values)
        steps = np.diff(values) / values.sum()
        assert min(steps[0], steps[-1]) >= charts.APART and values[0] / values.sum() > charts.LEAST_SHARE - 0.002


@pytest.mark.parametrize("kind", ["bar", "pie"])
def test_labels_are_on_the_page_and_apart(kind):
    """Boxes of the labels lie within the figure and do not meet."""
    words = ("notebooks", "elephants", "strawberry", "guitar", "house", "boat", "tree")
    lines = [typesetting.line(word, "en") for word in words]
    for n in range(30):
        chart = charts.configuration(kind, artwork.random_for(n))
        width, height = round(384 * min(1.0, chart.aspect)), round(384 / max(1.0, chart.aspect))
        placed = charts.drawn(chart, lines[:len(chart.values)], 384, 20.0)[1]
        boxes = []
        for line, x, y, size, turn in placed:
            long, tall = line.width * size, 0.7 * size
            boxes.append((x - tall, y, x, y + long) if turn else (x, y, x + long, y + tall))
        for i, (left, low, right, high) in enumerate(boxes):
            assert left >= 0 and low >= 0 and right <= width and high <= height, (n, chart)
            assert all(right <= a or c <= left or high <= b or d <= low for a, b, c, d in boxes[i + 1:]), (n, chart)


@pytest.mark.parametrize("pixels", [160, 384])
def test_numbers_of_the_axis_are_on_the_page_and_apart(pixels, monkeypatch):
    """They were cut off at the lower edge of small plots, and ran into each other."""
    figures, figure_class = [], charts.Figure

    def remembered(*size, **look):
        figures.append(figure_class(*size, **look))
        return figures[-1]

    monkeypatch.setattr(charts, "Figure", remembered)
    lines = [typesetting.line(word, "en") for word in ("hotpot", "bees", "castle", "guitar", "house", "boat", "tree")]
    charted = [charts.configuration("bar", artwork.random_for(n)) for n in range(20)]
    for n, chart in enumerate(charted):
        width, height = round(pixels * min(1.0, chart.aspect)), round(pixels / max(1.0, chart.aspect))
        charts.draw(chart, lines[:len(chart.values)], pixels, 14.0)
        axis = figures[-1].axes[0].xaxis if chart.horizontal else figures[-1].axes[0].yaxis
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if 0 <= int(label.get_text()) <= 105]
        assert len(boxes) >= 2
        for i, box in enumerate(boxes):
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, (n, chart)
            assert not any(box.overlaps(other) for other in boxes[i + 1:]), (n, chart)


@pytest.mark.parametrize(("word", "code"), [("क्षत्रिय", "hi"), ("마름모", "ko"), ("HILL", "en")])
@pytest.mark.parametrize("em", [11.3, 14.0, 40.0])
def test_labels_are_drawn_as_typeset_draws_them(word, code, em):
    """The outlines that matplotlib fills and HarfBuzz's own pixels cover the same ground, wherever a label stands."""
    line = typesetting.line(word, code)
    assert abs(charts.path(line).vertices[:, 0].max() - line.width) < 0.2
    drawn = np.asarray(typesetting.mask([(line, 10, 60)], em, (200, 100)), float).sum()
    for shift in (0, 0.25, 0.5, 0.75):
        figure = charts.Figure((2, 1), dpi=100)
        canvas = charts.FigureCanvasAgg(figure)
        figure.add_artist(charts.letters(line, 10 + shift, 40 + shift, em, 0))
        canvas.draw()
        ink = 255 - np.asarray(canvas.buffer_rgba())[..., 0].astype(float)
        assert abs(ink.sum() / drawn - 1) < 0.03, shift
        if shift == 0:
            assert np.abs(ink - typesetting.mask([(line, 10, 60)], em, (200, 100))).mean() < 2


def test_words_of_the_test_are_never_labels_in_training():
    train, test = (set(map(str.casefold, smpqa.words("zu", split))) for split in ("train", "test"))
    assert len(train) > 1000 and len(test) > 200 and not train & test
    assert all(passages.held_out(word) for word in test) and not any(map(passages.held_out, train))
    assert all(" " not in word and len(word) >= 2 for word in test)


@pytest.mark.parametrize("code", ["ar-eg", "azb"])
def test_a_language_without_words_is_refused(code):
    with pytest.raises(passages.NoText, match=f"{code}: 0 words for plots of test, 40 are wanted"):
        smpqa.words(code, "test")


def test_without_training_plots_there_are_no_instructions_and_that_is_no_error(toy, tmp_path):
    none = smpqa.instructions(pd.DataFrame(plots("he")).iloc[:0], 0)
    path = tables.write(tmp_path / "i.parquet", "instructions", none)
    assert tables.read(path, "instructions").empty and none[none.language == "en"].empty


def test_labels_longer_than_any_word_list_holds_are_refused():
    with pytest.raises(ValidationError, match="less than or equal to 12"):
        Smpqa(max_label_chars=13)
    assert Smpqa(max_label_chars=smpqa.LONGEST).max_label_chars == 12


def test_tables_fit_and_plots_are_never_translated(toy, tmp_path):
    frame = pd.DataFrame(plots("en", "he"))
    tables.write(tmp_path / "plots.parquet", "plots", frame)
    tables.write(tmp_path / "items.parquet", "items", items := smpqa.items(frame, 0))
    tables.write(tmp_path / "i.parquet", "instructions", taught := smpqa.instructions(frame, 0))
    assert len(items[items.split == "test"]) == 8 * 13 and items.item_id.is_unique
    assert set(taught.language) == {"en", "he"} and taught.text_heavy.all() and set(taught.family) == {"plot"}
    assert [turn["role"] for turn in taught.turns[0]] == ["user", "assistant"] * 13
