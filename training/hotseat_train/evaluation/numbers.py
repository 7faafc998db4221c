"""Evaluation of numbers: the test split's values against those of each variant.

Quality is D2, the share of the loss of the simplest rule (the training rows' mean, or
their quantile) that the model saves: 1 is perfect, 0 as good as the rule. Intervals are
95 %, of rows drawn with replacement (bootstrap, Efron 1979).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry import Signature
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Dataset, Requests
from hotseat_train.evaluation import parity
from hotseat_train.evaluation.labelled import predict
from hotseat_train.models.tables.number_losses import Array, NumberLoss
from hotseat_train.run import FP32

_TIMED_ROWS, _DRAWS = 200, 2000
_EQUAL = 1e-4
"""Relative difference of values that counts as float rounding."""


class NumberEvaluator:
    """Measures variants on the rows of the test split; see `Evaluator`."""

    def __init__(
        self,
        dataset: Dataset,
        signature: Signature,
        answers: Sequence[Sequence[float]],
        loss: NumberLoss,
        golden: Sequence[Any],
    ) -> None:
        self.signature, self._dataset, self._loss = signature, dataset, loss
        self._answers = answers
        self.timed: Requests = [(x, {}) for x in dataset.test.inputs[:_TIMED_ROWS]]
        self.golden: Requests = [(x, {}) for x in golden]

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return each variant's metrics; there are no curves. Raises `ParityError`."""
        test = self._dataset.test
        truth = np.array(test.targets, float)
        constant = self._loss.constant(np.array(self._dataset.train.targets, float))
        simplest = self._loss.of_rows(truth, np.full(len(truth), constant))
        values = {
            name: np.array([row["value"] for row in predict(model, test.inputs)])
            for name, model in models.items()
        }
        losses = {name: self._loss.of_rows(truth, v) for name, v in values.items()}
        first = next(iter(models))
        found: dict[str, dict[str, Any]] = {}
        for name, predicted in values.items():
            off = np.abs(predicted - truth)
            found[name] = {
                **quality(losses[name], simplest),
                "mean_absolute_error": _short(off.mean()),
                "root_mean_squared_error": _short(np.sqrt((off**2).mean())),
                "simplest_rule": _short(constant),
                "simplest_rule_mean_absolute_error": _short(
                    np.abs(truth - constant).mean()
                ),
                "test_sha256": test.digest(),
                "rows": len(test),
            }
            if self._loss.name == "quantile":
                share = float((truth <= predicted).mean())
                found[name]["share_below"] = round(share, 4)
            if name != first:
                found[name] |= _drop(losses[first], losses[name])
                scale = np.maximum(1, np.abs(values[first]))
                moved = np.abs(predicted - values[first]) / scale
                found[name]["equal_answers"] = bool(moved.max() <= _EQUAL)
        if FP32 in models:
            moved_most = parity.check(
                models[FP32], self._dataset.validation, self._answers
            )
            if moved_most is not None:
                found[FP32]["parity_difference"] = round(moved_most, 6)
        return found, {}


def quality(losses: Array, simplest: Array) -> dict[str, Any]:
    """Return D2 with its interval, from the loss of each row and of the rule's."""
    rows = np.random.default_rng(0).integers(len(losses), size=(_DRAWS, len(losses)))
    drawn = 1 - losses[rows].mean(1) / np.maximum(simplest[rows].mean(1), 1e-12)
    low, high = np.quantile(drawn, [0.025, 0.975])
    quality = 1 - losses.mean() / max(float(simplest.mean()), 1e-12)
    return {
        "quality": round(float(quality), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def _drop(first: Array, other: Array) -> dict[str, Any]:
    """Return how much the mean loss rises, relative to the first one's."""
    rows = np.random.default_rng(0).integers(len(first), size=(_DRAWS, len(first)))
    base = np.maximum(first[rows].mean(1), 1e-12)
    low, high = np.quantile(other[rows].mean(1) / base - 1, [0.025, 0.975])
    rise = float(other.mean()) / max(float(first.mean()), 1e-12) - 1
    return {
        "quality_drop": round(rise, 5),
        "quality_drop_interval": [round(float(low), 5), round(float(high), 5)],
    }


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")
