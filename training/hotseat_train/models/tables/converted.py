"""Families whose graphs are converted: boosted trees (LightGBM) and SVMs."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
from onnx import helper
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.ensemble import Member, measure
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.onnx_graph.builder import FLOAT, OPSETS, finished
from hotseat_train.optim.loop import Epoch, Plan, State

_STEP, _PATIENCE = 20, 100
"""Trees between two points of the curve; patience of early stopping in trees."""
_SVM_ROWS = 5_000
"""Maximum number of rows: a kernel machine's time is quadratic in it."""


class TreesLearner(Member):
    """Gradient boosted trees (LightGBM), with early stopping."""

    family = "trees"

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.preprocessor, self._labels = preprocessor, labels
        self._estimator = lightgbm.LGBMClassifier(
            **settings, subsample_freq=1, random_state=seed, n_jobs=1, verbose=-1,
            deterministic=True, force_row_wise=True,
        )  # fmt: skip

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit trees; the curve has a point every few trees, and the best point."""
        del plan, checkpoint
        sides = [
            (self.preprocessor.encode(split.inputs), np.array(split.targets))
            for split in (train, validation)
        ]
        curve: list[Epoch] = []
        best = Epoch(0, np.inf, np.inf, 0.0)

        def record(env: Any) -> None:
            nonlocal best
            results = env.evaluation_result_list
            metrics = {(name, metric): value for name, metric, value, *_ in results}
            epoch = Epoch(
                env.iteration + 1,
                _metric(metrics, "train", "logloss"),
                _metric(metrics, "validation", "logloss"),
                1 - _metric(metrics, "validation", "error"),
            )
            if epoch.validation_loss < best.validation_loss:
                best = epoch
            if epoch.number % _STEP == 0:
                curve.append(epoch)
                report(epoch)

        kind = "binary" if self._labels == 2 else "multi"
        self._estimator.fit(
            *sides[0],
            eval_X=tuple(x for x, _ in sides),
            eval_y=tuple(y for _, y in sides),
            eval_names=["train", "validation"],
            eval_metric=[f"{kind}_logloss", f"{kind}_error"],
            callbacks=[record, lightgbm.early_stopping(
                _PATIENCE, first_metric_only=True, verbose=False)],
        )  # fmt: skip
        if best not in curve:
            curve = sorted([*curve, best], key=lambda epoch: epoch.number)
        return State(curve, {}, "fitted")

    def part(self) -> onnx.ModelProto:
        """Return the graph without preprocessing."""
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        converted = convert_lightgbm(
            self._estimator,
            initial_types=[("x", FloatTensorType([None, self.preprocessor.columns]))],
            zipmap=False,
            target_opset=15,  # the newest one of the converter
        )
        return _with_scores(converted, self._labels)


def _metric(metrics: Mapping[tuple[str, str], float], side: str, name: str) -> float:
    return next(v for (s, m), v in metrics.items() if s == side and m.endswith(name))


class SvmLearner(Member):
    """A support vector machine with calibrated probabilities (Platt scaling)."""

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
        try:
            self._estimator.fit(x, y)
        except ValueError as error:
            raise DatasetError(
                f"{self.family} cannot be fitted to these rows: {error}"
            ) from None
        train_loss, _ = measure(
            self._estimator.predict_proba(x), train.targets[: len(x)]
        )
        held_out = self.preprocessor.encode(validation.inputs)
        probabilities = self._estimator.predict_proba(held_out)
        loss, accuracy = measure(probabilities, validation.targets)
        epoch = Epoch(1, train_loss, loss, accuracy)
        report(epoch)
        return State([epoch], {}, "fitted")

    def part(self) -> onnx.ModelProto:
        """Return the graph without preprocessing."""
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType

        with warnings.catch_warnings():
            # the converter reads an attribute that scikit-learn will remove
            warnings.simplefilter("ignore", FutureWarning)
            converted = convert_sklearn(
                self._estimator,
                initial_types=[
                    ("x", FloatTensorType([None, self.preprocessor.columns]))
                ],
                options={id(self._estimator): {"zipmap": False}},
                target_opset={name: OPSETS[name] for name in ("", "ai.onnx.ml")},
            )
        return _with_scores(converted, self._labels)


def _with_scores(model: onnx.ModelProto, labels: int) -> onnx.ModelProto:
    """Make the converted model's probabilities its only output, ``scores``."""
    graph = model.graph
    probabilities = graph.output[1].name
    graph.node.append(helper.make_node("Identity", [probabilities], ["scores"]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("scores", FLOAT, ["n", labels]))
    return finished(model)
