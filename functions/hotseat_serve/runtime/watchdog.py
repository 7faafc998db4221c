"""End runs at their deadline, with one thread for the whole process."""

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable

from hotseat_registry.dataclass import dataclass

_MAX_DROPPED = 1_000
"""Ended watches in the heap, at most, before it is rebuilt."""


@dataclass(slots=True, eq=False)
class Watch:
    """One run; `end` is called at `deadline`, seconds on the monotonic clock."""

    deadline: float
    number: int
    end: Callable[[], None] | None

    def __lt__(self, other: "Watch") -> bool:
        return (self.deadline, self.number) < (other.deadline, other.number)


class Watchdog:
    """Calls `end` of each watch whose deadline passes before it is dropped.

    The thread starts with the first watch, and again in a process that was forked.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition(threading.Lock())
        self._heap: list[Watch] = []
        self._numbers = itertools.count()
        self._dropped = 0
        self._process = 0

    def watch(self, seconds: float, end: Callable[[], None]) -> Watch:
        """Call `end` after so many seconds, unless the watch is dropped before."""
        watch = Watch(self._clock() + seconds, next(self._numbers), end)
        if self._process != os.getpid():
            self._start()
        with self._changed:
            heapq.heappush(self._heap, watch)
            if self._heap[0] is watch:  # else the thread wakes up early enough
                self._changed.notify()
        return watch

    def drop(self, watch: Watch) -> None:
        """Forget a watch whose run has ended."""
        watch.end = None
        self._dropped += 1
        if self._dropped > _MAX_DROPPED:
            with self._changed:
                self._dropped = 0
                self._heap = [item for item in self._heap if item.end is not None]
                heapq.heapify(self._heap)

    def _start(self) -> None:
        with self._changed:
            if self._process == os.getpid():
                return
            self._process = os.getpid()
            self._heap = []
        threading.Thread(
            target=self._wait_for_deadlines, name="hotseat-watchdog", daemon=True
        ).start()

    def _wait_for_deadlines(self) -> None:
        while True:
            with self._changed:
                now = self._clock()
                while self._heap and self._heap[0].deadline <= now:
                    end = heapq.heappop(self._heap).end
                    if end is not None:
                        end()
                wait = self._heap[0].deadline - now if self._heap else None
                self._changed.wait(wait)


WATCHDOG = Watchdog()
