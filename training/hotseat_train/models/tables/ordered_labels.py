"""Labels in an order, from models of two labels (Frank and Hall, ECML 2001).

For each label but the last, a model of any family learns whether a row is above it.
The probabilities "above" are made to fall (their running minimum), and each label has
the difference of its neighbours'. Unlike separate labels, each model learns from all
rows, and errors are near the truth.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.ensemble import Member
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph.builder import FLOAT, Graph
from hotseat_train.onnx_graph.merge import chain, side_by_side
from hotseat_train.optim.loop import Epoch, Plan, State


class OrderedLearner(Member):
    """A model of labels in an order."""

    def __init__(
        self,
        preprocessor: Preprocessor,
        make: Callable[[], Member],
        labels: int,
    ) -> None:
        """`make` returns an untrained model of two labels, a new one at each call."""
        self.preprocessor = preprocessor
        self._members = [make() for _ in range(labels - 1)]
        self.family = self._members[0].family

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit a model for each step of the order; the curve has one point."""
        del checkpoint  # members would read the checkpoints of others
        for step, member in enumerate(self._members):
            member.fit(_above(train, step), _above(validation, step), plan)
        return self.measured(train, validation, report)

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the probabilities [rows, labels]."""
        above = np.stack([m.probabilities(inputs)[:, 1] for m in self._members], axis=1)
        above = np.minimum.accumulate(above, axis=1)
        ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
        bounds = np.concatenate([ends[0], above, ends[1]], axis=1)
        return np.asarray(bounds[:, :-1] - bounds[:, 1:])

    def part(self) -> onnx.ModelProto:
        """Return the members' graphs side by side, and the labels' probabilities."""
        steps = len(self._members)
        names = [f"{step}.scores" for step in range(steps)]
        graph = Graph()
        column = graph.integers(1)
        one, zero = (graph.constant(n, np.float32(v)) for n, v in
                     (("one", 1), ("zero", 0)))  # fmt: skip
        above = [graph.add("Gather", name, column, axis=1) for name in names]
        for step in range(1, steps):
            above[step] = graph.add("Min", above[step - 1], above[step])
        bounds = [one, *above, zero]
        parts = [graph.add("Sub", high, low) for high, low in pairwise(bounds)]
        graph.add("Concat", *parts, name="scores", axis=1)
        order = graph.model(
            "order",
            {name: (FLOAT, ["n", 2]) for name in names},
            {"scores": (FLOAT, ["n", steps + 1])},
        )
        return chain(side_by_side([member.part() for member in self._members]), order)


def _above(split: Split, step: int) -> Split:
    return replace(split, targets=tuple(int(target > step) for target in split.targets))
