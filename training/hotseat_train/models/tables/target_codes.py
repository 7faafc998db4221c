"""Codes of a category with very many values: what their training rows had as labels.

A value's code is the log odds of each label among its rows, less those of all rows, and
shrunk towards zero where it has few rows (Micci-Barreca 2001). A training row gets the
code of the folds that it is not in, so that its own label does not leak into it.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from hotseat_train.models.tables.synthetic_rows import MIN_ROWS
from hotseat_train.onnx_graph.builder import Graph

Array = np.ndarray[Any, Any]
_PRIOR_ROWS = 10
"""Rows of the mean label that each value is given."""
_FOLDS = 5
_SEED = 20_261_128
"""No seed of generated data, whose values would then decide the folds."""
_LABELS = 10
"""Most frequent labels that have a code."""


class TargetCodes:
    """The codes of one category, from training rows."""

    def __init__(
        self, values: Array, targets: Array, keys: Sequence[Hashable] = ()
    ) -> None:
        """Count the labels [rows] of the values [rows].

        Rows with the same one of `keys` are in one fold; without keys each is alone.
        """
        texts, at, counts = np.unique(
            values.astype(str), return_inverse=True, return_counts=True
        )
        labels, frequency = np.unique(targets, return_counts=True)
        chosen = labels[np.argsort(-frequency, kind="stable")[:_LABELS]]
        if len(labels) == 2:
            chosen = labels[1:]
        hits = (targets[:, None] == chosen).astype(np.float64)
        prior = hits.mean(0)
        self.rows = np.zeros((len(values), len(chosen)), np.float32)
        """The codes of the training rows, each without its own fold."""
        folds = _folds(len(values), keys)
        for fold in range(_FOLDS):
            inside = folds == fold
            others = _sums(at[~inside], hits[~inside], len(texts))
            rows = np.bincount(at[~inside], minlength=len(texts))
            self.rows[inside] = _codes(others, rows, prior)[at[inside]]
        kept = counts >= MIN_ROWS  # a value of fewer rows might name a player
        self.values = texts[kept].tolist()
        self.table = _codes(_sums(at, hits, len(texts)), counts, prior)[kept]

    @property
    def columns(self) -> int:
        """The number of codes of a value."""
        return int(self.rows.shape[1])

    def part(self, graph: Graph, words: str, index: int) -> str:
        """Add the codes [n, columns] of a column of `words`; return the name.

        An unknown value has the code 0: the mean of all rows.
        """
        column = graph.add("Gather", words, graph.integers(index), axis=1)
        row = graph.add(
            "LabelEncoder", column, domain="ai.onnx.ml", keys_strings=self.values,
            values_int64s=list(range(len(self.values))), default_int64=len(self.values),
        )  # fmt: skip
        zero = np.zeros((1, self.columns), np.float32)
        table = graph.constant(f"codes{index}", np.concatenate([self.table, zero]))
        codes = graph.add("Gather", table, row)
        return graph.add("Reshape", codes, graph.integers(-1, self.columns))


def _sums(at: Array, hits: Array, count: int) -> Array:
    """Return the rows with each label [count, labels] of each value."""
    return np.stack([np.bincount(at, hit, count) for hit in hits.T], axis=1)


def _codes(sums: Array, rows: Array, prior: Array) -> Array:
    """Return log odds [values, labels] less those of all rows."""
    share = (sums + _PRIOR_ROWS * prior) / (rows[:, None] + _PRIOR_ROWS)
    share, prior = (np.clip(p, 1e-6, 1 - 1e-6) for p in (share, prior))
    odds: Array = np.log(share / (1 - share)) - np.log(prior / (1 - prior))
    return odds.astype(np.float32)


def _folds(count: int, keys: Sequence[Hashable]) -> Array:
    """Return the fold of each row, by chance, the same every time."""
    groups = np.arange(count)
    if keys:
        numbers = {key: at for at, key in enumerate(dict.fromkeys(keys))}
        groups = np.array([numbers[key] for key in keys])
    drawn: Array = np.random.default_rng(_SEED).integers(0, _FOLDS, groups.max() + 1)
    return drawn[groups]
