"""The rules of one call, without a network: what to send and how long to wait.

A call is a generator of effects, which the client and the asynchronous client run.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from hotseat import _retry
from hotseat._circuit_breaker import CircuitBreaker
from hotseat._effects import SendRequest, Sleep, Steps
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
class Call:
    """Describes a finished call to a hook."""

    path: str
    tries: int
    seconds: float
    status: int
    """Of the last answer; 0 where none came."""
    error: str
    """The error's class; empty where it succeeded."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What is the same for all calls of a client."""

    clock: Callable[[], float]
    random: Callable[[], float]
    breaker: CircuitBreaker
    hook: Callable[[Call], None] | None


class ServiceCaller(Protocol):
    """Makes calls to one service, for code that needs nothing else of a client."""

    clock: Callable[[], float]

    @property
    def base_url(self) -> str:
        """Where the service is."""

    def get(self, path: str, deadline: float | None = None) -> Steps[dict[str, Any]]:
        """Return the steps of a GET; raises `HotseatError`."""

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float | None,
        read: Callable[[Response], T],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Steps[T]:
        """Return the steps of a call; raises `HotseatError`."""


@dataclass(slots=True)
class _Outcome:
    """Holds what a call came to so far."""

    tries: int = 0
    status: int = 0
    error: str = ""


def steps(
    request: Request,
    path: str,
    start: float,
    allowed: float,
    settings: CallSettings,
    read: Callable[[Response], T],
) -> Steps[T]:
    """Yield what to do until there is an answer, a final error, or no time left.

    The time allowed counts from `start`; `read` makes the answer of a response.
    """
    outcome = _Outcome()
    try:
        if not settings.breaker.admit():
            raise CircuitOpenError(  # noqa: TRY301 (the hook hears of it, too)
                f"{path}: the service failed often; it is left alone for a moment"
            )
        return (
            yield from _tries(request, path, start, allowed, settings, read, outcome)
        )
    except BaseException as error:
        outcome.error = type(error).__name__
        if not isinstance(error, StatusError | TransportError):
            settings.breaker.gave_up()
        raise
    finally:
        if settings.hook is not None:
            seconds = settings.clock() - start
            call = Call(path, outcome.tries, seconds, outcome.status, outcome.error)
            try:
                settings.hook(call)
            except Exception:  # what counts calls must not stop the game
                log.warning("the hook failed", exc_info=True)


def _tries(
    request: Request,
    path: str,
    start: float,
    allowed: float,
    settings: CallSettings,
    read: Callable[[Response], T],
    outcome: _Outcome,
) -> Steps[T]:
    clock, breaker, end = settings.clock, settings.breaker, start + allowed
    while True:
        left = end - clock()
        if left <= 0:
            if not outcome.tries:  # nobody was asked: that says nothing of the service
                breaker.gave_up()
            raise DeadlineError(f"{path}: no answer within {allowed:g} s")
        # the service need not go on working for somebody who has left
        headers = {**request.headers, "deadline-ms": str(max(round(left * 1000), 1))}
        got = yield SendRequest(replace(request, headers=headers), left)
        outcome.tries += 1
        try:
            body = _read(got, outcome, read)
        except HotseatError as error:
            _record(breaker, error)
            wait = _retry.pause(outcome.tries - 1, settings.random(), error)
            again = _retry.may_retry(error) and clock() + wait < end
            if not again or not breaker.may_retry():
                raise
        else:
            breaker.succeeded()
            return body
        yield Sleep(wait)


def _read(got: Any, outcome: _Outcome, read: Callable[[Response], T]) -> T:
    if isinstance(got, HotseatError):
        raise got
    assert isinstance(got, Response)
    outcome.status = got.status
    return read(got)


def _record(breaker: CircuitBreaker, error: HotseatError) -> None:
    """Count what says that the service is away; a no to one request does not."""
    if isinstance(error, TokenError):
        breaker.gave_up()
    elif isinstance(error, TransportError) or (
        isinstance(error, StatusError) and error.status >= 500
    ):
        breaker.failed()
    else:
        breaker.succeeded()
