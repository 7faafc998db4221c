"""Extremely randomised trees (Geurts et al. 2006), which are strong on small tables.

The mean of many deep trees, each with random thresholds. It needs no rows for early
stopping, and the mean of many trees varies little.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.ensemble import ExtraTreesClassifier

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.ensemble import Member, measure
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph import covers
from hotseat_train.onnx_graph.builder import FLOAT, Graph
from hotseat_train.onnx_graph.converted import from_sklearn, with_scores
from hotseat_train.onnx_graph.merge import chain
from hotseat_train.optim.loop import Epoch, Plan, State

_LEAST_ROWS = (1, 3, 10)
"""Rows of a leaf at least: each is tried on the validation rows."""
_MOST_LEAVES = 128
"""Leaves of a tree at most, for the size of the graph."""
_PRIOR = 1e-3
"""Share of the labels' own frequencies in each answer: no label is impossible."""


class ExtraTreesLearner(Member):
    """Extremely randomised trees; rows of a leaf by validation loss where 0."""

    family = "extra-trees"
    _estimator: ExtraTreesClassifier
    _frequencies: Array

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.preprocessor, self._labels, self._seed = preprocessor, labels, seed
        self._trees = int(settings["n_estimators"])
        least = int(settings["min_samples_leaf"])
        self._least = (least,) if least else _LEAST_ROWS

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit with each size of a leaf, keep the best; the curve has a point for each.

        Training rows are in the trees as they are, so their loss says little.
        """
        del plan, checkpoint
        sides = [
            (self.preprocessor.encode(split.inputs), split.targets)
            for split in (train, validation)
        ]
        weights = np.array(train.weights) if train.weights else None
        counts = np.bincount(train.targets, minlength=self._labels)
        self._frequencies = counts / counts.sum()
        curve: list[Epoch] = []
        for number, least in enumerate(self._least, 1):
            estimator = ExtraTreesClassifier(
                self._trees, min_samples_leaf=least, max_leaf_nodes=_MOST_LEAVES,
                random_state=self._seed,
            ).fit(*sides[0], sample_weight=weights)  # fmt: skip
            (train_loss, _), (loss, accuracy) = (
                measure(self._smooth(estimator.predict_proba(x)), y) for x, y in sides
            )
            curve.append(Epoch(number, train_loss, loss, accuracy))
            report(curve[-1])
            if loss <= min(epoch.validation_loss for epoch in curve):
                self._estimator = estimator
        return State(curve, {}, "fitted")

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the mean of the trees' shares [rows, labels]."""
        columns = self.preprocessor.encode(inputs)
        return self._smooth(self._estimator.predict_proba(columns))

    def _smooth(self, shares: Array) -> Array:
        smooth: Array = (1 - _PRIOR) * shares + _PRIOR * self._frequencies
        return smooth

    def part(self) -> onnx.ModelProto:
        """Return the graph without preprocessing."""
        converted = from_sklearn(self._estimator, self.preprocessor.columns)
        covers.take(converted, self._estimator)
        trees = with_scores(converted, self._labels)
        trees.graph.node[-1].output[0] = trees.graph.output[0].name = "shares"
        graph = Graph()
        rest = graph.constant("rest", np.float32(1 - _PRIOR))
        prior = graph.constant(
            "prior", (_PRIOR * self._frequencies[None]).astype(np.float32)
        )
        graph.add("Add", graph.add("Mul", "shares", rest), prior, name="scores")
        shape: list[str | int] = ["n", self._labels]
        smooth = graph.model(
            "smooth", {"shares": (FLOAT, shape)}, {"scores": (FLOAT, shape)}
        )
        return chain(trees, smooth)
