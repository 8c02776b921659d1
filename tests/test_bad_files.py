"""Files of data sets that are damaged or made to do harm: refused by name, at once.

Run with: pytest tests/test_bad_files.py
"""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from centurio_lib.data.hub import catalogue, convert

ENTRY = next(entry for entry in catalogue.entries().values() if entry.form == "instruction")
ROW = json.dumps({"instruction": "q", "response": "a"}).encode()
GOOD = convert.Raw([], [("user", "q"), ("assistant", "a")])


def read(path, content: bytes) -> list:
    """What comes of a file."""
    path.write_bytes(content)
    return list(convert.samples(ENTRY, [path]))


@pytest.mark.parametrize("value", [b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 200 + b"1" + b"}" * 200])
def test_a_file_that_nests_without_end_is_refused_before_it_fills_the_memory(tmp_path, value):
    with pytest.raises(convert.SourceError, match=r"a\.json nests more than 100 lists and objects"):
        read(tmp_path / "a.json", b"[" + ROW + b', {"instruction": ' + value + b', "response": "a"}]')


@pytest.mark.parametrize("content", [b"", b"{}", b'{"error": "log in"}', b'"a text"', b"null", b"<html>", b"[" + ROW,
                                     ROW + b"\n" + ROW, b"[" + ROW + b"] and more", b'[{"instruction": "\xff"}]',
                                     b'[{"instruction": NaN}]', b'[{"instruction": ' + b"9" * 6000 + b"}]"])
def test_a_file_that_holds_no_list_of_rows_is_named(tmp_path, content):
    with pytest.raises(convert.SourceError, match=r"(?s)a\.json is no JSON or breaks off .*: remove it and"):
        read(tmp_path / "a.json", content)


@pytest.mark.parametrize("begins", [b"", b"\xef\xbb\xbf", b" \r\n\t"])
def test_what_stands_before_a_list_is_read_over(tmp_path, begins):
    assert read(tmp_path / "a.json", begins + b"[" + ROW + b"]") == [GOOD]


@pytest.mark.parametrize("value", [b"9" * 6000, b"[" * 100_000, b'"\xff"', b"nothing"])
def test_a_line_that_cannot_be_read_costs_itself_alone(tmp_path, value):
    line = b'{"instruction": "q", "response": ' + value + b"}"
    first, bad, last = read(tmp_path / "a.jsonl", b"\n".join([ROW, line, ROW]))
    assert first == last == GOOD
    assert isinstance(bad, convert.Bad) and bad.reason.startswith("a.jsonl, line 2: ")


def test_a_row_of_parquet_that_is_no_utf8_costs_itself_alone(tmp_path):
    texts = pa.array([b"q", b"\xff", b"q"], pa.binary())
    table = pa.table({"instruction": pa.Array.from_buffers(pa.string(), 3, texts.buffers()), "response": ["a"] * 3})
    pq.write_table(table, tmp_path / "a.parquet")
    first, bad, last = convert.samples(ENTRY, [tmp_path / "a.parquet"])
    assert first == last == GOOD
    assert "a.parquet is no UTF-8" in bad.reason
