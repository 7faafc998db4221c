"""Token buckets by player and model, as one number each: GCRA.

The generic cell rate algorithm (ITU-T I.371, annex A) is a token bucket whose whole
state is the time at which it is full again, so that one conditional write takes a
token, wherever the state is kept.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from hotseat_registry.dataclass import dataclass

_MOST = 100_000
"""Buckets in memory; when there are more, those that are full are dropped."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` requests a second on average, `burst` at once."""

    rate: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds in which one token comes back."""
        return 1 / self.rate

    @property
    def span(self) -> float:
        """Seconds in which an empty bucket is full again."""
        return self.burst * self.interval


class Buckets(Protocol):
    """Takes tokens."""

    def take(self, name: str, limit: Limit, count: int = 1) -> float:
        """Take tokens of a bucket; return 0.0, or the seconds until there is one.

        While there is one, all `count` are taken, also more than the bucket holds.
        """

    def give_back(self, name: str, limit: Limit, count: int) -> None:
        """Return tokens that were taken and not used."""


def take(
    full_at: float, now: float, limit: Limit, count: int = 1
) -> tuple[float, float]:
    """Return when the bucket is full after `count` more tokens, and the time to wait.

    With a time to wait, nothing is taken.
    """
    begin = max(full_at, now)
    wait = begin + limit.interval - now - limit.span
    # a nanosecond of rounding must not refuse the last token
    return (full_at, wait) if wait > 1e-9 else (begin + count * limit.interval, 0.0)


class MemoryBuckets:
    """Buckets of one process. Safe for several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, name: str, limit: Limit, count: int = 1) -> float:
        """See `Buckets.take`."""
        with self._lock:
            now = self._clock()
            if len(self._full_at) >= _MOST and name not in self._full_at:
                kept = {k: at for k, at in self._full_at.items() if at > now}
                # all of them in use: a new one must not wait for them
                self._full_at = kept if len(kept) < _MOST else {}
            full_at, wait = take(self._full_at.get(name, 0.0), now, limit, count)
            self._full_at[name] = full_at
            return wait

    def give_back(self, name: str, limit: Limit, count: int) -> None:
        """See `Buckets.give_back`."""
        with self._lock:
            if name in self._full_at:  # else it was full, and is forgotten
                self._full_at[name] -= count * limit.interval
