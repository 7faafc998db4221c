"""Models of numbers: boosted trees, a generalised linear model, and their blend.

Their graphs have the input ``x`` [rows, columns] and the output ``value`` [rows].
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import onnx
from lightgbm.callback import EarlyStopException
from sklearn import linear_model

from hotseat_train.models.tables import category_splits
from hotseat_train.models.tables.number_losses import POWER, Array, NumberLoss
from hotseat_train.models.tables.preprocessing import set_fields
from hotseat_train.onnx_graph import covers
from hotseat_train.onnx_graph.builder import FLOAT, Graph, finished
from hotseat_train.onnx_graph.merge import chain

_STRENGTHS = (1e-4, 1e-2, 1.0)
_QUANTILE_ROWS = 3_000
"""Rows of a linear quantile: its linear program grows faster than they do."""
_PATIENCE, _MANY = 50, 10_000
_TREES = {
    "num_iterations": 2000, "learning_rate": 0.05, "num_leaves": 24,
    "min_child_samples": 20, "reg_lambda": 3.0, "verbose": -1, "deterministic": True,
    "force_row_wise": True,
}  # fmt: skip
_OBJECTIVES = {"number": "regression", "count": "poisson", "amount": "tweedie",
               "quantile": "quantile"}  # fmt: skip
Report = Callable[[int, float], None]
"""Takes the number of a step and its validation loss."""


class NumberModel(ABC):
    """A model of the columns of a `Preprocessor`."""

    @abstractmethod
    def fit(
        self,
        train: tuple[Array, Array, Array | None],
        held: tuple[Array, Array],
        report: Report,
    ) -> None:
        """Fit to (x, y, weights); choose what is to choose on `held`."""  # fmt: skip

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """Return the values [rows]."""

    @abstractmethod
    def part(self, columns: int) -> onnx.ModelProto:
        """Return the graph from `source` to ``value``."""


class Trees(NumberModel):
    """Gradient boosted trees (LightGBM) with early stopping."""

    _booster: lightgbm.Booster
    _sets: category_splits.Sets | None = None

    def __init__(
        self,
        loss: NumberLoss,
        seed: int,
        layout: category_splits.Layout | None = None,
    ) -> None:
        """`layout` tells the categories that are split by sets of their values."""
        self._loss, self._layout = loss, layout
        self._settings: dict[str, Any] = {
            **_TREES, "objective": _OBJECTIVES[loss.name], "seed": seed,
            "alpha": loss.level, "tweedie_variance_power": POWER, "metric": "None",
        }  # fmt: skip

    def fit(
        self, train: tuple[Array, Array, Array | None], held: tuple[Array, Array],
        report: Report,
    ) -> None:  # fmt: skip
        """Fit trees until the validation loss has not fallen for fifty."""
        x, y, weights = train
        layout, held_x = self._layout, held[0]
        if layout is not None:
            x, held_x = layout.codes(x), layout.codes(held_x)
        data = lightgbm.Dataset(
            x, y, weight=weights, params={"verbose": -1},
            categorical_feature=layout.categories if layout else [],
        )  # fmt: skip
        best = (np.inf, 0, 0)

        def loss(predicted: Array, of: lightgbm.Dataset) -> tuple[str, float, bool]:
            return (
                "loss",
                float(self._loss.of_rows(np.asarray(of.get_label()), predicted).mean()),
                False,
            )

        def record(env: Any) -> None:
            nonlocal best
            value, trees = (
                env.evaluation_result_list[0][2],
                env.model.current_iteration(),
            )
            if value < best[0]:
                best = (value, env.iteration, trees)
            if (env.iteration + 1) % 20 == 0:
                report(trees, value)
            if env.iteration - best[1] >= _PATIENCE:
                raise EarlyStopException(env.iteration, [])

        grown = lightgbm.train(
            {**self._settings, "num_threads": 0 if len(x) >= _MANY else 1}, data,
            valid_sets=[data.create_valid(held_x, held[1])], valid_names=["validation"],
            feval=loss, callbacks=[record],
        )  # fmt: skip
        self._booster = lightgbm.Booster(
            model_str=grown.model_to_string(num_iteration=best[2])
        )
        if layout is not None:
            self._booster, self._sets = category_splits.as_numbers(
                self._booster, layout
            )

    def predict(self, x: Array) -> Array:
        """Return the kept trees' values [rows]."""
        if self._sets is None:
            return np.asarray(self._booster.predict(x))
        return self._sets.predict(self._booster, x)

    def part(self, columns: int) -> onnx.ModelProto:
        """Return the sum of the trees; its exponential where values are positive."""
        sets, exp = self._sets, self._loss.positive
        if sets is None:
            return tree_sums(self._booster, columns, exp=exp)
        trees = tree_sums(
            self._booster, columns + sets.count, exp=exp, source=category_splits.OUTPUT
        )
        whole = chain(sets.part(columns), trees)
        set_fields(whole, [(name,) for name in sets.fields])
        return whole


