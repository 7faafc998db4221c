"""What a game question brings: its data, its model, and how they meet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hotseat_registry import Signature
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.optim.loop import Epoch, Plan, State


class Learner(Protocol):
    """A model on its way, of any family: it is fitted, and writes its graph."""

    family: str
    """One of `families.FAMILIES`, or the one family of its task."""

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Learn from `train`; what is fitted in one go reports one epoch."""

    def export(self, path: Path) -> None:
        """Write the graph, with all that turns inputs into numbers inside it."""


class Task(Protocol):
    """One game question."""

    name: str
    kind: str
    intended_use: str
    limits: str
    group: Callable[[Any], str] | None
    """Tells rows apart whose quality is reported apart; None: all are alike."""

    def dataset(self) -> Dataset:
        """Read and split the data; raises `DatasetError`."""

    def learner(self, train: Split, seed: int) -> Learner:
        """Return a fresh model; what it learns from `train` is its vocabulary."""

    def signature(self, dataset: Dataset) -> Signature:
        """Say what the graph eats and answers."""

    def plan(self, optimizer: str) -> Plan:
        """Return the settings that suit this task."""
