"""Preprocessing of named features, as a part of the graph.

A number becomes its signed logarithm, its sign and, if training rows lack it, a flag
for a missing value; the median replaces a missing number. A category is one-hot encoded
over its frequent values; for other values all columns are zero. One with more than a
hundred frequent values has codes of its labels, too (`target_codes`). Dates, texts and
lists have features of their own (`date_features`, `word_features`). Constant columns of
numbers are dropped, and the others standardised. The graph of a model (see `families`)
follows, with the input ``x`` [rows, columns].
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hotseat_registry import Field, Input, Output, Signature
from hotseat_registry.reading import Reading
from hotseat_serve.codec import game_json
from hotseat_serve.codec.features import NOW
from hotseat_serve.limits import MAX_ROWS
from hotseat_serve.runtime.session import Session
from hotseat_serve.shapley.graph_nodes import FIELDS
from hotseat_train.data.dataset import Split
from hotseat_train.models.tables import (
    date_features,
    time_series_features,
    word_features,
)
from hotseat_train.models.tables.category_splits import Block
from hotseat_train.models.tables.synthetic_rows import MIN_ROWS, rounded
from hotseat_train.models.tables.target_codes import TargetCodes
from hotseat_train.onnx_graph.builder import FLOAT, STRING, Graph
from hotseat_train.onnx_graph.merge import chain

Array = np.ndarray[Any, Any]
_MAX_CATEGORIES = 100
"""Maximum number of columns of a category field, for its most frequent values."""
_LARGEST = 1e30
"""Limit for clipping of larger numbers, including infinity."""


class Preprocessor:
    """Preprocessing, fitted to training rows.

    `series` names the number fields of a time series of counts, for additional features
    (see `time_series_features`). `texts` are fields of texts and lists. Where there are
    `dates`, every row has the field `now_name`: the day that ages count to, for which a
    request may have another day, and has the present one if it leaves the field out.
    """

    def __init__(
        self,
        numbers: Sequence[Field],
        categories: Sequence[Field],
        train: Split,
        series: Sequence[str] = (),
        *,
        dates: Sequence[Field] = (),
        texts: Sequence[Field] = (),
    ) -> None:
        self.numbers = tuple(
            replace(field, observed=_observed(train.inputs, field.name))
            for field in numbers
        )
        self.categories = tuple(categories)
        self.dates = tuple(dates)
        self.texts = tuple(
            replace(field, default=word_features.EMPTY) for field in texts
        )
        names = [field.name for field in numbers]
        every = (*numbers, *categories, *dates, *texts)
        self._now = _now(now_name([field.name for field in every]))
        self._series = [names.index(name) for name in series]
        tensors = self.tensors(train.inputs)
        self.known_categories = {
            field.name: _frequent(tensors["words"][:, i])
            for i, field in enumerate(self.categories)
        }
        self.categories = tuple(
            replace(field, known=tuple(self.known_categories[field.name]))
            for field in categories
        )
        self.vocabularies = {
            field.name: word_features.vocabulary(
                tensors["texts"][:, i].tolist(),
                train.targets,
                pairs=field.type == "text",
            )
            for i, field in enumerate(self.texts)
        }
        self._train = train.inputs  # kept, so that their `id` is theirs alone
        self._positions = {id(row): at for at, row in enumerate(train.inputs)}
        self.codes = {
            i: TargetCodes(
                tensors["words"][:, i], np.asarray(train.targets), train.keys
            )
            for i, known in enumerate(self.known_categories.values())
            if len(known) == _MAX_CATEGORIES
        }
        self._median = self._mean = self._scale = np.zeros(0, np.float32)
        self._ages = np.zeros(0, np.float32)
        self._missing: list[int] = []
        self._varying: list[int] = []
        self._width = 0
        if self.numbers or self.dates:
            values = tensors["numbers"][:, : len(self.numbers)]
            self._missing = np.flatnonzero(np.isnan(values).any(0)).tolist()
            self._median = np.array(
                [_median(column) for column in values.T], np.float32
            )
            days = tensors["numbers"][:, len(self.numbers) :]
            self._ages = np.array(
                [_median(days[:, -1] - column) for column in days.T[:-1]], np.float32
            )
            plain = _run(self._plain(), {"numbers": tensors["numbers"]})
            spread = plain.std(0)
            self._width = len(spread)
            self._varying = np.flatnonzero(spread > 1e-6).tolist()
            self._mean, self._scale = (
                plain.mean(0)[self._varying],
                spread[self._varying],
            )

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The signature's inputs: a tensor of numbers and one of categories.

        The fields have the values of the training rows: the service warns of others.
        """
        inputs = []
        if self.numbers or self.dates:
            fields = (*self.numbers, *self.dates, *([self._now] if self.dates else []))
            shape = (-1, len(fields))
            inputs.append(Input("numbers", "FP32", shape, "features", fields=fields))
        if self.categories:
            shape = (-1, len(self.categories))
            inputs.append(
                Input("words", "BYTES", shape, "features", fields=self.categories)
            )
        if self.texts:
            shape = (-1, len(self.texts))
            inputs.append(Input("texts", "BYTES", shape, "features", fields=self.texts))
        return tuple(inputs)

    def signature(self, labels: Sequence[str]) -> Signature:
        """Return named features in, a probability for each label out.

        A number without a default may be missing (NaN).
        """
        return Signature(
            inputs=self.inputs,
            outputs=(Output("scores", "FP32", (-1, len(labels))),),
            labels=tuple(labels),
            max_rows=MAX_ROWS,
            non_finite=any(
                field.default is None for field in (*self.numbers, *self.dates)
            )
            or None,
        )

    def tensors(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
        """Return the rows as the graph's inputs, encoded like a request's."""
        signature = Signature(self.inputs, (), max_rows=len(rows), non_finite=True)
        return game_json.encode(signature, rows)

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> Array:
        """Compute the columns [rows, columns] with the graph.

        The codes of the training rows themselves are those of the other folds.
        """
        columns = _run(self.graph(), self.tensors(rows))
        at = [self._positions.get(id(row), -1) for row in rows] if self.codes else []
        own = np.flatnonzero(np.array(at, int) >= 0)
        if len(own):
            start = self.columns - sum(codes.columns for codes in self.codes.values())
            trained = np.array(at, int)[own]
            found = [codes.rows[trained] for codes in self.codes.values()]
            columns[own, start:] = np.concatenate(found, axis=1)
        return columns

    def graph(self) -> onnx.ModelProto:
        """Return the graph from the inputs to ``x``."""
        graph, parts = Graph(), []
        if self.numbers or self.dates:
            plain = self._numbers(graph)
            varying = graph.add("Gather", plain, graph.integers(*self._varying), axis=1)
            centred = graph.add(
                "Sub", varying, graph.constant("mean", self._mean[None])
            )
            parts.append(
                graph.add("Div", centred, graph.constant("scale", self._scale[None]))
            )
        parts += [self._one_hot(graph, i) for i in range(len(self.categories))]
        parts += [
            word_features.part(graph, "texts", i, grams)
            for i, grams in enumerate(self.vocabularies.values())
            if grams
        ]
        parts += [codes.part(graph, "words", i) for i, codes in self.codes.items()]
        graph.add("Concat", *parts, name="x", axis=1)
        return graph.model(
            "preprocessing", self._shapes(), {"x": (FLOAT, ["n", self.columns])}
        )

    def identity(self) -> dict[str, Any]:
        """Return what tells one table's columns from another's."""
        return {
            "numbers": [field.name for field in self.numbers],
            "categories": {name: list(w) for name, w in self.known_categories.items()},
        }

    @property
    def columns(self) -> int:
        """The number of columns of ``x``."""
        words = sum(map(len, self.known_categories.values()))
        grams = sum(map(len, self.vocabularies.values()))
        codes = sum(item.columns for item in self.codes.values())
        return len(self._varying) + words + grams + codes

    @property
    def rows(self) -> int:
        """The number of training rows."""
        return len(self._train)

    @property
    def category_blocks(self) -> tuple[Block, ...]:
        """The one-hot columns of each category."""
        counts = [len(words) for words in self.known_categories.values()]
        starts = np.cumsum([len(self._varying), *counts]).tolist()
        return tuple(
            Block(self.categories[at].name, start, count, coded=at in self.codes)
            for at, (start, count) in enumerate(zip(starts, counts, strict=False))
        )

    @property
    def column_fields(self) -> list[tuple[str, ...]]:
        """The fields that each column of ``x`` is computed from, for explanations.

        The present day of ages is no field of a player and is left out.
        """
        numbers = [(field.name,) for field in self.numbers]
        dates = [(field.name,) for field in self.dates]
        amounts = [*numbers, *numbers, *(numbers[at] for at in self._missing)]
        days = [*(3 * dates), *(date for date in dates for _ in range(7)), *(2 * dates)]
        series = tuple(self.numbers[at].name for at in self._series)
        between = [series] * (self._width - len(amounts) - len(days))
        plain = [*amounts, *between, *days]
        names = [field.name for field in self.categories]
        return [
            *(plain[at] for at in self._varying),
            *((name,) for name in names for _ in self.known_categories[name]),
            *((name,) for name, grams in self.vocabularies.items() for _ in grams),
            *((names[at],) for at, codes in self.codes.items()
              for _ in range(codes.columns)),
        ]  # fmt: skip

    def _shapes(self) -> dict[str, tuple[int, list[str | int]]]:
        shapes: dict[str, tuple[int, list[str | int]]] = {}
        kinds = {"FP32": FLOAT, "BYTES": STRING}
        for item in self.inputs:
            shapes[item.name] = (kinds[item.datatype], ["n", item.shape[1]])
        return shapes

    def _plain(self) -> onnx.ModelProto:
        """Return the numbers' graph, constant columns included."""
        graph = Graph()
        graph.add("Identity", self._numbers(graph), name="plain")
        shapes = {"numbers": self._shapes()["numbers"]}
        return graph.model("plain", shapes, {"plain": (FLOAT, ["n", "columns"])})

    def _numbers(self, graph: Graph) -> str:
        """Add the features of numbers and dates; return the name of [n, features]."""
        if not self.dates:
            return graph.add("Concat", *self._amounts(graph, "numbers"), axis=1)
        count = len(self.numbers)
        columns = [*range(count, count + len(self.dates))]
        days = graph.add("Gather", "numbers", graph.integers(*columns), axis=1)
        now = graph.add(
            "Gather", "numbers", graph.integers(count + len(self.dates)), axis=1
        )
        parts = date_features.parts(graph, days, now, self._ages)
        if self.numbers:
            which = graph.integers(*range(count))
            amounts = graph.add("Gather", "numbers", which, axis=1)
            parts = [*self._amounts(graph, amounts), *parts]
        return graph.add("Concat", *parts, axis=1)

    def _amounts(self, graph: Graph, numbers: str) -> list[str]:
        missing = graph.add("IsNaN", numbers)
        median = graph.constant("median", self._median[None])
        imputed = graph.add("Where", missing, median, numbers)
        largest = graph.constant("largest", np.float32(_LARGEST))
        smallest = graph.constant("smallest", np.float32(-_LARGEST))
        filled = graph.add("Clip", imputed, smallest, largest)
        sign = graph.add("Sign", filled)
        one = graph.constant("one", np.float32(1))
        log = graph.add("Log", graph.add("Add", graph.add("Abs", filled), one))
        logs = graph.add("Mul", sign, log)
        parts = [logs, sign]
        if self._missing:
            flags = graph.add("Cast", missing, to=FLOAT)
            parts.append(
                graph.add("Gather", flags, graph.integers(*self._missing), axis=1)
            )
        if self._series:
            parts += time_series_features.parts(graph, filled, logs, self._series)
        return parts

    def _one_hot(self, graph: Graph, index: int) -> str:
        known = self.known_categories[self.categories[index].name]
        column = graph.add("Gather", "words", graph.integers(index), axis=1)
        row = graph.add(
            "LabelEncoder", column, domain="ai.onnx.ml", keys_strings=known,
            values_int64s=list(range(len(known))), default_int64=len(known),
        )  # fmt: skip
        # the last row, of unknown categories, is zero
        table = np.eye(len(known) + 1, len(known), dtype=np.float32)
        encoded = graph.add("Gather", graph.constant(f"words{len(known)}", table), row)
        return graph.add("Reshape", encoded, graph.integers(-1, len(known)))


def now_name(names: Sequence[str]) -> str:
    """Return the name of the field for the present day, which no column has."""
    name = NOW
    while name in names:
        name += "_"
    return name


def _now(name: str) -> Field:
    return Field(name, "date", default=NOW, reading=Reading(date="iso"))


def _observed(
    rows: Sequence[Mapping[str, Any]], name: str
) -> tuple[float, float] | None:
    """Return the range of a column, None without numbers.

    It is rounded outwards to three digits: the extremes are single players' values.
    """
    present = [float(row[name]) for row in rows if row.get(name) is not None]
    if not present:
        return None
    return rounded(min(present), up=False), rounded(max(present), up=True)


def _median(column: Array) -> np.float32:
    present = column[~np.isnan(column)]
    return np.float32(np.median(present) if len(present) else 0)


def _frequent(values: Array) -> list[str]:
    unique, counts = np.unique(values.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MAX_CATEGORIES]
    frequent = [str(unique[i]) for i in order if counts[i] >= MIN_ROWS]
    return sorted(frequent or [""])  # a word of fewer rows might name a player


def _run(model: onnx.ModelProto, tensors: Mapping[str, Array]) -> Array:
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        (output,) = Session(Path(file.name)).run(tensors).values()
    return np.asarray(output, np.float32)


def answers(model: onnx.ModelProto, preprocessor: Preprocessor, rows: Split) -> Array:
    """Return the probabilities [rows, labels] of a family's graph."""
    return _run(model, {"x": preprocessor.encode(rows.inputs)})


def set_fields(part: onnx.ModelProto, fields: Sequence[Sequence[str]]) -> None:
    """Name the fields of the columns that a family's graph adds to ``x``."""
    onnx.helper.set_model_props(part, {FIELDS: json.dumps(fields, ensure_ascii=False)})


def write(preprocessor: Preprocessor, model: onnx.ModelProto, path: Path) -> None:
    """Write the preprocessing and a family's graph as one graph."""
    whole = chain(preprocessor.graph(), model)
    added = {item.key: item.value for item in model.metadata_props}.get(FIELDS, "[]")
    set_fields(whole, [*preprocessor.column_fields, *json.loads(added)])
    onnx.save(whole, path)
