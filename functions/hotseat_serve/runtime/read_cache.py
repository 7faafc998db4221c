"""Cache reads for a while: one thread reads a value, the others wait for it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from hotseat_registry.errors import NotFoundError

T = TypeVar("T")
V = TypeVar("V")


class WaitTimeoutError(Exception):
    """Another thread still reads the value when the time to wait is over."""


class ReadCache(Generic[T]):
    """Values by name, each read at most once within `seconds`. For several threads.

    Misses are cached as well. Values and misses have separate limits of `size` entries,
    so that unknown names neither fill the memory nor evict values.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], float], size: int = 1_000
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._size = size
        self._values: dict[str, tuple[T, float]] = {}
        self._misses: dict[str, tuple[NotFoundError, float]] = {}
        self._reading: dict[str, threading.Lock] = {}

    def get(self, name: str, read: Callable[[], T], wait: float | None = None) -> T:
        """Return the cached value of a name, or read it.

        `wait` is how many seconds to wait for another thread's read; None: until it
        ends. Raises `WaitTimeoutError`, and what `read` raises: a cached
        `NotFoundError` is raised again.
        """
        cached = self._values.get(name)
        if cached and self._clock() < cached[1]:
            return cached[0]
        miss = self._misses.get(name)
        if miss and self._clock() < miss[1]:
            raise copy_of(miss[0])
        lock = self._reading.setdefault(name, threading.Lock())
        if lock.acquire(blocking=False):
            try:
                return self._read(name, read)
            finally:
                self._reading.pop(name, None)
                lock.release()
        if not lock.acquire(timeout=-1 if wait is None else max(0.0, wait)):
            raise WaitTimeoutError(name)
        lock.release()
        return self.get(name, read, wait)

    def _read(self, name: str, read: Callable[[], T]) -> T:
        try:
            value = read()
        except NotFoundError as error:
            self._values.pop(name, None)
            self._put(self._misses, name, copy_of(error))
            raise
        self._put(self._values, name, value)
        return value

    def _put(self, entries: dict[str, tuple[V, float]], name: str, value: V) -> None:
        if name not in entries and len(entries) >= self._size:
            # evict the oldest; another thread may have evicted it already
            entries.pop(next(iter(entries.copy()), ""), None)
        entries.pop(name, None)
        entries[name] = value, self._clock() + self._seconds


def copy_of(error: NotFoundError) -> NotFoundError:
    """Return a copy of an error without its traceback, to cache or raise again."""
    return type(error)(*error.args)
