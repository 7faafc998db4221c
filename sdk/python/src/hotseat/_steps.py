"""One call, step by step, without a network: what to send, how long to wait.

Written once; the client and the asynchronous client only carry the steps out.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from hotseat import _answer, _retry
from hotseat._guard import Guard
from hotseat._transport import Request, Response
from hotseat.errors import (
    CircuitOpenError,
    DeadlineError,
    HotseatError,
    StatusError,
    TransportError,
)


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, within so many seconds; answer with a response or an error."""

    request: Request
    timeout: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """What a hook hears of each call when it is over."""

    path: str
    tries: int
    seconds: float
    status: int
    """Of the last answer; 0 where none came."""
    error: str
    """The error's class; empty where it succeeded."""


Steps = Generator[Send | Pause, Response | HotseatError | None, dict[str, Any]]


def steps(
    request: Request,
    path: str,
    allowed: float,
    *,
    clock: Callable[[], float],
    random: Callable[[], float],
    guard: Guard,
    hook: Callable[[Call], None] | None,
) -> Steps:
    """Yield what to do until there is an answer, a final error, or no time left."""
    start = clock()
    over = _Over()
    try:
        if not guard.admit():
            raise CircuitOpenError(  # noqa: TRY301 (the hook hears of it, too)
                f"{path}: the service failed often; it is left alone for a moment"
            )
        return (yield from _tries(request, path, start + allowed, allowed, clock,
                                  random, guard, over))  # fmt: skip
    except BaseException as error:
        over.error = type(error).__name__
        if not isinstance(error, StatusError | TransportError):
            guard.gave_up()
        raise
    finally:
        if hook is not None:
            hook(Call(path, over.tries, clock() - start, over.status, over.error))


@dataclass(slots=True)
class _Over:
    """What is known of a call when it is over."""

    tries: int = 0
    status: int = 0
    error: str = ""


def _tries(
    request: Request,
    path: str,
    end: float,
    allowed: float,
    clock: Callable[[], float],
    random: Callable[[], float],
    guard: Guard,
    over: _Over,
) -> Steps:
    while True:
        left = end - clock()
        if left <= 0:
            raise DeadlineError(f"{path}: no answer within {allowed:g} s")
        # the service need not go on working for somebody who has left
        headers = {**request.headers, "deadline-ms": str(max(round(left * 1000), 1))}
        got = yield Send(replace(request, headers=headers), left)
        over.tries += 1
        try:
            body = _read(got, over)
        except HotseatError as error:
            _tell(guard, error)
            wait = _retry.pause(over.tries - 1, random(), error)
            again = _retry.may_retry(error) and clock() + wait < end
            if not again or not guard.may_retry():
                raise
        else:
            guard.succeeded()
            return body
        yield Pause(wait)


def _read(got: Response | HotseatError | None, over: _Over) -> dict[str, Any]:
    if isinstance(got, HotseatError):
        raise got
    assert isinstance(got, Response)
    over.status = got.status
    return _answer.read(got)


def _tell(guard: Guard, error: HotseatError) -> None:
    """Count what says that the service is away; a no to one request does not."""
    if isinstance(error, TransportError) or (
        isinstance(error, StatusError) and error.status >= 500
    ):
        guard.failed()
    else:
        guard.succeeded()
