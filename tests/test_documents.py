"""Documents: what is drawn is what the label says, each can be drawn again alone, test text is never trained on."""

import functools
import io
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from centurio_lib import paths, tables
from centurio_lib.data import artwork, shards
from centurio_lib.data.text_images import documents, passages, photographs, typesetting
from centurio_lib.data.text_images.documents import Layout, Sample
from centurio_lib.languages import languages
from centurio_lib.params import Ocr

SMALL = Ocr(image_size=96, min_font_px=9.0, max_font_px=12.0)
CODES = ["en", "ar", "he", "hi", "th", "km", "zh", "sd"]
LAYOUT = Layout("en", typesetting.PLAIN, 96, 10.0, 5.0, 1)
DRAW = functools.partial(documents.row, seed=0, options=SMALL)


@pytest.mark.parametrize("code", CODES)
def test_label_is_what_the_lines_show(code):
    drawn = documents.document(Sample("train", code, 3), 0, SMALL)
    assert drawn.text.strip() and "".join(drawn.lines).replace(" ", "") == drawn.text.replace("\n", "").replace(" ", "")
    source = {text for text in passages.of(code, "train")}
    assert all(any(shown in text for text in source) for shown in drawn.text.split("\n"))
    assert Image.open(io.BytesIO(drawn.image)).size == (96, 96)


def test_a_sample_is_drawn_again_alone_and_others_differ():
    first, again, other = (documents.document(Sample("train", "en", n), 0, SMALL) for n in (7, 7, 8))
    assert first == again
    assert first.image != other.image
    assert documents.document(Sample("train", "en", 7), 1, SMALL).image != first.image


def test_split_and_language_are_the_samples_whatever_its_name_says():
    sample = SimpleNamespace(id="ocr/train/ar/0", split="test", language="de", number=4)
    row = documents.row(sample, 0, SMALL)
    assert (row["image_id"], row["split"], row["language"], row["script"]) == (sample.id, "test", "de", "Latin")
    assert all(any(part in text for text in passages.of("de", "test")) for part in row["text"].split("\n"))


@pytest.mark.parametrize("code", ["en", "de", "ar", "zh", "th", "ki", "as"])
def test_text_of_evaluation_is_not_trained_on(code):
    train, test = (passages.of(code, split) for split in ("train", "test"))
    seen = "\n".join(train).casefold()
    assert len(test) > 0.05 * len(train)
    assert not [text for text in test if text.casefold() in seen]


def test_the_same_text_is_held_out_in_every_language_that_has_it():
    train = {text.casefold() for text in passages.of("hr", "train")}
    assert not train & {text.casefold() for text in passages.of("bs", "test")}


@pytest.mark.parametrize("code", ["ar-eg", "azb"])
def test_a_language_without_text_is_refused(code):
    with pytest.raises(passages.NoText, match=f"{code}: no source has text"):
        documents.document(Sample("train", code, 0), 0, SMALL)


def test_every_other_language_has_text():
    assert set(languages()) - set(passages.with_text()) == {"ar-eg", "azb"}


def test_counts_follow_the_script():
    codes = ["en", "de", "ru", "th"]
    assert documents.counts(codes, english=7, latin=2, other=3) == {"en": 7, "de": 2, "ru": 3, "th": 3}
    assert "de" not in documents.counts(codes, english=7, latin=0, other=3)
    with pytest.raises(passages.NoText, match=r"azb: no source has text: leave it out of ocr\.languages"):
        passages.chosen(Ocr(languages=["en", "azb"]))


def test_a_language_without_text_of_one_side_is_refused_before_any_work(monkeypatch):
    texts = [f"text {n}" for n in range(40)]
    for split, kept in (("test", False), ("train", True)):
        monkeypatch.setattr(passages, "known", lambda code, articles, kept=kept: [
            text for text in texts if passages.held_out(text) == kept])
        passages.of.cache_clear()
        with pytest.raises(passages.NoText, match=f"de: no source has text for {split}: leave the language out"):
            passages.chosen(Ocr(languages=["de"]))
    passages.of.cache_clear()


def test_a_long_passage_is_split_over_samples_and_nothing_is_lost():
    """Pages of one passage are each as likely as the others: many samples show all its words."""
    words = [f"word{n}" for n in range(60)]
    shown = set()
    for n in range(40):
        random = artwork.random_for(n)
        placed, texts = documents.fill(LAYOUT, [" ".join(words)], random)
        shown |= {word for text in texts for word in text.split()}
        assert all(y <= 96 - 5 for _, _, y in placed)
    assert shown == set(words)


def test_labels_of_a_passage_whose_lines_recur_are_what_its_pages_show():
    """Each page's label is its own stretch of the passage, however often a line of it stands elsewhere."""
    text = " ".join("the law and the law and" if n % 3 else f"article {n}" for n in range(30))
    seen = set()
    for n in range(40):
        placed, shown = documents.fill(LAYOUT, [text], artwork.random_for(n), 1)
        lines = "".join(line.text for line, _, _ in placed).replace(" ", "")
        same = lines == shown[0].replace(" ", "")  # pytest would take minutes to compare them itself
        assert same, n
        seen |= set(range(placed[0][0].start, placed[0][0].start + len(shown[0])))
    assert not [at for at, character in enumerate(text) if character != " " and at not in seen]


