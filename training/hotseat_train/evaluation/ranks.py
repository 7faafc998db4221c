"""Evaluation of an order within groups: NDCG of the first ten places.

The interval is 95 %, of groups drawn with replacement (bootstrap, Efron 1979). Beside
it stand the orders by the best single column, chosen on training rows, and by chance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry import Signature
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Dataset, Requests, Split
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation import parity
from hotseat_train.evaluation.labelled import predict
from hotseat_train.models.tables.number_losses import Array
from hotseat_train.models.tables.ranking import groups, mean_ndcg, ndcg
from hotseat_train.run import FP32

_TIMED_ROWS, _DRAWS = 200, 2000


class RankEvaluator:
    """Measures the order of the test split's groups; see `Evaluator`."""

    def __init__(
        self,
        dataset: Dataset,
        signature: Signature,
        answers: Sequence[Sequence[float]],
        grades: Array,
        golden: Sequence[Any],
    ) -> None:
        self.signature, self._dataset, self._answers = signature, dataset, answers
        self._grades = grades
        self.timed: Requests = [(x, {}) for x in dataset.test.inputs[:_TIMED_ROWS]]
        self.golden: Requests = [(x, {}) for x in golden]

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return each variant's metrics; raises `ParityError` and `DatasetError`."""
        dataset, test = self._dataset, self._dataset.test
        parts, grades = groups(test.keys), self._of(test)
        column, by_column = self._best_column()
        found: dict[str, dict[str, Any]] = {}
        for name, model in models.items():
            scores = np.array([row["value"] for row in predict(model, test.inputs)])
            every = [ndcg(scores[part], grades[part]) for part in parts]
            each = np.array([value for value in every if value is not None])
            if not len(each):
                raise DatasetError(
                    "no group of the test rows has rows of different relevance: "
                    "there is no order to measure"
                )
            drawn = np.random.default_rng(0).integers(
                len(each), size=(_DRAWS, len(each))
            )
            low, high = np.quantile(each[drawn].mean(1), [0.025, 0.975])
            found[name] = {
                "quality": round(float(each.mean()), 4),
                "interval": [round(float(low), 4), round(float(high), 4)],
                "simplest_rule": column,
                "simplest_rule_ndcg": round(by_column, 4),
                "order_by_chance_ndcg": round(
                    mean_ndcg(np.zeros(len(grades)), grades, parts), 4
                ),
                "groups": len(each),
                "test_sha256": test.digest(),
                "rows": len(test),
            }
        if FP32 in models:
            off = parity.check(models[FP32], dataset.validation, self._answers)
            if off is not None:
                found[FP32]["parity_difference"] = round(off, 6)
        return found, {}

    def _of(self, split: Split) -> Array:
        return np.searchsorted(self._grades, np.array(split.targets, float))

    def _best_column(self) -> tuple[str, float]:
        """Return the column that orders training groups best, and its test NDCG."""
        train, test = self._dataset.train, self._dataset.test
        sides = {
            side: (self._of(rows), groups(rows.keys))
            for side, rows in (("train", train), ("test", test))
        }
        best = ("chance", -1.0, 0.0)
        for name in train.inputs[0]:
            for sign in (1, -1):
                columns = [_numbers(rows, name, sign) for rows in (train, test)]
                if columns[0] is None or columns[1] is None:
                    continue
                found = mean_ndcg(columns[0], *sides["train"])
                if found > best[1]:
                    named = f"{name}, {'highest' if sign > 0 else 'lowest'} first"
                    best = (named, found, mean_ndcg(columns[1], *sides["test"]))
        return best[0], best[2]


def _numbers(rows: Split, name: str, sign: int) -> Array | None:
    """Return a column times `sign`, missing values last; None: it has no numbers."""
    values = [row[name] for row in rows.inputs]
    if any(isinstance(value, str | list) for value in values):
        return None
    return np.array([-np.inf if v is None else sign * float(v) for v in values])
