"""LightGBM's own splits of categories, as splits of numbers that ONNX has.

A split of categories sends a set of values left (Fisher 1958, as in LightGBM). ONNX's
trees compare one number with a threshold; a converter therefore makes a chain of
comparisons, with a copy of the subtree for each value. Here each set becomes a column
instead: -1 where the value is in the set, else 0. The columns are a product of the
one-hot columns and a matrix of 0 and -1, exact in any float, and the trees keep their
form. An unknown value is in no set and goes right, as in LightGBM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import onnx

from hotseat_train.onnx_graph.builder import FLOAT, Graph

Array = np.ndarray[Any, Any]
HOW = ("auto", "sets", "columns")
"""How trees split categories: by sets of values, or by one value at a time."""
MIN_ROWS = 2_000
OUTPUT = "with_sets"
"""The output of the graph that adds the sets' columns to ``x``."""
_CELLS = 20_000_000
"""Columns times rows that are in memory at a time."""
_CATEGORICAL = 1
"""The bit of ``decision_type`` in LightGBM's text of a model."""
_WORD = 32
_HALF = -0.5
"""The threshold between -1 (in the set) and 0."""


@dataclass(frozen=True, slots=True)
class Block:
    """The one-hot columns of one category among the columns of ``x``."""

    name: str
    """The category's field."""
    start: int
    count: int
    coded: bool = False
    """Whether its values have codes of their labels, too."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where categories' one-hot columns are among the `columns` of ``x``, in order.

    The trees see the other columns first, then one column of codes for each block.
    """

    columns: int
    blocks: tuple[Block, ...]

    @property
    def others(self) -> list[int]:
        """The columns of ``x`` that are no category's."""
        taken = {at for b in self.blocks for at in range(b.start, b.start + b.count)}
        return [at for at in range(self.columns) if at not in taken]

    @property
    def categories(self) -> list[int]:
        """The columns of codes, as LightGBM numbers them."""
        first = len(self.others)
        return list(range(first, first + len(self.blocks)))

    def codes(self, x: Array) -> Array:
        """Return the trees' columns [rows, others + blocks]; NaN: an unknown value."""
        parts = [x[:, self.others]]
        for block in self.blocks:
            one_hot = x[:, block.start : block.start + block.count]
            codes = np.where(one_hot.any(1), one_hot.argmax(1), np.nan)
            parts.append(codes[:, None].astype(np.float32))
        return np.concatenate(parts, axis=1)


