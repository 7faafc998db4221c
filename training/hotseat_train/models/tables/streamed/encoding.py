"""Columns of a table as numbers for trees, in numpy while training and in the graph.

A number stays as it is: trees need no scale. A category becomes its rank by the mean
target of the sample, smoothed towards the mean of all rows; for two labels and for
numbers the best split of the categories is then a split of the ranks (Fisher 1958,
Breiman et al. 1984). Rare, unseen and missing categories have the rank of the mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.compute as pc

from hotseat_registry import Field, Input, Output, Signature
from hotseat_serve.limits import MAX_ROWS
from hotseat_train.models.tables.streamed.sampling import numbers_of, texts_of
from hotseat_train.onnx_graph.builder import FLOAT, STRING, Graph

Array = np.ndarray[Any, Any]
MIN_ROWS = 20
"""Rows of the sample with a category; rarer ones have the rank of the mean."""
MOST_RANKS = 5_000
"""Categories of a column with a rank, the most frequent ones."""
_SMOOTHING = 20.0
"""Rows of the mean that are added to each category's."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks of a column's categories."""

    ranks: Mapping[str, float]
    other: float
    """The rank of every other category."""

    @classmethod
    def of(cls, texts: pa.Array, targets: Array) -> "Ranks":
        """Rank categories by `targets`, one number for each row of the sample."""
        encoded = pc.dictionary_encode(texts)
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        words = encoded.dictionary.to_pylist()
        counts = np.bincount(codes, minlength=len(words))
        sums = np.bincount(codes, targets, len(words))
        mean = float(targets.mean())
        means = (sums + _SMOOTHING * mean) / (counts + _SMOOTHING)
        often = np.argsort(-counts, kind="stable")[:MOST_RANKS]
        known = [at for at in often if counts[at] >= MIN_ROWS and words[at] != ""]
        known.sort(key=lambda at: (means[at], words[at]))
        other = float(np.searchsorted(means[known], mean)) - 0.5
        return cls({words[at]: float(rank) for rank, at in enumerate(known)}, other)

    def encode(self, texts: pa.Array) -> Array:
        """Return the ranks [rows] of texts."""
        at = pc.index_in(texts, value_set=pa.array(list(self.ranks), pa.string()))
        ranks = np.array([*self.ranks.values(), self.other], np.float32)
        rows = pc.fill_null(at, len(self.ranks)).to_numpy(zero_copy_only=False)
        return np.asarray(ranks[rows])


def label_scores(classes: Array, labels: int) -> Array:
    """Return one number [rows] for the class of each row, to rank categories by.

    For two labels it is the class. For more it is each class's place in the order of
    frequency: the most frequent label is set apart from the others.
    """
    if labels == 2:
        return np.asarray(classes, np.float64)
    frequent = np.bincount(classes, minlength=labels).argmax()
    return np.asarray(classes == frequent, np.float64)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The features of a table, in the order of the trees' columns: numbers first."""

    numbers: tuple[Field, ...]
    """A number that training rows lack has no default: the trees handle NaN."""
    categories: tuple[Field, ...]
    ranks: Mapping[str, Ranks]

    @property
    def columns(self) -> int:
        """The number of columns of ``x``."""
        return len(self.numbers) + len(self.categories)

    def encode(self, batch: pa.RecordBatch) -> Array:
        """Return float32 [rows, columns]."""
        x = np.empty((len(batch), self.columns), np.float32)
        for at, field in enumerate(self.numbers):
            x[:, at] = numbers_of(batch.column(field.name))
            if field.default is not None:
                x[np.isnan(x[:, at]), at] = field.default
        for at, field in enumerate(self.categories, len(self.numbers)):
            texts = texts_of(batch.column(field.name))
            x[:, at] = self.ranks[field.name].encode(texts)
        return x

    def requests(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        """Return the rows as a request has them, without missing values."""
        names = [field.name for field in (*self.numbers, *self.categories)]
        return [
            {name: value for name, value in row.items() if value is not None}
            for row in batch.select(names).to_pylist()
        ]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The signature's inputs: a tensor of numbers and one of categories."""
        inputs = []
        if self.numbers:
            shape = (-1, len(self.numbers))
            inputs.append(
                Input("numbers", "FP32", shape, "features", fields=self.numbers)
            )
        if self.categories:
            shape = (-1, len(self.categories))
            inputs.append(
                Input("words", "BYTES", shape, "features", fields=self.categories)
            )
        return tuple(inputs)

    def signature(self, labels: Sequence[str]) -> Signature:
        """Return named features in, a probability for each label out."""
        return Signature(
            inputs=self.inputs,
            outputs=(Output("scores", "FP32", (-1, len(labels))),),
            labels=tuple(labels),
            max_rows=MAX_ROWS,
            non_finite=any(field.default is None for field in self.numbers) or None,
        )

    def graph(self) -> onnx.ModelProto:
        """Return the graph from the inputs to ``x`` [rows, columns]."""
        graph, parts = Graph(), []
        shapes: dict[str, tuple[int, list[str | int]]] = {}
        if self.numbers:
            shapes["numbers"] = (FLOAT, ["n", len(self.numbers)])
            infinite = graph.add("IsInf", "numbers")
            nothing = graph.constant("nan", np.float32(np.nan))
            parts.append(graph.add("Where", infinite, nothing, "numbers"))
        if self.categories:
            shapes["words"] = (STRING, ["n", len(self.categories)])
        for at, field in enumerate(self.categories):
            column = graph.add("Gather", "words", graph.integers(at), axis=1)
            ranks = self.ranks[field.name]
            parts.append(
                graph.add(
                    "LabelEncoder", column, domain="ai.onnx.ml",
                    keys_strings=[*ranks.ranks] or [""],
                    values_floats=[*ranks.ranks.values()] or [ranks.other],
                    default_float=ranks.other,
                )
            )  # fmt: skip
        graph.add("Concat", *parts, name="x", axis=1)
        return graph.model("columns", shapes, {"x": (FLOAT, ["n", self.columns])})
