"""Patience with a server: a request that was refused for now, or broke off, is made again after a wait.

The hub's own client waits within one request. These waits come on top, so that a night's download outlives a limit of
requests (429) or minutes without a connection. A machine without any network is told so after a few seconds.
"""

import socket
import time
import urllib.error
from collections.abc import Callable, Iterator
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from tenacity import RetryCallState, Retrying, retry_if_exception

ATTEMPTS = 7  # of one request
WITHOUT_NAMES = 2  # attempts where the server's name cannot even be resolved
FIRST_S, LONGEST_S = 2.0, 300.0  # wait after the first failure, which doubles, and the longest
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses of a server that is busy or broken for now
BROKEN = (HTTPError, LocalEntryNotFoundError, urllib.error.URLError, ConnectionError, TimeoutError)
Result = TypeVar("Result")


def patient(act: Callable[[], Result], what: str) -> Result:
    """Call a function again after a wait while its error may pass; the wait is printed, and the last error raised."""
    def say(state: RetryCallState) -> None:
        error = state.outcome.exception()
        wait = state.next_action.sleep
        print(f"{what}: {reason(error)}; attempt {state.attempt_number + 1} in {wait:.0f} s", flush=True)

    return Retrying(retry=retry_if_exception(passes), wait=_wait, stop=_enough, before_sleep=say, reraise=True,
                    sleep=lambda seconds: time.sleep(seconds))(act)


def passes(error: BaseException) -> bool:
    """Say whether an error may be gone after a wait: a limit of requests, a busy server or a broken connection."""
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes(error)):
        return False
    if (code := status(error)) is not None:
        return code in PASSING
    return isinstance(error, BROKEN)


def status(error: BaseException) -> int | None:
    """HTTP status of an error; None where the server sent none."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code
    response = getattr(error, "response", None) if isinstance(error, HfHubHTTPError) else None
    return getattr(response, "status_code", None)


def reason(error: BaseException) -> str:
    """A few words on an error."""
    code = status(error)
    return "too many requests (429)" if code == 429 else f"status {code}" if code else type(error).__name__


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, one after the other."""
    while error is not None:
        yield error
        within = getattr(error, "reason", None)  # where urllib keeps the cause
        error = error.__cause__ or error.__context__ or (within if isinstance(within, BaseException) else None)


def _enough(state: RetryCallState) -> bool:
    nameless = any(isinstance(cause, socket.gaierror) for cause in causes(state.outcome.exception()))
    return state.attempt_number >= (WITHOUT_NAMES if nameless else ATTEMPTS)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: what the server asks for, else twice the wait before."""
    error = state.outcome.exception()
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
    asked = str(headers.get("Retry-After", ""))
    return min(float(asked) if asked.isdigit() else FIRST_S * 2 ** (state.attempt_number - 1), LONGEST_S)
