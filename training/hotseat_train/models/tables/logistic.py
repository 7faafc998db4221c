"""Multinomial logistic regression, fitted until it converges (L-BFGS)."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.ensemble import Member, measure
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph.builder import FLOAT, Graph
from hotseat_train.optim.loop import Epoch, Plan, State

_STRENGTHS = (0.003, 0.03, 0.3, 3.0)
"""Inverse strengths of the regularisation that are tried on the validation rows."""
_ITERATIONS = 2_000


class LogisticLearner(Member):
    """Logistic regression; the setting ``C`` is chosen by validation loss where 0."""

    family = "logistic"
    _estimator: LogisticRegression

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.preprocessor, self._labels, self._seed = preprocessor, labels, seed
        self._strengths = (settings["C"],) if settings["C"] else _STRENGTHS

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit with each strength and keep the best; the curve has a point for each."""
        del plan, checkpoint
        sides = [
            (self.preprocessor.encode(split.inputs).astype(np.float64), split.targets)
            for split in (train, validation)
        ]
        curve: list[Epoch] = []
        # each fit starts from the weights of the one before
        estimator = LogisticRegression(max_iter=_ITERATIONS, warm_start=True)
        best: tuple[float, Array, Array] | None = None
        for number, strength in enumerate(self._strengths, 1):
            estimator.set_params(C=strength)
            with warnings.catch_warnings():
                # a strength that does not converge shows it by its validation loss
                warnings.simplefilter("ignore", ConvergenceWarning)
                estimator.fit(
                    *sides[0],
                    sample_weight=np.array(train.weights) if train.weights else None,
                )
            (train_loss, _), (loss, accuracy) = (
                measure(estimator.predict_proba(x), y) for x, y in sides
            )
            curve.append(Epoch(number, train_loss, loss, accuracy))
            report(curve[-1])
            if best is None or loss < best[0]:
                best = loss, estimator.coef_.copy(), estimator.intercept_.copy()
        assert best is not None
        _, estimator.coef_, estimator.intercept_ = best
        self._estimator = estimator
        return State(curve, {}, "fitted")

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the model's probabilities [rows, labels]."""
        columns = self.preprocessor.encode(inputs).astype(np.float64)
        return np.asarray(self._estimator.predict_proba(columns))

    def part(self) -> onnx.ModelProto:
        """Return the graph without preprocessing: one matrix, and a softmax."""
        weights, bias = self._estimator.coef_.T, self._estimator.intercept_
        if self._labels == 2:  # scikit-learn holds the last label's logit alone
            weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
            bias = np.concatenate([np.zeros_like(bias), bias])
        graph = Graph()
        product = graph.add(
            "MatMul", "x", graph.constant("weights", weights.astype(np.float32))
        )
        logits = graph.add(
            "Add", product, graph.constant("bias", bias.astype(np.float32))
        )
        graph.add("Softmax", logits, name="scores", axis=1)
        return graph.model(
            "logistic",
            {"x": (FLOAT, ["n", self.preprocessor.columns])},
            {"scores": (FLOAT, ["n", self._labels])},
        )
