"""Which requests the event loop answers itself, without a thread.

Handing a request to a thread and its answer back takes longer than a small model runs.
The loop may answer a request itself if the last answers on its path were quick: then
nothing waits longer than for the reading of another request. One slow answer sends the
path back to the threads.
"""

from collections.abc import Callable

from hotseat_registry.dataclass import dataclass, field

QUICK_NS = 500_000
"""Nanoseconds of a quick answer, at most."""
_TRIALS = 32
"""Quick answers in a row that a path needs."""
_LONG_NS = 5_000_000
"""Nanoseconds of an answer that a busy machine alone does not explain."""
_PENALTY = 1_000
"""Quick answers in a row that a path needs after a long one."""
_MAX_BODY = 16_384
"""Bytes of a body up to which its path says how long it takes."""
_MAX_PATHS = 64


@dataclass(slots=True)
class QuickRoutes:
    """Counts quick answers by path; used by the event loop alone.

    `may_wait` returns whether an answer could wait for the registry now.
    """

    may_wait: Callable[[], bool] = lambda: False
    _missing: dict[str, int] = field(default_factory=dict)
    """Quick answers that a path still needs."""

    def is_quick(self, path: str, body: bytes) -> bool:
        """Whether the event loop may answer this request itself."""
        return (
            self._missing.get(path) == 0
            and len(body) <= _MAX_BODY
            # a version by its number reads the registry within the request
            and "/versions/" not in path
            and not self.may_wait()
        )

    def add(self, path: str, nanoseconds: int) -> None:
        """Count an answer by the time that it took, without waiting for a thread."""
        missing = self._missing.get(path)
        if missing is None:
            if len(self._missing) >= _MAX_PATHS:
                return
            missing = _TRIALS
        if nanoseconds <= QUICK_NS:
            self._missing[path] = max(missing - 1, 0)
        else:
            is_long = nanoseconds > _LONG_NS
            self._missing[path] = max(missing, _PENALTY if is_long else _TRIALS)
