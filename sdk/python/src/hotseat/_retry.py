"""Retry rules, without a clock or a network.

The service decides: after an error that is not retryable, the client never repeats the
request. Retry-After is the minimum wait; without one, the wait is a backoff with full
jitter, doubling from 50 ms to at most 1 s (Brooker 2015, "Exponential Backoff And
Jitter"). No wait passes the deadline.
"""

from hotseat.errors import (
    CancelledError,
    CircuitOpenError,
    DeadlineError,
    HotseatError,
    StatusError,
    TokenError,
    TransportError,
)

FIRST, LARGEST = 0.05, 1.0


def may_retry(error: HotseatError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, StatusError):
        return error.retryable
    final = DeadlineError | CircuitOpenError | TokenError | CancelledError
    return isinstance(error, TransportError) and not isinstance(error, final)


def pause(attempt: int, random: float, error: HotseatError) -> float:
    """Return the seconds to wait after attempt 0, 1, 2 ...; `random` is in [0, 1)."""
    jittered = random * min(LARGEST, FIRST * 2.0 ** min(attempt, 10))
    if isinstance(error, StatusError) and error.retry_after is not None:
        return max(error.retry_after, jittered)  # a 0 must not cause a retry storm
    return jittered
