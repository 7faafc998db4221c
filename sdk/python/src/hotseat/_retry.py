"""When to try again: pure rules, no clock and no network.

The server knows best: what it calls not retryable is never sent twice. Then its
Retry-After, then backoff with full jitter, doubling from 50 ms to at most 1 s
(Brooker 2015, "Exponential Backoff And Jitter"). Never past the deadline.
"""

from hotseat.errors import DeadlineError, HotseatError, StatusError, TransportError

FIRST, LARGEST = 0.05, 1.0


def may_retry(error: HotseatError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, StatusError):
        return error.retryable
    return isinstance(error, TransportError) and not isinstance(error, DeadlineError)


def pause(attempt: int, random: float, error: HotseatError) -> float:
    """Return the seconds to wait after attempt 0, 1, 2 ...; `random` is in [0, 1)."""
    if isinstance(error, StatusError) and error.retry_after is not None:
        return error.retry_after
    return float(random * min(LARGEST, FIRST * 2**attempt))
