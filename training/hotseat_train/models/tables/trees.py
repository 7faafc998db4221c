"""Gradient boosted trees (LightGBM) with early stopping.

Categories are split by sets of their values (`category_splits`) or, with the setting
``categories`` = ``columns`` and on small tables, by one value at a time.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
from lightgbm.callback import EarlyStopException

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables import category_splits
from hotseat_train.models.tables.ensemble import Member, measure
from hotseat_train.models.tables.preprocessing import Array, Preprocessor, set_fields
from hotseat_train.onnx_graph import covers
from hotseat_train.onnx_graph.converted import with_scores
from hotseat_train.onnx_graph.merge import chain
from hotseat_train.optim.loop import Epoch, Plan, State

_STEP, _PATIENCE = 20, 50
"""Trees between two points of the curve; patience of early stopping in trees."""
_MOST_TREES, _LEAST_TREES = 6_000, 30
"""Trees of all labels together, and of each, where no number is set."""
_MANY = 10_000
"""Rows from which several threads pay off."""


class TreesLearner(Member):
    """Gradient boosted trees; the best number of them by the validation loss."""

    family = "trees"
    _booster: lightgbm.Booster
    _sets: category_splits.Sets | None = None
    """The sets of categories in the kept trees; None: none has a set."""

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: int,
        seed: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.preprocessor, self._labels = preprocessor, labels
        self._settings = dict(settings)
        how = self._settings.pop("categories")
        if how not in category_splits.HOW:
            raise DatasetError(
                f"categories = {how!r}: expected {', '.join(category_splits.HOW)}"
            )
        self._layout = category_splits.layout(
            preprocessor.columns, preprocessor.category_blocks, preprocessor.rows, how
        )
        most = max(_LEAST_TREES, _MOST_TREES // labels)
        self._trees = int(self._settings.pop("n_estimators")) or most
        binary = labels == 2
        self._settings |= {
            "objective": "binary" if binary else "multiclass",
            "metric": ["binary_logloss", "binary_error"] if binary
            else ["multi_logloss", "multi_error"],
            "subsample_freq": 1, "seed": seed, "verbose": -1,
            "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        if not binary:
            self._settings["num_class"] = labels

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit trees; the curve has a point every few trees, and the kept point.

        An iteration without a split adds no tree, so trees are counted, and the losses
        of the kept model are taken from the model itself.
        """
        del plan, checkpoint
        columns = [self.preprocessor.encode(s.inputs) for s in (train, validation)]
        targets = [np.array(split.targets) for split in (train, validation)]
        layout = self._layout
        grown_on = columns if layout is None else list(map(layout.codes, columns))
        # equal trees with any number of threads: see "deterministic"
        threads = 0 if len(train) >= _MANY else 1
        data = lightgbm.Dataset(
            grown_on[0],
            targets[0],
            weight=np.array(train.weights) if train.weights else None,
            categorical_feature=layout.categories if layout else [],
            params={"verbose": -1},
        )
        curve: list[Epoch] = []
        best = (np.inf, 0, 0)
        """Validation loss, iteration and trees of the best point."""

        def record(env: Any) -> None:
            nonlocal best
            results = env.evaluation_result_list
            metrics = {(name, metric): value for name, metric, value, *_ in results}
            trees = env.model.current_iteration()
            epoch = Epoch(
                trees,
                _metric(metrics, "train", "logloss"),
                _metric(metrics, "validation", "logloss"),
                1 - _metric(metrics, "validation", "error"),
            )
            if epoch.validation_loss < best[0]:
                best = (epoch.validation_loss, env.iteration, trees)
            if (env.iteration + 1) % _STEP == 0:
                if not curve or curve[-1].number < trees:
                    curve.append(epoch)
                report(epoch)
            if env.iteration - best[1] >= _PATIENCE:
                raise EarlyStopException(env.iteration, [])

        grown = lightgbm.train(
            {**self._settings, "num_threads": threads},
            data,
            self._trees,
            valid_sets=[data, data.create_valid(grown_on[1], targets[1])],
            valid_names=["train", "validation"],
            callbacks=[record],
        )
        # the kept trees alone, so that nothing else is measured or exported
        self._booster = lightgbm.Booster(
            model_str=grown.model_to_string(num_iteration=best[2])
        )
        if layout is not None:
            self._booster, self._sets = category_splits.as_numbers(
                self._booster, layout
            )
        (train_loss, _), (loss, accuracy) = (
            measure(self._predict(x), y.tolist())
            for x, y in zip(columns, targets, strict=True)
        )
        kept = Epoch(best[2], train_loss, loss, accuracy)
        points = {epoch.number: epoch for epoch in [*curve, kept]}
        curve = [points[number] for number in sorted(points)]
        return State(curve, {}, "fitted", kept=kept)

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the kept trees' probabilities [rows, labels]."""
        return self._predict(self.preprocessor.encode(inputs))

    def _predict(self, columns: Array) -> Array:
        if self._sets is None:
            found = np.asarray(self._booster.predict(columns))
        else:
            found = self._sets.predict(self._booster, columns)
        return np.stack([1 - found, found], axis=1) if found.ndim == 1 else found

    def part(self) -> onnx.ModelProto:
        """Return the graph without preprocessing."""
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        sets = self._sets
        name = "x" if sets is None else category_splits.OUTPUT
        width = self.preprocessor.columns + (0 if sets is None else sets.count)
        converted = convert_lightgbm(
            self._booster,
            initial_types=[(name, FloatTensorType([None, width]))],
            zipmap=False,
            target_opset=15,  # the newest one of the converter
        )
        covers.take(converted, self._booster)
        trees = with_scores(converted, self._labels)
        if sets is None:
            return trees
        whole = chain(sets.part(self.preprocessor.columns), trees)
        set_fields(whole, [(name,) for name in sets.fields])
        return whole


def _metric(metrics: Mapping[tuple[str, str], float], side: str, name: str) -> float:
    return next(v for (s, m), v in metrics.items() if s == side and m.endswith(name))
