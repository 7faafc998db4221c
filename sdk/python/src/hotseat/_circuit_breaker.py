"""A retry budget and a circuit breaker, to spare a failing service and the game's time.

The retry budget: each retry takes a token, each success returns a tenth of one, so
that retries are at most a tenth of the traffic when many calls fail (as in gRPC's
retry throttling, gRFC A6). The circuit breaker: after five failures in a row, calls
fail at once for a while, then the client sends one probe (Nygard, "Release It!").
Both take the clock as an argument; a lock makes them safe for threads.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_TOKENS, _TOKEN = 100, 10  # in tenths, so that ten of them are one
_FAILURES = 5
_FIRST, _LONGEST = 1.0, 30.0


@dataclass(slots=True)
class CircuitBreaker:
    """The retry budget and the circuit breaker of one model."""

    clock: Callable[[], float]
    opened_count: int = 0
    """The number of times the circuit opened."""
    _tokens: int = _TOKENS
    _failures: float = 0.0
    _closed_at: float = 0.0
    _pause: float = _FIRST
    _probing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self) -> bool:
        """Whether a call may be sent now; an open circuit admits one probe."""
        with self._lock:
            if self._failures < _FAILURES:
                return True
            # a clock that jumped back must not keep the circuit open for days
            waits = self._closed_at - self.clock()
            if self._probing or 0 < waits <= _LONGEST:
                return False
            self._probing = True
            return True

    def may_retry(self) -> bool:
        """Take a token for a retry; return whether one was left."""
        with self._lock:
            if self._tokens < _TOKEN:
                return False
            self._tokens -= _TOKEN
            return True

    def succeeded(self) -> None:
        """Record an answer of the service: a success, or an error of the request."""
        with self._lock:
            self._tokens = min(self._tokens + 1, _TOKENS)
            self._failures, self._pause, self._probing = 0.0, _FIRST, False

    def failed(self, share: float = 1.0) -> None:
        """Record a missing answer or a failure of the service.

        `share` is how much it says about the service, from 0 to 1: a caller with a
        tiny deadline learns little from missing it.
        """
        with self._lock:
            is_open = self._failures >= _FAILURES
            if is_open and not self._probing:
                return  # a call that was under way when the circuit opened
            self._failures += share
            if self._failures < _FAILURES:
                return
            if self._probing:
                self._pause = min(2 * self._pause, _LONGEST)
            self._probing = False
            self.opened_count += 1
            self._closed_at = self.clock() + self._pause

    def gave_up(self) -> None:
        """Record the end of a call that says nothing about the service's state."""
        with self._lock:
            self._probing = False


class CircuitBreakers:
    """One circuit breaker a model, so that a broken model silences no other."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._breakers: dict[str, CircuitBreaker] = {}

    def of(self, model: str | None) -> CircuitBreaker:
        """Return the breaker of a model; None: the default model, or no model."""
        with self._lock:
            breaker = self._breakers.get(model or "")
            if breaker is None:
                breaker = self._breakers[model or ""] = CircuitBreaker(self._clock)
            return breaker

    @property
    def opened_count(self) -> int:
        """The number of times a circuit opened."""
        with self._lock:
            return sum(one.opened_count for one in self._breakers.values())
