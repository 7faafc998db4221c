"""The context of a request: its deadline, its stages, the fields of its log line."""

import time
from collections.abc import Callable
from typing import Any

from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.signature import Signature
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem

Nanoseconds = Callable[[], int]


@dataclass(slots=True)
class RequestContext:
    """The data of a request besides its answer; the source of the log line.

    `deadline` is the caller's time limit on `clock`. `stages` are nanoseconds: load
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
    """The code of the problem, if the answer is one."""
    cold: bool = False
    """Whether the request is the first of its process."""
    player: str = ""
    """The caller's player_id; never written in the clear."""
    models: frozenset[str] | None = None
    """The models that the caller's token names; None: all of the stage."""
    game: str = ""
    """The game that the caller's token names."""
    inputs: Any = None
    signature: Signature | None = None
    """Of the version that answers, for the shape of sampled inputs."""
    warnings: Warnings = field(default_factory=Warnings)
    """The warnings that the answer carries."""
    stages: dict[str, int] = field(default_factory=dict)
    generation_seconds: float | None = None
    """Seconds to generate items; None: no limit but `deadline`."""
    on_refused: Callable[..., None] | None = None
    """Receives rows, wish and deadline check of each candidate that rules refuse."""
    explain: Any = None
    """How to explain tensors, an `ExplainOptions`; None: they are not explained."""
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

    def reaches(self, model: str) -> bool:
        """Whether a list may show this model to the caller."""
        return self.models is None or model in self.models

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline; None without a deadline."""
        return None if self.deadline is None else (self.deadline - self.clock()) / 1e9

    @property
    def expired(self) -> bool:
        """Whether the deadline is over."""
        return self.deadline is not None and self.clock() >= self.deadline

    def check_deadline(self) -> None:
        """Raise `Problem` (deadline_exceeded) if the deadline is over."""
        if self.deadline is not None and self.expired:
            allowed = (self.deadline - self.started) / 1e6
            raise Problem("deadline_exceeded", f"the {allowed:.0f} ms allowed are over")