def layout(columns: int, blocks: Sequence[Block], rows: int, how: str) -> Layout | None:
    """Return where categories are that are split by sets; None: none is.

    `how` is one of `HOW`; "auto" is sets from `MIN_ROWS` training `rows` on, because
    fewer rows overfit them. Codes already order the values of the largest categories.
    """
    chosen = tuple(block for block in blocks if not block.coded)
    if how == "columns" or (how == "auto" and rows < MIN_ROWS) or not chosen:
        return None
    return Layout(columns, chosen)


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets of values that the trees split by, as a matrix."""

    matrix: Array
    """[columns of ``x`` from `first`, sets]: -1 where a column's value is in a set."""
    first: int
    """The column of ``x`` that the first row of the matrix is for."""
    fields: tuple[str, ...]
    """The category of each set."""

    @property
    def count(self) -> int:
        """The number of sets."""
        return len(self.fields)

    def columns(self, x: Array) -> Array:
        """Return ``x`` with a column for each set after its own."""
        one_hot = x[:, self.first : self.first + len(self.matrix)]
        return np.concatenate([x, one_hot @ self.matrix], axis=1)

    def predict(self, booster: lightgbm.Booster, x: Array) -> Array:
        """Return the trees' answers to ``x``, in parts: sets may be many."""
        size = max(1, _CELLS // (x.shape[1] + self.count))
        return np.concatenate(
            [
                np.asarray(booster.predict(self.columns(x[start : start + size])))
                for start in range(0, max(1, len(x)), size)
            ]
        )

    def part(self, columns: int) -> onnx.ModelProto:
        """Return the graph from ``x`` to ``with_sets``: what `columns` returns."""
        graph, parts = Graph(), ["x"]
        if self.count:
            end = self.first + len(self.matrix)
            one_hot = graph.add(
                "Slice", "x", graph.integers(self.first), graph.integers(end),
                graph.integers(1),
            )  # fmt: skip
            parts.append(
                graph.add("MatMul", one_hot, graph.constant("sets", self.matrix))
            )
        graph.add("Concat", *parts, name=OUTPUT, axis=1)
        return graph.model(
            "sets",
            {"x": (FLOAT, ["n", columns])},
            {OUTPUT: (FLOAT, ["n", columns + self.count])},
        )


def as_numbers(
    booster: lightgbm.Booster, layout: Layout
) -> tuple[lightgbm.Booster, Sets]:
    """Return the trees with splits of numbers alone, and the sets they split by.

    The trees returned read the columns of `Sets.columns`, and answer what `booster`
    answers to those of `Layout.codes`.
    """
    numbered: dict[tuple[int, frozenset[int]], int] = {}
    blocks = booster.model_to_string().split("\nTree=")
    ends = blocks[-1].split("\nend of trees", 1)
    trees = [_tree(text, layout, numbered) for text in [*blocks[1:-1], ends[0]]]
    width = layout.columns + len(numbered)
    head = _header(blocks[0], width, [len(f"Tree={tree}") for tree in trees])
    text = head + "".join(f"\nTree={tree}" for tree in trees)
    first = layout.blocks[0].start
    last = layout.blocks[-1]
    count = last.start + last.count - first
    matrix = np.zeros((count, len(numbered)), np.float32)
    for (at, values), number in numbered.items():
        start = layout.blocks[at].start - first
        matrix[[start + value for value in values], number] = -1
    return (
        lightgbm.Booster(model_str=f"{text}\nend of trees{ends[1]}"),
        Sets(matrix, first, tuple(layout.blocks[at].name for at, _ in numbered)),
    )


def _tree(
    text: str, layout: Layout, numbered: dict[tuple[int, frozenset[int]], int]
) -> str:
    """Return a tree's text with splits of numbers; new sets are numbered."""
    number, *lines = text.split("\n")
    stored = dict(line.split("=", 1) for line in lines if "=" in line)
    others, first = layout.others, len(layout.others)
    features, thresholds, decisions = (
        stored.get(name, "").split()
        for name in ("split_feature", "threshold", "decision_type")
    )
    for at, decision in enumerate(decisions):
        feature = int(features[at])
        if not int(decision) & _CATEGORICAL:
            features[at] = str(others[feature])
            continue
        key = (feature - first, _values(stored, int(thresholds[at])))
        place = numbered.setdefault(key, len(numbered))
        features[at] = str(layout.columns + place)
        thresholds[at], decisions[at] = str(_HALF), "0"
    changed = {
        "num_cat": "0",
        "split_feature": " ".join(features),
        "threshold": " ".join(thresholds),
        "decision_type": " ".join(decisions),
    }
    return "\n".join([number, *_replaced(lines, changed)])


def _values(stored: Mapping[str, str], at: int) -> frozenset[int]:
    """Return the values of a set: LightGBM keeps them as bits of 32-bit words."""
    bounds = list(map(int, stored["cat_boundaries"].split()))
    words = list(map(int, stored["cat_threshold"].split()))[bounds[at] : bounds[at + 1]]
    return frozenset(
        _WORD * word + bit
        for word, bits in enumerate(words)
        for bit in range(_WORD)
        if bits >> bit & 1
    )


def _header(text: str, width: int, sizes: Sequence[int]) -> str:
    changed = {
        "max_feature_idx": str(width - 1),
        "feature_names": " ".join(f"Column_{at}" for at in range(width)),
        "feature_infos": " ".join(["[-1e308:1e308]"] * width),
        "tree_sizes": " ".join(str(size + 1) for size in sizes),
    }
    return "\n".join(_replaced(text.split("\n"), changed))


def _replaced(lines: Sequence[str], changed: Mapping[str, str]) -> list[str]:
    """Return the lines ``name=value`` with other values, without those of sets."""
    found = []
    for line in lines:
        name = line.partition("=")[0]
        if name not in {"cat_boundaries", "cat_threshold"}:
            found.append(f"{name}={changed[name]}" if name in changed else line)
    return found
