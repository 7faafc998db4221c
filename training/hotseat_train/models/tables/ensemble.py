"""Several families as one: the mean of what they answer, in one graph.

Models that err differently err less together. All weigh alike: a weight would be one
more thing to fit, and the members' probabilities are on one scale already.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.preprocessing import (
    Array,
    Table,
    answers,
    write,
)
from hotseat_train.onnx_graph.merge import mean
from hotseat_train.optim.loop import Epoch, Plan, State


class Member(ABC):
    """A `Learner` of a table, whose graph can stand beside another's."""

    family: str
    table: Table

    @abstractmethod
    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Learn; see `Learner.fit`."""

    @abstractmethod
    def part(self) -> onnx.ModelProto:
        """Return its own graph, from ``x`` to ``scores``, without the table's."""

    def export(self, path: Path) -> None:
        """Write the graph, after the table's; see `Learner.export`."""
        write(self.table, self.part(), path)


class BlendLearner(Member):
    """Members, each fitted as it would be alone, that answer together."""

    family = "blend"

    def __init__(self, table: Table, members: Sequence[Member]) -> None:
        self.table, self._members = table, tuple(members)

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit one after the other; the curve has one point, of all together."""
        del checkpoint  # each member would take it for its own
        for member in self._members:
            member.fit(train, validation, plan)
        model = self.part()
        (before, _), (loss, right) = (
            measure(answers(model, self.table, side), side.targets)
            for side in (train, validation)
        )
        epoch = Epoch(1, before, loss, right)
        report(epoch)
        return State([epoch], {}, "fitted")

    def part(self) -> onnx.ModelProto:
        """Return the members' graphs side by side, and the mean of their answers."""
        return mean([member.part() for member in self._members])


def measure(chances: Array, targets: Sequence[int]) -> tuple[float, float]:
    """Return the mean log loss and the accuracy of probabilities [rows, labels]."""
    y = np.array(targets)
    of_truth = np.maximum(chances[np.arange(len(y)), y], 1e-30)
    return float(-np.log(of_truth).mean()), float((chances.argmax(1) == y).mean())
