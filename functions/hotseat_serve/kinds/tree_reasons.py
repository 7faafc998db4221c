"""Explain the answer of trees by exact Shapley values; see `shapley.trees`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.shapley.ensemble import Ensemble, UnsuitableError
from hotseat_serve.shapley.trees import Conditions, TreeShapley

Array = np.ndarray[Any, Any]
_TOLERANCE = 1e-4
"""Greatest difference between the service's answer and the trees' own sum."""


@dataclass(frozen=True)
class _Part:
    """A player of the game, as the answer names it."""

    names: tuple[str, ...]
    at: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the part's description."""
        described: dict[str, Any] = {"part": ", ".join(self.names)}
        if len(self.names) > 1:
            described["fields"] = list(self.names)
        if self.at is not None:
            described["at"] = list(self.at)
        return described


class TreeReasons:
    """Explains the answers of a version whose graph is one ensemble of trees.

    Raises `UnsuitableError` if the fields of the trees' columns are not known.
    """

    def __init__(self, ensemble: Ensemble, signature: Signature) -> None:
        self._ensemble, self._signature = ensemble, signature
        self._columns, self._part_of, self._parts = _players(ensemble, signature)
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
        if expected.shape != given.shape or not np.allclose(
            expected, given, _TOLERANCE, _TOLERANCE
        ):
            raise UnsuitableError("the graph changes the output of its trees")
        if output not in self._shapley:
            self._shapley[output] = TreeShapley(self._ensemble, output, self._columns)
        shapley = self._shapley[output]
        values = sign * shapley.values(passes)
        # of two probabilities the first is 1 minus the second
        least = 1.0 if sign < 0 and scale == "probability" else 0.0
        base = least + sign * shapley.base
        parts = np.zeros(len(self._parts))
        np.add.at(parts, self._part_of, values)
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
                for part, value in zip(self._parts, parts, strict=True)
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


def _players(
    ensemble: Ensemble, signature: Signature
) -> tuple[list[int], list[int], list[_Part]]:
    """Return the player of each column, the part of each player, and the parts.

    Columns of one field are players of their own, whose values are added. A column of
    several fields joins them: they are in a coalition together.
    """
    fields = _fields(ensemble, signature)
    if isinstance(fields, int):
        cells = [_Part((ensemble.input,), (at,)) for at in range(fields)]
        return [*range(fields)], [*range(fields)], cells
    joined: list[set[str]] = []
    for names in fields:
        if len(names) > 1:
            near = [one for one in joined if one & set(names)]
            joined = [one for one in joined if one not in near]
            joined.append(set(names).union(*near))
    order = list(dict.fromkeys(name for names in fields for name in names))
    group_of = {
        name: next((at for at, one in enumerate(joined) if name in one), None)
        for name in order
    }
    parts: list[_Part] = []
    part_of_name: dict[str, int] = {}
    for name in order:
        if name in part_of_name:
            continue
        at = group_of[name]
        names = tuple(
            n for n in order if n == name or (at is not None and group_of[n] == at)
        )
        part_of_name |= dict.fromkeys(names, len(parts))
        parts.append(_Part(names))
    players: list[int] = []
    part_of: list[int] = []
    player_of_group: dict[int, int] = {}
    for names in fields:
        at = group_of[names[0]]
        if at is None:
            players.append(len(part_of))
            part_of.append(part_of_name[names[0]])
            continue
        if at not in player_of_group:
            player_of_group[at] = len(part_of)
            part_of.append(part_of_name[names[0]])
        players.append(player_of_group[at])
    return players, part_of, parts


def _fields(ensemble: Ensemble, signature: Signature) -> Sequence[Sequence[str]] | int:
    """Return the fields of each column, or the number of columns without names."""
    if ensemble.columns is not None:
        return ensemble.columns
    for item in signature.inputs:
        if item.name == ensemble.input and item.fields:
            return [(field.name,) for field in item.fields]
        if item.name == ensemble.input and len(item.shape) == 2 and item.shape[1] > 0:
            return item.shape[1]
    raise UnsuitableError("the fields of the trees' columns are not known")
