"""Explain an answer by coalitions of its fields, against background rows.

A coalition's value is the mean answer over the background rows with the coalition's
fields replaced by the input's ("interventional" Shapley values: Janzing et al., 2020).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.codec.features import NOW
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import explained_scores
from hotseat_serve.kinds.column_parts import Groups, Part, named
from hotseat_serve.kinds.explain_options import MAX_EVALUATIONS, ExplainOptions
from hotseat_serve.problems import Problem
from hotseat_serve.shapley import coalitions
from hotseat_serve.shapley.graph_nodes import UnsuitableError

Tensors = Mapping[str, Array]
Scores = Callable[[Tensors], Array]
"""The numbers [rows, n] of tensors [rows, columns]; may raise `Problem`."""

_ROWS = 8_192
"""Rows of one run of the graph, at most."""
_ELEMENTS = 4_000_000
"""Elements of the tensors of one run, at most."""
_LEAST_PAIRS = 10
"""Pairs of orders below which a standard error says little."""

_ALWAYS = -1
"""In place of a part: the column is the request's in each coalition."""


class FieldReasons:
    """Explains answers of a model of fields or columns.

    `background` are the tensors [rows, columns] of the background rows. Raises
    `UnsuitableError` for an input that is neither fields nor columns.
    """

    def __init__(
        self, signature: Signature, groups: Groups, background: Tensors
    ) -> None:
        self._signature, self._background = signature, background
        self.parts, self._players = _players(signature, groups)
        self._rows = len(next(iter(background.values())))

    def explain(
        self,
        row: Tensors,
        answer: Mapping[str, Any],
        scores: Scores,
        options: ExplainOptions,
    ) -> dict[str, Any]:
        """Return the explanation of an answer to one row.

        Raises `Problem` (too_large) if it costs more than `options.evaluations`.
        """
        column = explained_scores.column(self._signature, answer)

        def values(members: Array, rows: slice) -> Array:
            return self._values(row, members, rows, scores, column)

        players = len(self.parts)
        is_exact = options.method == "coalitions" or (
            options.method is None
            and players <= coalitions.EXACT_PLAYERS
            and self._rows << players <= options.evaluations
        )
        found = self._exact if is_exact else self._sampled
        return {
            "scale": explained_scores.scale(answer),
            **found(values, options),
        }

    def _exact(
        self, values: Callable[[Array, slice], Array], options: ExplainOptions
    ) -> dict[str, Any]:
        players = len(self.parts)
        cost = self._rows << players
        if cost > options.evaluations:
            raise _too_large(cost, players, options)
        of_coalitions = values(coalitions.every(players), slice(None))
        weights = coalitions.exact(of_coalitions)
        total = of_coalitions[-1]
        return {
            "method": "coalitions",
            "reference": f"the mean over {self._rows} made rows of the version",
            "base": float(of_coalitions[0]),
            "additivity_error": abs(float(of_coalitions[0] + weights.sum() - total)),
            "evaluations": cost,
            "parts": _described(self.parts, weights),
        }

    def _sampled(
        self, values: Callable[[Array, slice], Array], options: ExplainOptions
    ) -> dict[str, Any]:
        """Estimate, with one background row for each pair of orders."""
        players = len(self.parts)
        pairs = min(self._rows, options.evaluations // (2 * players))
        if pairs < min(_LEAST_PAIRS, self._rows):
            raise _too_large(2 * players * _LEAST_PAIRS, players, options)

        def value(pair: int, members: Array) -> Array:
            return values(members, slice(pair, pair + 1))

        found = coalitions.sampled(players, value, pairs)
        full = values(np.ones((1, players), bool), slice(0, 1))[0]
        return {
            "method": "sampling",
            "reference": f"the mean over {found.pairs} made rows of the version",
            "base": found.base,
            "additivity_error": abs(float(found.base + found.values.sum() - full)),
            "evaluations": 2 * players * found.pairs,
            "parts": [
                {**part, "standard_error": float(error)}
                for part, error in zip(
                    _described(self.parts, found.values), found.errors, strict=True
                )
            ],
        }

    def _values(
        self, row: Tensors, members: Array, rows: slice, scores: Scores, column: int
    ) -> Array:
        """Return the values [coalitions] of coalitions [coalitions, players]."""
        background = {name: array[rows] for name, array in self._background.items()}
        count = len(next(iter(background.values())))
        width = sum(array.shape[1] for array in row.values())
        step = max(1, min(_ROWS, _ELEMENTS // width) // count)
        found = []
        for start in range(0, len(members), step):
            some = members[start : start + step]
            tensors = {
                name: self._mixed(row[name], array, self._chosen(some, name))
                for name, array in background.items()
            }
            means = scores(tensors)[:, column].reshape(len(some), count).mean(1)
            found.append(means)
        return np.concatenate(found)

    def _chosen(self, members: Array, name: str) -> Array:
        """Return which columns of an input are the request's, [coalitions, columns]."""
        players = self._players[name]
        chosen: Array = members[:, players]
        chosen[:, players == _ALWAYS] = True
        return chosen

    @staticmethod
    def _mixed(row: Array, background: Array, chosen: Array) -> Array:
        """Return [coalitions * rows, columns]: the row's columns where chosen."""
        mixed = np.where(chosen[:, None, :], row[None], background[None])
        return np.ascontiguousarray(mixed.reshape(-1, row.shape[1]))


def _players(
    signature: Signature, groups: Groups
) -> tuple[list[Part], dict[str, Array]]:
    """Return the parts, and the part of each column by input.

    The present day of a signature's dates is no part: it is always the request's.
    """
    parts: list[Part] = []
    group_of = {field: group for group, fields in groups.items() for field in fields}
    place: dict[str, int] = {}
    players: dict[str, Array] = {}
    for item in signature.inputs:
        if item.form not in {"features", "tensor"} or len(item.shape) != 2:
            raise UnsuitableError(
                f"the input {item.name!r} is neither fields nor columns"
            )
        here = []
        for at in range(item.shape[1]):
            field = item.fields[at] if item.fields else None
            if field is not None and field.default == NOW:
                here.append(_ALWAYS)
                continue
            key = f"{item.name}/{at}" if field is None else field.name
            key = group_of.get(key, key)
            if key not in place:
                place[key] = len(parts)
                parts.append(
                    Part((item.name,), (at,))
                    if field is None
                    else named(tuple(groups.get(key, (field.name,))), groups)
                )
            here.append(place[key])
        players[item.name] = np.array(here, int)
    return parts, players


def _described(parts: Sequence[Part], weights: Array) -> list[dict[str, Any]]:
    return [
        {**part.to_json(), "weight": float(weight)}
        for part, weight in zip(parts, weights, strict=True)
    ]


def _too_large(cost: int, players: int, options: ExplainOptions) -> Problem:
    if cost <= MAX_EVALUATIONS:
        way = f'pass {{"options": {{"explain": {{"evaluations": {cost}}}}}}}'
    elif options.method == "coalitions":
        way = 'pass {"options": {"explain": {"method": "sampling"}}}'
    else:
        way = "declare groups of fields in the version's background file"
    return Problem(
        "too_large",
        f"an explanation of {players} parts needs {cost:,} evaluations; the limit of "
        f"this request is {options.evaluations:,}: {way}",
        "/options/explain",
    )
