"""Explain the answer of trees by exact Shapley values; see `shapley.trees`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.kinds.column_parts import Groups, of_columns
from hotseat_serve.shapley.ensemble import Ensemble
from hotseat_serve.shapley.graph_nodes import UnsuitableError
from hotseat_serve.shapley.trees import Conditions, TreeShapley

Array = np.ndarray[Any, Any]
_TOLERANCE = 1e-4
"""Greatest difference between the service's answer and the trees' own sum."""


class TreeReasons:
    """Explains the answers of a version whose graph is one ensemble of trees.

    Raises `UnsuitableError` if the fields of the trees' columns are not known.
    """

    def __init__(
        self, ensemble: Ensemble, signature: Signature, groups: Groups
    ) -> None:
        self._ensemble, self._signature = ensemble, signature
        self._columns = of_columns(ensemble.columns, ensemble.input, signature, groups)
        outputs = {output for leaf in ensemble.leaves for output in leaf.values}
        two = ensemble.is_classifier and len(signature.labels) == 2
        self._single = next(iter(outputs)) if two and len(outputs) == 1 else None
        """The only output of two labels', which is the second label's."""
        self._conditions = Conditions(ensemble)
        self._shapley: dict[int, TreeShapley] = {}

    def explain(self, row: Array, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the explanation of an answer to a row [columns] of the trees' input.

        Raises `UnsuitableError` if something after the trees changes their output.
        """
        passes = self._conditions.passes(row)
        margins = self._conditions.margins(passes)
        output, sign = self._output(answer)
        scale = _SCALES[self._ensemble.transform]
        if not self._ensemble.is_classifier:
            scale = "value"
        expected = self._linked(margins)
        given = np.array(
            [answer["value"]]
            if scale == "value"
            else [answer["scores"][label] for label in self._signature.labels]
        )
        # numpy's allclose takes a tenth of the whole explanation
        if (
            expected.shape != given.shape
            or not (abs(expected - given) <= _TOLERANCE * (1 + abs(given))).all()
        ):
            raise UnsuitableError("the graph changes the output of its trees")
        if output not in self._shapley:
            self._shapley[output] = TreeShapley(
                self._ensemble, output, self._columns.players
            )
        shapley = self._shapley[output]
        values = sign * shapley.values(passes)
        # of two probabilities the first is 1 minus the second
        least = 1.0 if sign < 0 and scale == "probability" else 0.0
        base = least + sign * shapley.base
        parts = np.zeros(len(self._columns.parts))
        np.add.at(parts, list(self._columns.part_of), values)
        return {
            "method": "trees",
            "reference": "the training rows, by the trees' own cover",
            "scale": scale,
            "base": base,
            "additivity_error": abs(
                float(base + values.sum() - least - sign * margins[output])
            ),
            "parts": [
                {**part.to_json(), "weight": float(value)}
                for part, value in zip(self._columns.parts, parts, strict=True)
            ],
        }

    def _output(self, answer: Mapping[str, Any]) -> tuple[int, int]:
        """Return the ensemble's output that an answer is about, and its sign."""
        if "label" not in answer:
            return 0, 1
        label = self._signature.labels.index(answer["label"])
        if self._single is None:
            return label, 1
        return self._single, 1 if label == 1 else -1

    def _linked(self, margins: Array) -> Array:
        """Return the graph's output for these margins [outputs]."""
        transform = self._ensemble.transform
        if transform == "SOFTMAX":
            powers = np.exp(margins - margins.max())
            return np.asarray(powers / powers.sum())
        if self._ensemble.is_classifier and self._single is not None:
            margins = margins[self._single : self._single + 1]
        if transform == "LOGISTIC":
            margins = 1 / (1 + np.exp(-margins))
        if self._ensemble.is_classifier and self._single is not None:
            return np.array([1 - margins[0], margins[0]])
        return margins


_SCALES = {"LOGISTIC": "log_odds", "SOFTMAX": "log_odds", "NONE": "probability"}
"""The scale of the values; of a softmax it is the logarithm before normalisation."""
