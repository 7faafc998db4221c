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
    AuthError,
    CancelledError,
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
    """A finished call, as the argument of a hook."""

    path: str
    tries: int
    seconds: float
    status: int
    """Status of the last response; 0 without a response."""
    error: str
    """Name of the error's class; empty on success."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Settings that all calls of a client share."""

    clock: Callable[[], float]
    random: Callable[[], float]
    hook: Callable[[Call], None] | None
    deadline: float
    """The client's time limit of a call in seconds."""
    retries: int | None = None
    """The most retries of a call; None: as many as deadline and budget allow."""
    renews_keys: bool = False
    """Whether each try gets a new key, so that one more try follows a 401."""


class ServiceCaller(Protocol):
    """Makes calls to one service: the part of a client that downloads need."""

    clock: Callable[[], float]

    @property
    def base_url(self) -> str:
        """The base URL of the service."""

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
    """The state of a call so far."""

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
    breaker: CircuitBreaker,
) -> Steps[T]:
    """Run one call until an answer, a final error or the deadline.

    The time limit counts from `start`; `read` parses a response.
    """
    outcome = _Outcome()
    try:
        if not breaker.admit():
            raise CircuitOpenError(  # noqa: TRY301 (so that the hook is called, too)
                f"{path}: the service failed often; the circuit breaker is open"
            )
        return (
            yield from _tries(
                request, path, start, allowed, settings, read, breaker, outcome
            )
        )
    except BaseException as error:
        outcome.error = type(error).__name__
        if not isinstance(error, StatusError | TransportError):
            breaker.gave_up()
        raise
    finally:
        if settings.hook is not None:
            seconds = settings.clock() - start
            call = Call(path, outcome.tries, seconds, outcome.status, outcome.error)
            try:
                settings.hook(call)
            except Exception:  # a failing hook must not stop the game
                log.warning("the hook failed", exc_info=True)


def _tries(
    request: Request,
    path: str,
    start: float,
    allowed: float,
    settings: CallSettings,
    read: Callable[[Response], T],
    breaker: CircuitBreaker,
    outcome: _Outcome,
) -> Steps[T]:
    clock, end = settings.clock, start + allowed
    # a deadline shorter than the client's says less about the service
    share, renewed = min(allowed / settings.deadline, 1.0), False
    while True:
        left = end - clock()
        if left <= 0:
            if not outcome.tries:  # nothing was sent: the service's state is unknown
                breaker.gave_up()
            raise DeadlineError(f"{path}: no answer within {allowed:g} s")
        # lets the service stop at the caller's deadline
        headers = {**request.headers, "deadline-ms": str(max(round(left * 1000), 1))}
        got = yield SendRequest(replace(request, headers=headers), left)
        outcome.tries += 1
        try:
            body = _read(got, outcome, read)
        except HotseatError as error:
            log.debug("%s %s: %s", request.method, path, error)
            _record(breaker, error, share)
            if isinstance(error, AuthError) and error.status == 401 and not renewed:
                renewed = settings.renews_keys
                if renewed:  # the token may have expired: at once, with a new one
                    continue
            wait = _retry.pause(outcome.tries - 1, settings.random(), error)
            again = _retry.may_retry(error) and clock() + wait < end
            if settings.retries is not None and outcome.tries > settings.retries:
                again = False
            if not again or not breaker.may_retry():
                raise
        else:
            log.debug("%s %s: %d", request.method, path, outcome.status)
            breaker.succeeded()
            return body
        yield Sleep(wait)


def _read(got: Any, outcome: _Outcome, read: Callable[[Response], T]) -> T:
    if isinstance(got, HotseatError):
        raise got
    assert isinstance(got, Response)
    outcome.status = got.status
    try:
        return read(got)
    except HotseatError as error:
        error.request_id = error.request_id or got.request_id
        raise


def _record(breaker: CircuitBreaker, error: HotseatError, share: float) -> None:
    """Record a failed call; a refused request counts as a success of the service.

    `share` is what a missed deadline counts.
    """
    if isinstance(error, TokenError | CancelledError):
        breaker.gave_up()
    elif isinstance(error, DeadlineError):
        breaker.failed(share)
    elif isinstance(error, StatusError) and error.status == 504:
        # the service keeps the deadline itself; a gateway has its own
        breaker.failed(share if error.code == "deadline_exceeded" else 1.0)
    elif isinstance(error, TransportError) or (
        isinstance(error, StatusError) and (error.status >= 500 or error.is_foreign)
    ):
        breaker.failed()
    else:
        breaker.succeeded()
