"""Explain the answer of a linear model by exact Shapley values.

Of a linear map with independent columns, column i's value is w_i (x_i - mean of b_i)
over the background rows b (Strumbelj and Kononenko, 2014).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import explained_scores
from hotseat_serve.kinds.column_parts import Groups, of_columns
from hotseat_serve.shapley.graph_nodes import UnsuitableError
from hotseat_serve.shapley.linear import Linear

_TOLERANCE = 1e-4
"""Greatest difference between the service's numbers and the map's own."""


class LinearReasons:
    """Explains answers that follow from one linear map.

    `columns` [rows, columns] are the map's inputs for the background rows, and `scores`
    [rows, n] the graph's numbers for them. Raises `UnsuitableError` if these do not
    follow from the map, or the fields of its columns are not known.
    """

    def __init__(
        self,
        linear: Linear,
        signature: Signature,
        groups: Groups,
        columns: Array,
        scores: Array,
    ) -> None:
        self._linear, self._signature = linear, signature
        self._parts = of_columns(linear.columns, linear.source, signature, groups)
        if len(self._parts.players) != len(linear.weights):
            raise UnsuitableError("the fields of the graph's columns are not known")
        self._mean = columns.astype(np.float64).mean(0)
        self._rows = len(columns)
        self._link = self._fitting(columns, scores)

    def explain(self, row: Array, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the explanation of an answer to a row [columns] of the map's input."""
        column = explained_scores.column(self._signature, answer)
        weights, bias = self._direction(column)
        base = float(self._mean @ weights + bias)
        values = weights * (row.astype(np.float64) - self._mean)
        parts = np.zeros(len(self._parts.parts))
        players = np.array(self._parts.part_of)[list(self._parts.players)]
        np.add.at(parts, players, values)
        score = self._numbers(row[None])[0, column]
        is_log = self._link != "none"
        scale = "log_odds" if is_log else explained_scores.scale(answer)
        total = float(row.astype(np.float64) @ weights + bias)
        return {
            "method": "linear",
            "reference": f"the mean of {self._rows} made rows of the version",
            "scale": scale,
            "base": base,
            "additivity_error": abs(base + float(parts.sum()) - total),
            "parts": [
                {**part.to_json(), "weight": float(value)}
                for part, value in zip(self._parts.parts, parts, strict=True)
            ],
            **self._checked(score, answer),
        }

    def _checked(self, score: float, answer: Mapping[str, Any]) -> dict[str, Any]:
        given = answer.get("value", answer.get("scores", {}).get(answer.get("label")))
        if not np.isclose(score, given, _TOLERANCE, _TOLERANCE):
            raise UnsuitableError("the answer does not follow from the linear model")
        return {}

    def _direction(self, column: int) -> tuple[Array, float]:
        """Return the weights [columns] and the bias of an answer's number."""
        weights, bias = self._linear.weights, self._linear.bias
        if self._link == "none":
            return weights[:, column], float(bias[column])
        if weights.shape[1] == 1:  # the second label's log odds
            sign = 1 if column else -1
            return sign * weights[:, 0], float(sign * bias[0])
        if self._link == "softmax" and weights.shape[1] == 2:
            return (
                weights[:, column] - weights[:, 1 - column],
                float(bias[column] - bias[1 - column]),
            )
        return weights[:, column], float(bias[column])

    def _fitting(self, columns: Array, scores: Array) -> str:
        """Return the link between the map and the graph's numbers on all rows."""
        for link in ("none", "softmax", "sigmoid"):
            self._link = link
            found = self._numbers(columns)
            if found.shape == scores.shape and np.allclose(
                found, scores, _TOLERANCE, _TOLERANCE
            ):
                return link
        raise UnsuitableError("the graph is not one linear model")

    def _numbers(self, columns: Array) -> Array:
        """Return the graph's numbers [rows, n] as the map and the link give them."""
        margins = columns.astype(np.float64) @ self._linear.weights + self._linear.bias
        if self._link == "softmax":
            powers = np.exp(margins - margins.max(1, keepdims=True))
            return np.asarray(powers / powers.sum(1, keepdims=True))
        if self._link == "sigmoid":
            chances = 1 / (1 + np.exp(-np.clip(margins, -500, 500)))
            if chances.shape[1] == 1:
                return np.concatenate([1 - chances, chances], 1)
            return np.asarray(chances)
        return np.asarray(margins)
