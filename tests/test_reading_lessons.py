"""The encoder learns to read: letters are told where they stand, drawings are not forgotten, a killed run resumes."""

import killed
import numpy as np
import pytest
import tiny
import torch
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from PIL import Image
from torch import nn

from centurio_lib.base_models import lettering, own_encoder, reading_lessons
from centurio_lib.data import artwork
from centurio_lib.data.text_images import charts, passages, smpqa, typesetting
from centurio_lib.params import ReadingLesson

KEY = "a" * 64
SIZE = ReadingLesson(sheets=3, min_font_px=10.0, steps=230, batch_size=1, lr=1e-3)


def test_letters_lie_in_the_patch_of_their_middle():
    letters = [(3.0, 3.0, "a"), (12.0, 3.0, "b"), (20.0, 3.0, "c"), (3.0, 40.0, "d")]
    found = lettering.by_patch(letters, 48, 16)
    assert found.shape == (9, lettering.SLOTS)
    said = {at: [lettering.LETTERS[i - 1] for i in row if i] for at, row in enumerate(found) if row.any()}
    assert said == {0: ["a", "b"], 1: ["c"], 6: ["d"]}


def test_more_letters_than_slots_are_left_out():
    found = lettering.by_patch([(float(x), 3.0, "i") for x in range(lettering.SLOTS + 2)], 16, 16)
    assert (found > 0).sum() == lettering.SLOTS


@pytest.mark.parametrize("seed", range(6))
def test_told_letters_have_ink_under_them(seed):
    drawn = lettering.sheet(np.random.default_rng(seed), 96, 16, 12.0)
    ink = drawn.ink.reshape(6, 16, 6, 16).max((1, 3)).flatten()  # (patches,)
    told = (drawn.letters > 0).any(1)
    assert told.any() and (ink[told] > 100).all()


def test_a_line_is_told_in_reading_order(monkeypatch):
    monkeypatch.setattr(lettering, "word", lambda random: "abcdefgh")
    drawn = lettering.sheets(8, 0, 128, 128, 14.0)  # the whole sheet is one patch: its first letters are a word's
    assert any(sheet.letters[0].tolist() == [1, 2, 3] for sheet in drawn)


def test_letters_stand_where_their_advances_add_up():
    places = dict(lettering.middles("ab", typesetting.PLAIN))
    assert 0 < places["a"] < places["b"] < typesetting.line("ab", "en").width


@pytest.mark.parametrize("seed", range(8))
def test_told_letters_of_a_plot_lie_on_its_labels(seed, monkeypatch):
    painted = []
    def seen(chart, labels, pixels, em, draw=charts.drawn):  # labels of one plot, and the same one without labels
        found = draw(chart, labels, pixels, em)
        with monkeypatch.context() as patch:
            patch.setattr(charts, "letters", lambda *placed: PathPatch(Path([(0, 0)])))
            painted.append(np.asarray(draw(chart, labels, pixels, em)[0]))
        return found
    monkeypatch.setattr(charts, "drawn", seen)
    drawn = lettering.plot(np.random.default_rng(seed), 224, 16, 14.0)
    labels = (drawn.ink != painted[0]).any(-1).reshape(14, 16, 14, 16).any((1, 3))  # (rows, columns) of patches
    told = (drawn.letters > 0).any(1).reshape(14, 14)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(told, 1), (3, 3)).any((2, 3))  # letters may fill two patches
    assert told.sum() > 5 and labels[told].all() and near[labels].all()


def test_plots_are_the_share_that_is_asked_for_and_leave_the_other_sheets_as_they_are():
    mixed, plain = (lettering.sheets(4, 0, 64, 16, 10.0, share) for share in (0.25, 0.0))
    assert [sheet.ink.ndim for sheet in mixed] == [3, 2, 2, 2] and SIZE.plot_share == 0
    assert all((a.ink == b.ink).all() for a, b in zip(mixed[1:], plain[1:], strict=True))
    shown = [np.asarray(lettering.printed(mixed[0].ink, np.random.default_rng(i), SIZE)) for i in (0, 1)]
    assert shown[0].shape == (64, 64, 3) and (shown[0] != shown[1]).any()


def test_words_of_the_test_are_not_taught():
    random = np.random.default_rng(0)
    drawn = {lettering.word(random).lower() for _ in range(3000)}
    known = set(map(str.lower, smpqa.words("en", "train")))
    assert drawn & known and not any(passages.held_out(word) for word in drawn & known)
    # shorter strings may be one by chance
    long_ones = {word.lower() for word in smpqa.words("en", "test") if len(word) > 4}
    assert not drawn & long_ones


