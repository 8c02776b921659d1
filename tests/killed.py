"""The end of a process and the start of a new one, as an exception and as caches that are emptied."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest


class Killed(Exception):
    """Stands for the end of a process."""


def until(function: Callable, call: int) -> Callable:
    """The function, but its `call`-th call (the first is 1) raises Killed."""
    calls = count(1)

    def ending(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            raise Killed
        return function(*args, **kwargs)

    return ending


@contextmanager
def before(owner: Any, name: str, call: int) -> Iterator[None]:
    """End the block before the `call`-th call of function `name` of a module; else the test fails."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, until(getattr(owner, name), call))
        yield


def forget(*modules: Any) -> None:
    """Have cached functions of some modules forget what they returned, as a new process does."""
    for member in (member for module in modules for member in vars(module).values()):
        if hasattr(member, "cache_clear"):
            member.cache_clear()
