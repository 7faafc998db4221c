"""Support vector machines with calibrated probabilities (Platt scaling)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.ensemble import Member, measure
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph.converted import from_sklearn, with_scores
from hotseat_train.optim.loop import Epoch, Plan, State

_SVM_ROWS = 5_000
"""Maximum number of rows: a kernel machine's time is quadratic in it."""


class SvmLearner(Member):
    """A support vector machine; the curve has one point."""

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: int,
        seed: int,
        family: str,
        settings: Mapping[str, Any],
    ) -> None:
        self.preprocessor, self.family, self._labels = preprocessor, family, labels
        svm = (
            SVC(**settings, random_state=seed)
            if family == "svm"
            else LinearSVC(**settings, random_state=seed, max_iter=20_000)
        )
        self._estimator = make_pipeline(
            StandardScaler(), CalibratedClassifierCV(svm, ensemble=False)
        )

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit the model; the curve has one point. Raises `DatasetError`."""
        del plan, checkpoint
        x, y = self.preprocessor.encode(train.inputs), np.array(train.targets)
        if self.family == "svm":
            x, y = x[:_SVM_ROWS], y[:_SVM_ROWS]
        weights = train.weights[: len(x)] or None
        try:
            self._estimator.fit(
                x,
                y,
                calibratedclassifiercv__sample_weight=weights and np.array(weights),
            )
        except ValueError as error:
            raise DatasetError(
                f"{self.family} cannot be fitted to these rows: {error}"
            ) from None
        train_loss, _ = measure(
            self._estimator.predict_proba(x), train.targets[: len(x)]
        )
        probabilities = self.probabilities(validation.inputs)
        loss, accuracy = measure(probabilities, validation.targets)
        epoch = Epoch(1, train_loss, loss, accuracy)
        report(epoch)
        return State([epoch], {}, "fitted")

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the machine's calibrated probabilities [rows, labels]."""
        return np.asarray(
            self._estimator.predict_proba(self.preprocessor.encode(inputs))
        )

    def part(self) -> onnx.ModelProto:
        """Return the graph without preprocessing."""
        converted = from_sklearn(self._estimator, self.preprocessor.columns)
        return with_scores(converted, self._labels)
