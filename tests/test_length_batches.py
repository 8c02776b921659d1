"""Batches of like length. Run with: pytest tests/test_length_batches.py"""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from centurio_lib.data import length_batches

LENGTHS = st.lists(st.integers(1, 120), max_size=60)


@given(LENGTHS, st.booleans(), st.none() | st.integers(1, 300), st.none() | st.integers(1, 7))
def test_every_sequence_is_in_one_batch_that_keeps_to_its_limits(lengths, longest_first, max_tokens, max_rows):
    order = sorted(range(len(lengths)), key=lambda i: lengths[i], reverse=longest_first)
    batches = length_batches.batches(order, lengths, max_tokens, max_rows)
    assert [place for batch in batches for place in batch] == order
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert len(batch) == 1 or max_tokens is None or padded <= max_tokens
        assert max_rows is None or len(batch) <= max_rows


@given(LENGTHS, st.integers(1, 300))
def test_a_batch_is_as_full_as_its_limit_allows(lengths, max_tokens):
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    batches = length_batches.batches(order, lengths, max_tokens)
    for batch, after in pairwise(batches):
        assert (len(batch) + 1) * lengths[after[0]] > max_tokens


def test_kinds_are_kept_apart():
    assert length_batches.batches(range(4), [3, 3, 3, 3], kinds=["a", "a", "b", "b"]) == [[0, 1], [2, 3]]
