"""Documents of Wikipedia's text, from a miniature of the dump in its true layout.

Run with: pytest tests/test_wikipedia.py
"""

import io
from types import SimpleNamespace

import killed
import pyarrow.parquet as pq
import pytest
import tiny_hub

from centurio_lib import paths, storage
from centurio_lib.data.hub import convert, hub
from centurio_lib.data.sources.texts import wikipedia
from centurio_lib.data.text_images import documents, passages
from centurio_lib.params import Ocr

OPTIONS = Ocr(image_size=96, min_font_px=9.0, max_font_px=12.0, wikipedia_articles=20)
LETTERS = {"en": "abcdefghij", "arz": "ابتثجحخدذر"}


def article(name: str, number: int) -> str:
    """A title line, two paragraphs and a control character in a third."""
    words = [f"{LETTERS[name][n % 10] * 3} {LETTERS[name][number % 10] * 4}" for n in range(12)]
    bell = "A line\x07 with a bell in it, which is long enough."
    return f"Title\n\n{' '.join(words)} {number}a.\n{' '.join(words[::-1])} {number}b.\n{bell}\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name, code in (("en", "en"), ("arz", "ar-eg")):
        rows = [{"id": str(n), "url": "", "title": "Title", "text": article(name, n)} for n in range(60)]
        tiny_hub.put(
            tmp_path, wikipedia.REPO, f"20231101.{name}/train-00000-of-00002.parquet", tiny_hub.parquet(rows)
        )
        storage.write_json(tmp_path / wikipedia.REPO / ".complete" / f"wikipedia-{code}.json", {})
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    killed.forget(wikipedia, passages)
    yield tmp_path
    killed.forget(wikipedia, passages)


def test_paragraphs_are_of_the_first_articles_only(home):
    found = wikipedia.paragraphs("en", 5)
    assert len(found) == 10 and not any("bell" in text or text == "Title" for text in found)


def test_text_of_evaluation_is_not_trained_on(home):
    train, test = (set(passages.of("en", split, 60)) for split in ("train", "test"))
    of_articles = set(wikipedia.paragraphs("en", 60))
    assert len(test & of_articles) > 5 and len(train & of_articles) > 60 and not train & test


def test_a_language_without_packaged_text_has_documents_now(home):
    assert len(passages.with_text(20)) == 100
    drawn = documents.document(documents.Sample("train", "ar-eg", 0), 0, OPTIONS)
    assert drawn.text.strip() and all(
        any(line in text for text in passages.of("ar-eg", "train", 20)) for line in drawn.text.split("\n")
    )


def test_without_articles_nothing_changes(home):
    assert not set(passages.of("en", "train")) & set(wikipedia.paragraphs("en", 60))
    plain = Ocr(image_size=96, min_font_px=9.0, max_font_px=12.0)
    sample = documents.Sample("train", "en", 3)
    assert documents.document(sample, 0, plain) == documents.document(sample, 0, plain)


def test_what_is_missing_is_named(home):
    with pytest.raises(hub.HubError, match=r"wikipedia-de .*not reachable"):
        wikipedia.paragraphs("de", 3)
    tiny_hub.put(
        home, wikipedia.REPO, "20231101.en/train-00000-of-00002.parquet", tiny_hub.parquet([{"body": "x"}])
    )
    with pytest.raises(convert.SourceError, match=r"lacks the column 'text'"):
        wikipedia.paragraphs("en", 3)


def test_no_more_of_a_dump_is_fetched_than_its_first_articles(tmp_path, monkeypatch):
    """The hub's file stays where it is; parts of it are read, once."""
    rows = [{"id": str(n), "url": "", "title": "Title", "text": article("en", n)} for n in range(60)]
    name, opened = "20231101.en/train-00000-of-00002.parquet", []
    content = tiny_hub.parquet(rows)
    calls = tiny_hub.serve(monkeypatch, {name: content})
    monkeypatch.setattr(paths, "DATASETS", tmp_path)

    class Files:
        def open(self, path, revision, block_size):
            opened.append((path, revision))
            return io.BytesIO(content)

    monkeypatch.setattr(hub, "HfFileSystem", Files)
    killed.forget(wikipedia)
    assert len(wikipedia.paragraphs("en", 5)) == 10
    killed.forget(wikipedia)
    assert len(wikipedia.paragraphs("en", 5)) == 10
    assert opened == [(f"datasets/{wikipedia.REPO}/{name}", tiny_hub.COMMIT)] and not calls
    [stored] = tmp_path.rglob("*.parquet")
    assert pq.read_metadata(stored).num_rows == 5
    killed.forget(wikipedia)


def test_a_dump_of_other_columns_is_refused(tmp_path, monkeypatch):
    content = tiny_hub.parquet([{"id": "1", "body": "x"}])
    tiny_hub.serve(monkeypatch, {"20231101.en/train-00000-of-00002.parquet": content})
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    monkeypatch.setattr(hub, "HfFileSystem", lambda: SimpleNamespace(open=lambda *_, **__: io.BytesIO(content)))
    killed.forget(wikipedia)
    with pytest.raises(convert.SourceError, match=r"lacks columns \['text'\]; it has \['id', 'body'\]: pin the dump"):
        wikipedia.paragraphs("en", 5)
    killed.forget(wikipedia)