class Linear(NumberModel):
    """A generalised linear model; its regularisation is chosen on the held rows."""

    def __init__(self, loss: NumberLoss) -> None:
        self._loss = loss
        self._weights, self._bias = np.zeros(0), 0.0

    def fit(
        self, train: tuple[Array, Array, Array | None], held: tuple[Array, Array],
        report: Report,
    ) -> None:  # fmt: skip
        """Fit with each strength and keep the best."""
        x, y, weights = (None if part is None else part.astype(float) for part in train)
        assert x is not None
        assert y is not None
        if self._loss.name == "quantile":
            rows = slice(_QUANTILE_ROWS)
            x, y = x[rows], y[rows]
            weights = None if weights is None else weights[rows]
        best = np.inf
        for number, strength in enumerate(_STRENGTHS, 1):
            model = _linear(self._loss, strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its loss shows what did not converge
                model.fit(x, y, sample_weight=weights)
            loss = float(self._loss.of_rows(held[1], model.predict(held[0])).mean())
            report(number, loss)
            if loss < best:
                best = loss
                self._weights = np.asarray(model.coef_).ravel()
                self._bias = float(model.intercept_)

    def predict(self, x: Array) -> Array:
        """Return the values [rows]."""
        sums = x.astype(float) @ self._weights + self._bias
        return np.exp(np.clip(sums, -60, 60)) if self._loss.positive else sums

    def part(self, columns: int) -> onnx.ModelProto:
        """Return a product with one column, and its exponential."""
        graph = Graph()
        weights = graph.constant("weights", self._weights[:, None].astype(np.float32))
        product = graph.add("MatMul", "x", weights)
        bias = graph.constant("bias", np.array([self._bias], np.float32))
        graph.add("Add", product, bias, name="sums")
        first = graph.model(
            "linear", {"x": (FLOAT, ["n", columns])}, {"sums": (FLOAT, ["n", 1])}
        )
        return chain(first, _ending("sums", exp=self._loss.positive))


def tree_sums(
    booster: lightgbm.Booster, columns: int, *, exp: bool, source: str = "x"
) -> onnx.ModelProto:
    """Return the graph from ``x`` to ``value``: the trees' sum, or its exponential."""
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    # the converter knows the sum of a regression; the exponential is added here
    lines = booster.model_to_string().splitlines()
    text = "\n".join(
        "objective=regression" if line.startswith("objective=") else line
        for line in lines
    )
    model = convert_lightgbm(
        lightgbm.Booster(model_str=text + "\n"),
        initial_types=[(source, FloatTensorType([None, columns]))],
        target_opset=15,
    )
    covers.take(model, booster)
    graph = model.graph
    graph.name = "trees"
    name = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["sums" if item == name else item for item in node.output]
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info("sums", FLOAT, ["n", 1]))
    return chain(finished(model), _ending("sums", exp=exp))


def _ending(name: str, *, exp: bool) -> onnx.ModelProto:
    graph = Graph()
    at = graph.add("Reshape", name, graph.integers(-1))
    if exp:
        low, high = (graph.constant(n, np.float32(v)) for n, v in
                     (("low", -60), ("high", 60)))  # fmt: skip
        at = graph.add("Exp", graph.add("Clip", at, low, high))
    graph.add("Identity", at, name="value")
    return graph.model("ending", {name: (FLOAT, ["n", 1])}, {"value": (FLOAT, ["n"])})


def _linear(loss: NumberLoss, strength: float) -> Any:
    if loss.name == "number":
        return linear_model.Ridge(strength * 100)
    if loss.name == "count":
        return linear_model.PoissonRegressor(alpha=strength, max_iter=1000)
    if loss.name == "amount":
        return linear_model.TweedieRegressor(
            power=POWER, link="log", alpha=strength, max_iter=1000
        )
    return linear_model.QuantileRegressor(
        quantile=loss.level, alpha=strength / 100, solver="highs"
    )
