"""Timing of several ways to do the same work in one process."""

import time
from collections.abc import Callable


def rounds(ways: dict[str, Callable[[], Callable]], repeats: int) -> tuple[dict[str, list[float]], dict]:
    """Seconds of processor time of each way in each interleaved round, and each way's last result.

    A way is a function that prepares, untimed, and returns the work to time.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results = {}
    for _ in range(repeats):
        for name, prepare in ways.items():
            work = prepare()
            start = time.process_time()
            results[name] = work()
            seconds[name].append(time.process_time() - start)
    return seconds, results