def test_lines_of_right_to_left_text_begin_at_the_right():
    for code, right in (("he", True), ("en", False)):
        ends, starts = [], []
        for n in range(20):
            random, layout = artwork.random_for(n), Layout(code, typesetting.PLAIN, 192, 10.0, 8.0, 1)
            placed, _ = documents.fill(layout, passages.pool(code, "train", random, Ocr()), random)
            if len(placed) > 3:
                starts.append(np.ptp([x for _, x, _ in placed]))
                ends.append(np.ptp([x + line.width * 10 for line, x, _ in placed]))
        assert (np.median(ends) < 0.01) == right and (np.median(starts) < 0.01) == (not right)


def test_ink_and_paper_are_far_apart():
    """The contrast of a page's two halves, one of them ink, is that of legible text (WCAG 2, large letters: 3)."""
    ink = np.zeros((64, 64), np.uint8)
    ink[:, 32:] = 255
    for n in range(50):
        sheet = np.asarray(photographs.page(ink, artwork.random_for(n)), float) / 255
        dark, light = sorted(float(half.mean((0, 1)) ** 2.2 @ [0.2126, 0.7152, 0.0722])
                             for half in (sheet[:, :32], sheet[:, 32:]))
        assert (light + 0.05) / (dark + 0.05) >= 3, n


def test_shards_are_kept_rebuilt_and_replaced(tmp_path, capsys):
    samples = documents.samples({"en": 5, "he": 2}, "train")
    files = shards.build(tmp_path, "documents", samples, DRAW, "key", 3)
    frame = shards.read(files, "documents")
    assert list(frame.image_id) == [f"ocr/train/en/{n}" for n in range(5)] + ["ocr/train/he/0", "ocr/train/he/1"]
    assert frame.image[4] == documents.document(samples[4], 0, SMALL).image
    times = [path.stat().st_mtime_ns for path in files]
    files[1].write_bytes(files[1].read_bytes()[:100])  # as a full disk leaves it
    files[2].unlink()
    assert shards.build(tmp_path, "documents", samples, DRAW, "key", 3) == files
    assert "1 of 3 shards are there already" in capsys.readouterr().out
    assert files[0].stat().st_mtime_ns == times[0]
    assert shards.read(files, "documents").equals(frame)
    assert not set(shards.build(tmp_path, "documents", samples, DRAW, "other key", 3)) & set(files)
    assert not any(path.exists() for path in files)


def test_tables_are_read_without_images_and_single_images_by_name(tmp_path):
    samples = documents.samples({"en": 3, "he": 2}, "train")
    files, ids = shards.build(tmp_path, "documents", samples, DRAW, "key", 2), [sample.id for sample in samples]
    whole, rows = (shards.read(files, "documents", columns) for columns in (None, shards.light("documents")))
    assert rows.equals(whole.drop(columns="image"))
    assert documents.instructions(rows).equals(documents.instructions(whole)) and documents.items(rows, 0).equals(
        documents.items(whole, 0)
    )
    assert shards.images(files, "documents", ids[3:0:-2]) == {ids[3]: whole.image[3], ids[1]: whole.image[1]}
    with pytest.raises(KeyError, match="no-such"):
        shards.images(files, "documents", ["no-such"])


def test_two_processes_draw_the_same(tmp_path):
    samples = documents.samples({"en": 4}, "train")
    one, two = (shards.build(tmp_path / str(n), "documents", samples, DRAW, "key", 2, processes=n) for n in (1, 2))
    assert shards.read(one, "documents").equals(shards.read(two, "documents"))


def test_a_killed_run_goes_on(tmp_path):
    """Killed in the middle, then asked again: the same rows, and nothing half-written is left."""
    script = ("import functools, pathlib\nfrom centurio_lib.data import shards\n"
              "from centurio_lib.data.text_images import documents\n"
              "from centurio_lib.params import Ocr\n"
              "options = Ocr(image_size=96, min_font_px=9.0, max_font_px=12.0)\n"
              "draw = functools.partial(documents.row, seed=0, options=options)\n"
              f"folder, samples = pathlib.Path({str(tmp_path)!r}), documents.samples({{'en': 400}}, 'train')\n"
              "shards.build(folder, 'documents', samples, draw, 'key', 2)")
    process = subprocess.Popen([sys.executable, "-c", script], cwd=paths.REPO, stdout=subprocess.DEVNULL)
    while not list(tmp_path.glob("documents-*.parquet")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name for path in tmp_path.glob("documents-*.parquet")}
    files = shards.build(tmp_path, "documents", documents.samples({"en": 4}, "train"), DRAW, "key", 2)
    assert files[0].name in before
    assert list(shards.read(files, "documents").image_id) == [f"ocr/train/en/{n}" for n in range(4)]


def test_a_sample_asked_for_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="twice"):
        shards.build(tmp_path, "documents", [Sample("train", "en", 0)] * 2, DRAW, "key", 2)


def test_rows_fit_the_table(tmp_path):
    files = shards.build(tmp_path, "documents", [Sample("test", "en", 0)], DRAW, "key", 2)
    assert tables.read(files[0], "documents").script[0] == "Latin"


def test_a_document_holds_no_more_passages_than_asked_for():
    few = Ocr(image_size=96, running_text_share=0.0, max_passages=2)
    counted = {len(documents.document(Sample("train", "en", n), 0, few).text.split("\n")) for n in range(12)}
    assert counted == {1, 2}