def test_sheets_can_be_drawn_again_alone():
    assert np.array_equal(lettering.sheets(3, 5, 64, 16, 12.0)[2].ink,
                          lettering.sheet(artwork.random_for(5, "lettering", 2), 64, 16, 12.0).ink)


def drawn() -> own_encoder.Drawings:
    """Four drawings, their names, and which of three keywords go with them."""
    pictures = [Image.new("RGBA", (16, 16), colour) for colour in ("red", "green", "blue", "white")]
    return own_encoder.Drawings(pictures, np.arange(4), np.eye(4, 3, dtype=np.float32))


def heads() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"name": nn.Linear(16, 4, bias=False), "keywords": nn.Linear(16, 3)})


def test_reading_and_drawings_are_learned_together(tmp_path):
    model, named = own_encoder.resized(tiny.vision(), 64), heads()
    quick = SIZE.model_copy(update={"steps": 100, "batch_size": 4})
    random = np.random.default_rng(0)
    untaught = own_encoder.placed_loss(model, named, drawn(), 32, 4, random).item()
    sheets = lettering.sheets(3, 0, 64, 16, 10.0)
    unread = reading_lessons.letter_loss(model, reading_lessons.letter_head(16, 0), sheets, random, quick).item()
    networks = reading_lessons.Networks(model, named, reading_lessons.letter_head(16, 0))
    read, known, right = reading_lessons.teach(networks, drawn(), quick, 32, 0, tmp_path, KEY, say=lambda text: None)
    assert read < 0.9 * unread and known < 0.9 * untaught and list(right) == ["letter"] and 0 <= right["letter"] <= 1


def test_plots_are_read_with_the_sheets_and_probed_by_themselves(tmp_path):
    model, asked = (
        own_encoder.resized(tiny.vision(), 64),
        SIZE.model_copy(update={"steps": 40, "batch_size": 4, "plot_share": 0.7}),
    )
    plots = lettering.sheets(2, 0, 64, 16, 10.0, 1.0)
    head = reading_lessons.letter_head(16, 0)
    unread = reading_lessons.letter_loss(model, head, plots, np.random.default_rng(0), asked).item()
    networks = reading_lessons.Networks(model, heads(), head)
    *_, right = reading_lessons.teach(networks, drawn(), asked, 32, 0, tmp_path, KEY, say=lambda text: None)
    assert list(right) == ["letter", "letter of a plot"]
    assert reading_lessons.letter_loss(model, head, plots, np.random.default_rng(0), asked).item() < 0.9 * unread


def test_an_encoder_made_larger_sees_the_same():
    small = tiny.vision()
    large, pixels = own_encoder.resized(small, 64), torch.rand(2, 3, 64, 64)
    assert large.config.image_size == 64 and small.config.image_size != 64
    with torch.no_grad():
        assert torch.equal(large(pixels).last_hidden_state,
                           small(pixels, interpolate_pos_encoding=True).last_hidden_state)


def test_empty_slots_weigh_less_than_letters():
    sheet = lettering.sheets(1, 0, 64, 16, 10.0)
    model, head = own_encoder.resized(tiny.vision(), 64), reading_lessons.letter_head(16, 0)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias.view(lettering.SLOTS, -1)[:, 0] = 20.0  # always "no letter"
    loss = reading_lessons.letter_loss(model, head, sheet, np.random.default_rng(0), SIZE).item()
    told = (sheet[0].letters > 0).sum()
    empty = sheet[0].letters.size - told
    assert loss == pytest.approx(20 * told / (told + reading_lessons.EMPTY * empty), rel=1e-3)


def test_reading_resumes_where_it_was_killed(tmp_path):
    def ended(folder) -> dict[str, torch.Tensor]:
        networks = reading_lessons.Networks(tiny.vision(), heads(), reading_lessons.letter_head(16, 0))
        reading_lessons.teach(networks, drawn(), SIZE, 32, 0, folder, KEY, say=lambda text: None)
        return networks.model.state_dict()

    undisturbed = ended(tmp_path / "undisturbed")
    with killed.before(own_encoder, "placed_loss", 215):
        ended(tmp_path / "killed")
    resumed = ended(tmp_path / "killed")
    assert all(torch.equal(undisturbed[name], resumed[name]) for name in undisturbed)
