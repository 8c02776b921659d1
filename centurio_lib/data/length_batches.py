"""Batches of sequences of similar length, which need little padding."""

from collections.abc import Hashable, Iterable, Sequence


def batches(order: Iterable[int], lengths: Sequence[int], max_tokens: int | None = None, max_rows: int | None = None,
            kinds: Sequence[Hashable] | None = None) -> list[list[int]]:
    """Places of sequences in batches, filled in the order given; sort that by length.

    `lengths`: tokens of each sequence. A batch holds at most `max_tokens`, padding to its longest sequence included,
    `max_rows` sequences, and one kind. A sequence that is longer by itself has a batch of its own.
    """
    filled: list[list[int]] = []
    longest = 0
    for place in order:
        batch = filled[-1] if filled else []
        longest = max(longest, lengths[place])
        full = ((max_rows is not None and len(batch) >= max_rows)
                or (max_tokens is not None and (len(batch) + 1) * longest > max_tokens)
                or (kinds is not None and batch and kinds[batch[0]] != kinds[place]))
        if batch and not full:
            batch.append(place)
        else:
            filled.append([place])
            longest = lengths[place]
    return filled
