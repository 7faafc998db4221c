"""One call, step by step, without a network: what to send, how long to wait.

Written once; the client and the asynchronous client only carry the steps out.
"""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hotseat import _retry
from hotseat._guard import Guard
from hotseat._transport import Request, Response
from hotseat.errors import (
    CircuitOpenError,
    DeadlineError,
    HotseatError,
    StatusError,
    TokenError,
    TransportError,
)

log = logging.getLogger("hotseat")

T = TypeVar("T")


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
class Work:
    """Run this: it takes the processor for some milliseconds, and waits for nobody."""

    job: Callable[[], Any]


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


Steps = Generator[Send | Pause | Work, Any, T]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same for all calls of a client."""

    clock: Callable[[], float]
    random: Callable[[], float]
    guard: Guard
    hook: Callable[[Call], None] | None


@dataclass(slots=True)
class _Over:
    """What is known of a call when it is over."""

    tries: int = 0
    status: int = 0
    error: str = ""


def steps(
    request: Request,
    path: str,
    start: float,
    allowed: float,
    rules: Rules,
    read: Callable[[Response], T],
) -> Steps[T]:
    """Yield what to do until there is an answer, a final error, or no time left.

    The time allowed counts from `start`; `read` makes the answer of a response.
    """
    over = _Over()
    try:
        if not rules.guard.admit():
            raise CircuitOpenError(  # noqa: TRY301 (the hook hears of it, too)
                f"{path}: the service failed often; it is left alone for a moment"
            )
        return (yield from _tries(request, path, start, allowed, rules, read, over))
    except BaseException as error:
        over.error = type(error).__name__
        if not isinstance(error, StatusError | TransportError):
            rules.guard.gave_up()
        raise
    finally:
        if rules.hook is not None:
            seconds = rules.clock() - start
            call = Call(path, over.tries, seconds, over.status, over.error)
            try:
                rules.hook(call)
            except Exception:  # what counts calls must not stop the game
                log.warning("the hook failed", exc_info=True)


def _tries(
    request: Request,
    path: str,
    start: float,
    allowed: float,
    rules: Rules,
    read: Callable[[Response], T],
    over: _Over,
) -> Steps[T]:
    clock, guard, end = rules.clock, rules.guard, start + allowed
    while True:
        left = end - clock()
        if left <= 0:
            if not over.tries:  # nobody was asked: that says nothing of the service
                guard.gave_up()
            raise DeadlineError(f"{path}: no answer within {allowed:g} s")
        # the service need not go on working for somebody who has left
        headers = {**request.headers, "deadline-ms": str(max(round(left * 1000), 1))}
        got = yield Send(replace(request, headers=headers), left)
        over.tries += 1
        try:
            body = _read(got, over, read)
        except HotseatError as error:
            _tell(guard, error)
            wait = _retry.pause(over.tries - 1, rules.random(), error)
            again = _retry.may_retry(error) and clock() + wait < end
            if not again or not guard.may_retry():
                raise
        else:
            guard.succeeded()
            return body
        yield Pause(wait)


def _read(got: Any, over: _Over, read: Callable[[Response], T]) -> T:
    if isinstance(got, HotseatError):
        raise got
    assert isinstance(got, Response)
    over.status = got.status
    return read(got)


def _tell(guard: Guard, error: HotseatError) -> None:
    """Count what says that the service is away; a no to one request does not."""
    if isinstance(error, TokenError):
        guard.gave_up()
    elif isinstance(error, TransportError) or (
        isinstance(error, StatusError) and error.status >= 500
    ):
        guard.failed()
    else:
        guard.succeeded()
