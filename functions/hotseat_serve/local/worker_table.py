"""What each worker process reports of itself, in memory that all processes share.

The process of the management port reads it, so that health and load are known without
a request to a worker that may be busy.
"""

import mmap
import time
from collections.abc import Callable

from hotseat_registry.dataclass import dataclass

FRESH_SECONDS = 6.0
"""Seconds after which a worker that reports nothing counts as stuck."""
_FIELDS = 5  # a row: time of the report, ready, in progress, waiting, limit
_BYTES = 8


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The state of one worker."""

    is_ready: bool
    """Whether it answers: its default model is open."""
    in_progress: int
    """Requests that it has taken and not answered."""
    waiting: int
    """Those of them that wait to run a model."""
    limit: int
    """Requests in progress above which it answers 503."""


class WorkerTable:
    """One row for each of `slots` workers; create it before the fork.

    A worker writes only its own row, whole numbers of eight bytes. `clock` is
    monotonic and the same in all processes.
    """

    def __init__(
        self, slots: int, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._memory = mmap.mmap(-1, slots * _FIELDS * _BYTES)
        self._cells = memoryview(self._memory).cast("q")
        self._slots, self._clock = slots, clock

    def write(self, slot: int, report: WorkerReport) -> None:
        """Store a worker's report, with the time."""
        at = slot * _FIELDS
        self._cells[at + 1] = report.is_ready
        self._cells[at + 2] = report.in_progress
        self._cells[at + 3] = report.waiting
        self._cells[at + 4] = report.limit
        self._cells[at] = self._clock()

    def clear(self, slot: int) -> None:
        """Remove the report of a worker that has ended."""
        self._cells[slot * _FIELDS] = 0

    def fresh(self) -> list[WorkerReport]:
        """Return the reports of workers that are not stuck."""
        oldest = self._clock() - int(FRESH_SECONDS * 1e9)
        rows = (
            self._cells[at : at + _FIELDS].tolist()
            for at in range(0, self._slots * _FIELDS, _FIELDS)
        )
        return [
            WorkerReport(bool(ready), in_progress, waiting, limit)
            for reported, ready, in_progress, waiting, limit in rows
            if reported and reported >= oldest
        ]
