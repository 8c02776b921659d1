"""Rows that stay on disk: the same as in memory, in any order, gone with the process.

Run with: pytest tests/test_disk_table.py
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tiny

from centurio_lib import params, tables
from centurio_lib.data import disk_table, mix
from centurio_lib.model import conversation, tokenized_dataset, train
from centurio_lib.study import runs, training

SCHEMA = tables.SCHEMAS["samples"]


@pytest.fixture
def few(monkeypatch):
    """Parts of a few rows, so that there are many."""
    monkeypatch.setattr(disk_table, "ROWS", 3)


def samples(n: int) -> pd.DataFrame:
    """A `samples` table."""
    return pd.DataFrame([{"sample_id": f"s{i}", "source": "toy", "images": [f"s{i}/{k}" for k in range(i % 3)],
                          "language": "en", "turns": tiny.turns(f"Question {i}?", "Straße 狗"),
                          "text_heavy": i % 2 == 0, "translatable": True} for i in range(n)])


def said(n: int):
    """A `Shown` of images that have four tokens each, and so many samples of a mix."""
    shown = SimpleNamespace(tokens=lambda shown: [4] * len(shown))
    table = pa.Table.from_pandas(samples(n).assign(family="toy")[mix.SCHEMA.names], mix.SCHEMA)
    return shown, disk_table.frame(table)


# === tables ===
def test_rows_come_back_as_they_were_and_in_any_order(few, tmp_path):
    kept = samples(10)
    files = [tables.write(tmp_path / f"{n}.parquet", "samples", kept.iloc[5 * n:5 * n + 5]) for n in (0, 1)]
    table = disk_table.write(tmp_path, SCHEMA, disk_table.read(files, SCHEMA.names, range(10)))
    assert table.to_pylist() == kept.to_dict("records")
    order = [7, 0, 9, 9, 3, 4, 1]
    parts = list(disk_table.in_order(table, order))
    assert [part.num_rows for part in parts] == [3, 3, 1]
    assert pa.concat_tables(parts).to_pylist() == [kept.to_dict("records")[i] for i in order]


def test_some_rows_of_files_come_in_the_order_asked_for_and_no_other_row_is_copied(few, tmp_path, monkeypatch):
    table = samples(10)
    files = [tables.write(tmp_path / f"{n}.parquet", "samples", table.iloc[5 * n:5 * n + 5]) for n in (0, 1)]
    copied, write = [], disk_table.write

    def watched(folder, schema, parts):
        made = write(folder, schema, parts)
        copied.append((made.num_rows, made.column_names))
        return made
    monkeypatch.setattr(disk_table, "write", watched)
    columns = pa.schema([SCHEMA.field("sample_id"), SCHEMA.field("turns")])
    chosen = pa.concat_tables(disk_table.select(tmp_path, columns, files, [8, 2, 5, 0]))
    assert chosen.to_pylist() == table[["sample_id", "turns"]].iloc[[8, 2, 5, 0]].to_dict("records")
    assert copied == [(4, ["sample_id", "turns"])]
    assert list(disk_table.select(tmp_path, columns, files, [])) == []


def test_rows_stay_neither_in_memory_nor_in_the_folder(tmp_path):
    (tmp_path / "scratch").mkdir()
    part, before = pa.Table.from_pandas(samples(100), SCHEMA), pa.total_allocated_bytes()
    table = disk_table.write(tmp_path / "scratch", SCHEMA, (part for _ in range(400)))
    assert table.num_rows == 40_000 and not list((tmp_path / "scratch").iterdir())
    assert table.nbytes > 3_000_000 and pa.total_allocated_bytes() - before < table.nbytes / 10


def test_an_empty_table_is_one(tmp_path):
    assert disk_table.write(tmp_path, SCHEMA, []).num_rows == 0
    assert not list(disk_table.in_order(disk_table.write(tmp_path, SCHEMA, []), []))


def test_pandas_reads_a_mapped_table(few, tmp_path):
    frame = disk_table.frame(disk_table.write(tmp_path, SCHEMA, [pa.Table.from_pandas(samples(7), SCHEMA)]))
    assert frame.language.value_counts().to_dict() == {"en": 7} and frame[frame.text_heavy].sample_id.iloc[1] == "s2"
    row = next(frame.iloc[4:].itertuples())
    assert row.images == ["s4/0"] and row.turns[1]["text"] == "Straße 狗"


# === conversations ===
def test_conversations_are_those_of_memory(few, tmp_path):
    made = tiny.conversations(lambda shown: [4] * len(shown), copies=2)
    kept = tokenized_dataset.Mapped(tmp_path, [made[:4], [], made[4:]])
    assert len(kept) == len(made) and kept[-1].sample_id == made[-1].sample_id
    for a, b in zip(kept, made, strict=True):
        assert (a.sample_id, a.images) == (b.sample_id, b.images)
        assert np.array_equal(a.ids, b.ids) and np.array_equal(a.label_mask, b.label_mask)
        assert (a.ids.dtype, a.label_mask.dtype) == (b.ids.dtype, b.label_mask.dtype)
    assert [c.sample_id for c in kept[2:5]] == [c.sample_id for c in made[2:5]]
    with pytest.raises(IndexError):
        kept[len(made)]
    stage = params.profile("smoke").instruct
    assert train.steps_of(kept, stage, 0) == train.steps_of(made, stage, 0)


def run_of(folder, **changes) -> runs.Run:
    """A run whose instruct stage has some parameters changed."""
    smoke = params.profile("smoke")
    config = smoke.model_copy(update={"instruct": smoke.instruct.model_copy(update=changes)})
    return runs.Run("11_instruct", "instruct", config, params.setup("T5"), 0, folder, {}, 0.0)


def test_samples_are_tokenized_in_parts_as_at_once(few, tmp_path):
    shown, chosen = said(10)
    rows = [(row.sample_id, list(row.images), list(row.turns)) for row in chosen.itertuples()]
    whole = conversation.tokenize(tiny.tokenizer(), rows, shown.tokens, chosen.text_heavy.tolist())
    parts = training.tokenized(run_of(tmp_path), chosen, tiny.tokenizer(), shown)
    assert [c.ids.tolist() for c in parts] == [c.ids.tolist() for c in whole]


def test_too_long_samples_are_left_out_and_all_of_them_are_an_error(few, tmp_path, capsys):
    shown, chosen = said(10)
    run = run_of(tmp_path, max_text_tokens=1000, max_seq_len=28)
    kept = training.tokenized(run, chosen, tiny.tokenizer(), shown)
    assert 0 < len(kept) < 10 and max(len(c.ids) for c in kept) == 28
    told = capsys.readouterr().out
    assert f"{10 - len(kept)} of 10 samples left out: longer than 1000 tokens of text, or than 28" in told
    with pytest.raises(conversation.ConversationError, match="all 10 samples are longer than 9 tokens of text"):
        training.tokenized(run_of(tmp_path, max_text_tokens=9, max_seq_len=28), chosen, tiny.tokenizer(), shown)
