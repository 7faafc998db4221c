"""A soft-voting ensemble: the weighted mean of the probabilities of several families.

The mean reduces errors that differ between models. The weights are those of a mixture
with the lowest log loss on rows that the models were not fitted to, by expectation
maximisation (Dempster et al. 1977), with some rows of a prior that holds the models to
be equal: few rows then change little. Such rows are those for validation, and of a
small table the training rows as well, each answered by models that were fitted to the
other folds. A model of nearly no weight is left out of the graph.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.model_selection import StratifiedGroupKFold

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.preprocessing import (
    Array,
    Preprocessor,
    write,
)
from hotseat_train.onnx_graph.merge import weighted_mean
from hotseat_train.optim.loop import Epoch, Plan, State

_PRIOR = 5.0
"""Rows of the prior for each model."""
_STEPS = 200
_SMALL, _FOLDS = 15_000, 4
"""Rows times labels up to which training rows are judged out of fold; the folds."""
_LEAST = 0.02
"""Smallest weight of a model in the graph."""


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

    def measured(
        self, train: Split, validation: Split, report: Callable[[Epoch], None]
    ) -> State:
        """Return the curve of a model fitted in one step: its one point."""
        (train_loss, _), (loss, accuracy) = (
            measure(self.probabilities(side.inputs), side.targets)
            for side in (train, validation)
        )
        epoch = Epoch(1, train_loss, loss, accuracy)
        report(epoch)
        return State([epoch], {}, "fitted")

    def export(self, path: Path) -> None:
        """Write the graph, preprocessing included; see `Learner.export`."""
        write(self.preprocessor, self.part(), path)


class SoftVotingEnsemble(Member):
    """The mean of the answers of members, which are fitted independently."""

    family = "blend"

    def __init__(
        self, preprocessor: Preprocessor, make: Callable[[], Sequence[Member]]
    ) -> None:
        """`make` returns untrained members, new ones at each call."""
        self.preprocessor, self._make = preprocessor, make
        self._members = tuple(make())
        self.weights = np.full(len(self._members), 1 / len(self._members))

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit each member and the weights; the curve has one point, of the ensemble."""
        del checkpoint  # members would read the checkpoints of others
        for member in self._members:
            member.fit(train, validation, plan, report=report)
        judged = [(validation, [m.probabilities(validation.inputs) for m in
                                self._members])]  # fmt: skip
        small = len(train) * len(set(train.targets)) <= _SMALL
        if len(self._members) > 1 and small:
            judged += self._out_of_fold(train, plan)
        self.weights = _mixture(
            [np.concatenate([found[at] for _, found in judged])
             for at in range(len(self._members))],
            [target for rows, _ in judged for target in rows.targets],
        )  # fmt: skip
        return self.measured(train, validation, report)

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the weighted mean of the members' probabilities [rows, labels]."""
        found = [
            weight * member.probabilities(inputs) for member, weight in self._weighted()
        ]
        return np.asarray(np.sum(found, axis=0))

    def part(self) -> onnx.ModelProto:
        """Return the members' graphs side by side and the mean of their outputs."""
        members, weights = zip(*self._weighted(), strict=True)
        parts = [member.part() for member in members]
        return parts[0] if len(parts) == 1 else weighted_mean(parts, weights)

    def _out_of_fold(
        self, train: Split, plan: Plan
    ) -> Iterator[tuple[Split, list[Array]]]:
        """Yield each fold with its answers of members fitted to the others."""
        cutter = StratifiedGroupKFold(_FOLDS)
        keys = train.keys or tuple(map(str, range(len(train))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # labels rarer than folds
            folds = list(cutter.split(np.zeros(len(train)), train.targets, keys))
        for rest, fold in folds:
            rows, held = train.pick(rest.tolist()), train.pick(fold.tolist())
            if set(rows.targets) != set(train.targets) or not held:
                continue
            members = self._make()
            for member in members:
                member.fit(rows, held, plan)
            yield held, [member.probabilities(held.inputs) for member in members]

    def _weighted(self) -> list[tuple[Member, float]]:
        pairs = zip(self._members, self.weights.tolist(), strict=True)
        return [(member, weight) for member, weight in pairs if weight]


def _mixture(answers: Sequence[Array], targets: Sequence[int]) -> Array:
    """Return the weights [models] of the mixture with the lowest log loss."""
    rows = np.arange(len(targets))
    right = np.stack([found[rows, np.array(targets)] for found in answers])
    right = np.maximum(right, 1e-12)
    weights = np.full(len(right), 1 / len(right))
    for _ in range(_STEPS):
        shares = weights[:, None] * right
        shares /= shares.sum(0)
        weights = (shares.sum(1) + _PRIOR) / (len(targets) + _PRIOR * len(right))
    weights[weights < _LEAST] = 0
    return np.asarray(weights / weights.sum())


def measure(probabilities: Array, targets: Sequence[int]) -> tuple[float, float]:
    """Return the mean log loss and the accuracy of probabilities [rows, labels]."""
    y = np.array(targets)
    correct = np.maximum(probabilities[np.arange(len(y)), y], 1e-30)
    accuracy = float((probabilities.argmax(1) == y).mean())
    return float(-np.log(correct).mean()), accuracy
