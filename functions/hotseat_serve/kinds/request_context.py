"""The context of a request: its deadline, its stages, the fields of its log line."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem

Nanoseconds = Callable[[], int]


@dataclass(slots=True)
class RequestContext:
    """Everything about a request besides its answer; the log line is built from it.

    `deadline` is when the caller gives up, on `clock`. `stages` are nanoseconds: load
    (a version was opened), read (bytes to tensors), run, write (outputs to bytes).
    """

    clock: Nanoseconds = time.perf_counter_ns
    deadline: int | None = None
    route: str = ""
    model: str = ""
    version: int = 0
    variant: str = ""
    rows: int = 0
    problem_code: str = ""
    """Of the problem, where the answer is one."""
    cold: bool = False
    """Whether it is the first of its process."""
    player: str = ""
    """The caller's player_id; never written in the clear."""
    inputs: Any = None
    warnings: Warnings = field(default_factory=Warnings)
    """The warnings that the answer carries."""
    stages: dict[str, int] = field(default_factory=dict)
    generation_seconds: float | None = None
    """Seconds in which items have to be generated; None: no limit but `deadline`."""
    started: int = 0
    _marked: int = 0

    def __post_init__(self) -> None:
        """Start the first stage."""
        self.started = self._marked = self.clock()

    def mark(self, stage: str) -> None:
        """Count the time since the last mark as `stage`."""
        now = self.clock()
        self.stages[stage] = self.stages.get(stage, 0) + now - self._marked
        self._marked = now

    @property
    def remaining(self) -> float | None:
        """Seconds until the caller gives up; None where it never does."""
        return None if self.deadline is None else (self.deadline - self.clock()) / 1e9

    @property
    def expired(self) -> bool:
        """Whether the caller has given up by now."""
        return self.deadline is not None and self.clock() >= self.deadline

    def check_deadline(self) -> None:
        """Raise `Problem` (deadline_exceeded) when the caller has given up."""
        if self.deadline is not None and self.expired:
            allowed = (self.deadline - self.started) / 1e6
            raise Problem("deadline_exceeded", f"the {allowed:.0f} ms allowed are over")
