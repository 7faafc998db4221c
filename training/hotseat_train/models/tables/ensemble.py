"""A soft-voting ensemble: the mean of the probabilities of several families.

The mean reduces errors that differ between models. All models have the same weight:
other weights need fitting, and the probabilities already have the same scale.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.preprocessing import (
    Array,
    Preprocessor,
    write,
)
from hotseat_train.onnx_graph.merge import mean
from hotseat_train.optim.loop import Epoch, Plan, State


class Member(ABC):
    """A `Learner` of a table, with a graph for ensembles."""

    family: str
    preprocessor: Preprocessor

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
        """Train; see `Learner.fit`."""

    @abstractmethod
    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the model's own probabilities [rows, labels], without its graph."""

    @abstractmethod
    def part(self) -> onnx.ModelProto:
        """Return the graph from ``x`` to ``scores``, without preprocessing."""

    def export(self, path: Path) -> None:
        """Write the graph, preprocessing included; see `Learner.export`."""
        write(self.preprocessor, self.part(), path)


class SoftVotingEnsemble(Member):
    """The mean of the answers of members, which are fitted independently."""

    family = "blend"

    def __init__(self, preprocessor: Preprocessor, members: Sequence[Member]) -> None:
        self.preprocessor, self._members = preprocessor, tuple(members)

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit each member; the curve has one point, of the ensemble."""
        del checkpoint  # members would read the checkpoints of others
        for member in self._members:
            member.fit(train, validation, plan)
        (train_loss, _), (loss, accuracy) = (
            measure(self.probabilities(side.inputs), side.targets)
            for side in (train, validation)
        )
        epoch = Epoch(1, train_loss, loss, accuracy)
        report(epoch)
        return State([epoch], {}, "fitted")

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the mean of the members' probabilities [rows, labels]."""
        found = [member.probabilities(inputs) for member in self._members]
        return np.asarray(np.mean(found, axis=0))

    def part(self) -> onnx.ModelProto:
        """Return the members' graphs side by side and the mean of their outputs."""
        return mean([member.part() for member in self._members])


def measure(probabilities: Array, targets: Sequence[int]) -> tuple[float, float]:
    """Return the mean log loss and the accuracy of probabilities [rows, labels]."""
    y = np.array(targets)
    correct = np.maximum(probabilities[np.arange(len(y)), y], 1e-30)
    accuracy = float((probabilities.argmax(1) == y).mean())
    return float(-np.log(correct).mean()), accuracy
