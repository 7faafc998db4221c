"""Tables of named features: how a row becomes numbers, as a part of the graph.

Numbers become their logarithms (with their sign), their sign, and where training saw
missing ones, whether they are missing; what is missing counts as the median. A category
becomes a column for each word that training saw more than a few times; an unknown one
leaves them all zero. Columns that never changed in training are left out. Then follows
a family's own part (`families`), with input ``x`` [rows, columns].
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hotseat_registry import Field, Input, Output, Signature
from hotseat_serve import codec
from hotseat_serve.session import Session
from hotseat_train.data.dataset import Split
from hotseat_train.models.tables import time_series_features
from hotseat_train.onnx_graph.builder import FLOAT, STRING, Graph
from hotseat_train.onnx_graph.merge import chain

Array = np.ndarray[Any, Any]
_SELDOM = 5
"""Rows that a word must stand on: what training hardly saw it treats as unknown."""
_MOST_WORDS = 100
"""Columns of one category at most, the most frequent words."""
_LARGEST = 1e30
"""Beyond it, infinity included, a number is no larger."""


class Table:
    """How rows become numbers: what `train` has seen decides it.

    `series` names number fields that hold counts one time after another, of which
    `history` is told as well.
    """

    def __init__(
        self,
        numbers: Sequence[Field],
        words: Sequence[Field],
        train: Split,
        series: Sequence[str] = (),
    ) -> None:
        self.numbers, self.words = tuple(numbers), tuple(words)
        names = [field.name for field in numbers]
        self._series = [names.index(name) for name in series]
        seen = self.tensors(train.inputs)
        self.known = {
            field.name: _frequent(seen["words"][:, at])
            for at, field in enumerate(self.words)
        }
        self._median = self._mean = self._scale = np.zeros(0, np.float32)
        self._gaps: list[int] = []
        self._kept: list[int] = []
        if self.numbers:
            missing = np.isnan(seen["numbers"])
            self._gaps = np.flatnonzero(missing.any(0)).tolist()
            self._median = np.array([_median(column) for column in seen["numbers"].T])
            plain = _run(self._plain(), {"numbers": seen["numbers"]})
            spread = plain.std(0)
            self._kept = np.flatnonzero(spread > 1e-6).tolist()
            self._mean, self._scale = plain.mean(0)[self._kept], spread[self._kept]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The signature's inputs: one tensor of numbers, one of words."""
        found = []
        if self.numbers:
            shape = (-1, len(self.numbers))
            found.append(
                Input("numbers", "FP32", shape, "features", fields=self.numbers)
            )
        if self.words:
            shape = (-1, len(self.words))
            found.append(Input("words", "BYTES", shape, "features", fields=self.words))
        return tuple(found)

    def signature(self, labels: Sequence[str]) -> Signature:
        """Return named features in, a probability for each label out.

        A number without a default may be missing, and is NaN then.
        """
        return Signature(
            inputs=self.inputs,
            outputs=(Output("scores", "FP32", (-1, len(labels))),),
            labels=tuple(labels),
            max_rows=codec.MAX_ROWS,
            non_finite=any(field.default is None for field in self.numbers) or None,
        )

    def tensors(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
        """Return the rows as the service hands them to the graph."""
        signature = Signature(self.inputs, (), max_rows=len(rows), non_finite=True)
        return codec.encode(signature, rows)

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> Array:
        """Return [rows, columns], computed by the graph itself."""
        return _run(self.graph(), self.tensors(rows))

    def graph(self) -> onnx.ModelProto:
        """Return the part of the graph that ends in ``x``."""
        graph, parts = Graph(), []
        if self.numbers:
            plain = self._numbers(graph)
            kept = graph.add("Gather", plain, graph.integers(*self._kept), axis=1)
            moved = graph.add("Sub", kept, graph.constant("mean", self._mean[None]))
            parts.append(
                graph.add("Div", moved, graph.constant("scale", self._scale[None]))
            )
        parts += [self._word(graph, at) for at in range(len(self.words))]
        graph.add("Concat", *parts, name="x", axis=1)
        return graph.model("table", self._eaten(), {"x": (FLOAT, ["n", self.columns])})

    @property
    def columns(self) -> int:
        """How many numbers a row becomes."""
        return len(self._kept) + sum(map(len, self.known.values()))

    def _eaten(self) -> dict[str, tuple[int, list[str | int]]]:
        eaten: dict[str, tuple[int, list[str | int]]] = {}
        if self.numbers:
            eaten["numbers"] = (FLOAT, ["n", len(self.numbers)])
        if self.words:
            eaten["words"] = (STRING, ["n", len(self.words)])
        return eaten

    def _plain(self) -> onnx.ModelProto:
        """Return the numbers' part, before it is known which columns ever change."""
        graph = Graph()
        graph.add("Identity", self._numbers(graph), name="plain")
        eaten = {"numbers": self._eaten()["numbers"]}
        return graph.model("plain", eaten, {"plain": (FLOAT, ["n", "columns"])})

    def _numbers(self, graph: Graph) -> str:
        missing = graph.add("IsNaN", "numbers")
        median = graph.constant("median", self._median[None])
        whole = graph.add("Where", missing, median, "numbers")
        most = graph.constant("most", np.float32(_LARGEST))
        least = graph.constant("least", np.float32(-_LARGEST))
        filled = graph.add("Clip", whole, least, most)
        sign = graph.add("Sign", filled)
        one = graph.constant("one", np.float32(1))
        height = graph.add("Log", graph.add("Add", graph.add("Abs", filled), one))
        logs = graph.add("Mul", sign, height)
        parts = [logs, sign]
        if self._gaps:
            flags = graph.add("Cast", missing, to=FLOAT)
            parts.append(
                graph.add("Gather", flags, graph.integers(*self._gaps), axis=1)
            )
        if self._series:
            parts += time_series_features.parts(graph, filled, logs, self._series)
        return graph.add("Concat", *parts, axis=1)

    def _word(self, graph: Graph, at: int) -> str:
        known = self.known[self.words[at].name]
        column = graph.add("Gather", "words", graph.integers(at), axis=1)
        row = graph.add(
            "LabelEncoder", column, domain="ai.onnx.ml", keys_strings=known,
            values_int64s=list(range(len(known))), default_int64=len(known),
        )  # fmt: skip
        # the last row, of unknown words, is all zeros
        table = np.eye(len(known) + 1, len(known), dtype=np.float32)
        picked = graph.add("Gather", graph.constant(f"words{len(known)}", table), row)
        return graph.add("Reshape", picked, graph.integers(-1, len(known)))


def _median(column: Array) -> np.float32:
    there = column[~np.isnan(column)]
    return np.float32(np.median(there) if len(there) else 0)


def _frequent(words: Array) -> list[str]:
    found, counts = np.unique(words.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_WORDS]
    often = [str(found[at]) for at in order if counts[at] >= _SELDOM]
    return sorted(often or [str(found[order[0]])])


def _run(model: onnx.ModelProto, tensors: Mapping[str, Array]) -> Array:
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        (found,) = Session(Path(file.name)).run(tensors).values()
    return np.asarray(found, np.float32)


def answers(model: onnx.ModelProto, table: Table, rows: Split) -> Array:
    """Return what a family's part says of rows: [rows, labels]."""
    return _run(model, {"x": table.encode(rows.inputs)})


def write(table: Table, model: onnx.ModelProto, path: Path) -> None:
    """Write the table's part and a family's part as one graph."""
    onnx.save(chain(table.graph(), model), path)
