"""How long something will still take, from how long its parts took."""

from collections.abc import Callable


class TimeLeft:
    """Estimates the rest of a task from the share that is done.

    `total` is the task's size in the units of `after`; None: unknown. The clock starts
    with the first call, so that what a resumed run need not repeat does not count.
    """

    def __init__(self, total: int | None, clock: Callable[[], float]) -> None:
        self._total, self._clock = total, clock
        self._start: tuple[int, float] | None = None

    def after(self, done: int) -> str:
        """Return ``, 2 min left``; empty while nothing is known."""
        now = self._clock()
        if self._start is None:
            self._start = (done, now)
            return ""
        first, began = self._start
        if self._total is None or done <= first or done >= self._total:
            return ""
        seconds = (now - began) * (self._total - done) / (done - first)
        return f", {duration(seconds)} left"


def duration(seconds: float) -> str:
    """Return a duration for a person: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
