"""Weights for character n-grams: the smallest text model that is any good.

A text becomes its characters, and all runs of one, two and three of them. Each run
has a row in a hashed table (Weinberger et al. 2009), weighted by how rare it is
(TF-IDF); a text's logits are the weighted sum of its rows, over the weights' length.
That is multinomial logistic regression, so the loss is convex.

The graph holds all of it: characters, folding of case and width, hashing, weights.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from hotseat_registry import Input, Output, Signature
from hotseat_train.data.dataset import Split
from hotseat_train.onnx_graph.builder import FLOAT, STRING, Graph
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit_learner

Array = np.ndarray[Any, Any]

LENGTHS = 3
BUCKETS = 1 << 17
_UNKNOWN, _FIRST = 1, 2  # 0 pads
_FACTOR, _PRIME = 31_337, 2_147_483_647
_SEEN = 2  # an n-gram of one text alone teaches nothing about another


class NgramRows:
    """Texts as runs of table rows and their weights, one after the other."""

    def __init__(self, grams: list[Array], weights: Array) -> None:
        self._starts = np.cumsum([0, *map(len, grams)])
        self._ids = np.concatenate(grams)
        weight = weights[self._ids]
        square = np.add.reduceat(weight * weight, self._starts[:-1])
        norm = np.sqrt(np.maximum(square, 1e-12))
        self._weights = weight / np.repeat(norm, np.diff(self._starts))

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._starts) - 1

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return ids [n], offsets [rows] and weights [n]."""
        starts, sizes = self._starts[rows], np.diff(self._starts)[rows]
        offsets = np.cumsum(sizes) - sizes
        at = np.repeat(starts - offsets, sizes) + np.arange(sizes.sum())
        return (
            torch.from_numpy(self._ids[at]),
            torch.from_numpy(offsets),
            torch.from_numpy(self._weights[at]),
        )


class NgramModule(torch.nn.Module):
    """Logits [rows, labels] from ids, offsets and weights."""

    def __init__(self, rows: int, labels: int) -> None:
        super().__init__()
        self.table = torch.nn.EmbeddingBag(rows, labels, mode="sum")
        self.bias = torch.nn.Parameter(torch.zeros(labels))

    def forward(
        self, ids: torch.Tensor, offsets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Sum the table's rows of each text."""
        found: torch.Tensor = self.table(ids, offsets, per_sample_weights=weights)
        return found + self.bias


def signature(labels: tuple[str, ...], max_bytes: int) -> Signature:
    """Return what the graph eats and answers: a text, a probability for each label."""
    return Signature(
        inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=max_bytes),),
        outputs=(Output("scores", "FP32", (-1, len(labels))),),
        labels=labels,
        max_rows=256,
    )


def plan(optimizer: str) -> Plan:
    """Return what was found by hand to converge on n-grams."""
    return {
        "gd": Plan("gd", learning_rate=3.0, max_epochs=300),
        "sgd": Plan("sgd", learning_rate=5.0, batch_size=128),
        "momentum": Plan("momentum", learning_rate=2.0, momentum=0.9, batch_size=128),
        "adam": Plan("adam", learning_rate=0.005, batch_size=128),
    }[optimizer]


class NgramLearner:
    """Character n-grams of some texts, and the module that weighs them."""

    family = "logistic"

    def __init__(self, texts: tuple[str, ...], labels: int, seed: int) -> None:
        counts = Counter(c for text in texts for c in set(map(fold, text)))
        common = sorted(c for c, n in counts.items() if n >= _SEEN)
        self._characters = {c: _FIRST + i for i, c in enumerate(common)}
        self._size = _FIRST + len(common)
        self._weights = self._rarity([self.grams(text) for text in texts])
        torch.manual_seed(seed)
        self.module = NgramModule(self._size + BUCKETS, labels)
        torch.nn.init.normal_(self.module.table.weight, std=0.01)

    def grams(self, text: str) -> Array:
        """Return the table rows of every run of one to three characters."""
        get = self._characters.get
        ids = np.array([get(fold(c), _UNKNOWN) for c in text], np.int64)
        found, runs = [ids], ids
        for length in range(1, LENGTHS):
            runs = (runs[:-1] * _FACTOR + ids[length:]) % _PRIME
            found.append(runs % BUCKETS + self._size)
        return np.concatenate(found)

    def encode(self, inputs: tuple[str, ...]) -> NgramRows:
        """Return the texts' n-grams."""
        return NgramRows([self.grams(text) for text in inputs], self._weights)

    def fit(self, train: Split, validation: Split, plan: Plan, **watch: Any) -> State:
        """Descend on the weights of the n-grams; see `Learner.fit`."""
        return fit_learner(self, train, validation, plan, **watch)

    def export(self, path: Path) -> None:
        """Write the graph: ``text`` strings [rows] to ``scores`` [rows, labels]."""
        onnx.save(self._graph(), path)

    def _rarity(self, grams: list[Array]) -> Array:
        """Return the inverse document frequency of each row, 0 where it is unseen."""
        seen = np.zeros(self._size + BUCKETS, np.int64)
        for ids in grams:
            seen[np.unique(ids)] += 1
        rarity = np.log((1 + len(grams)) / (1 + seen)) + 1
        return np.where(seen >= _SEEN, rarity, 0).astype(np.float32)

    def _graph(self) -> onnx.ModelProto:
        """Return the graph, built node by node.

        Training takes texts of any length one after the other (`NgramModule`), the
        graph a batch padded to its longest: `forward()` is not what it computes.
        """
        graph, columns = Graph(), "columns"
        table = self.module.table.weight.detach().numpy()
        weights = self._weights[:, None]
        graph.constant(columns, np.array([1]))
        keys, values = zip(*sorted(self._folded().items()), strict=True)
        characters = graph.add(
            "Tokenizer", "text", name="characters", domain="com.microsoft",
            mark=0, pad_value="\0", separators=[""], mincharnum=1,
        )  # fmt: skip
        ids = graph.add(
            "LabelEncoder", characters, domain="ai.onnx.ml",
            keys_strings=keys, values_int64s=values, default_int64=_UNKNOWN,
        )  # fmt: skip
        grams = graph.add("Concat", ids, *self._hashed(graph, ids), axis=1)
        rows = graph.add("Gather", graph.constant("table", table * weights), grams)
        squares = graph.constant("squares", weights * weights)
        squares = graph.add("Gather", squares, grams)
        total = graph.add("ReduceSum", rows, columns, keepdims=0)
        square = graph.add("ReduceSum", squares, columns, keepdims=0)
        tiny = graph.constant("tiny", np.float32(1e-12))
        norm = graph.add("Sqrt", graph.add("Max", square, tiny))
        bias = graph.constant("bias", self.module.bias.detach().numpy())
        logits = graph.add("Add", graph.add("Div", total, norm), bias)
        graph.add("Softmax", logits, name="scores", axis=1)
        return graph.model(
            "ngrams",
            {"text": (STRING, ["n"])},
            {"scores": (FLOAT, ["n", table.shape[1]])},
            inner={characters: (STRING, ["n", "length"])},
        )

    def _hashed(self, graph: Graph, ids: str) -> Iterator[str]:
        """Add the rows of the runs of two and more characters, longer each time."""
        first, end = graph.integers(0), graph.integers(np.iinfo(np.int64).max)
        run, none = ids, graph.integer(0)
        for length in range(1, LENGTHS):
            # a run ends `length` characters later; where that is padding there is none
            run = graph.add("Slice", run, first, graph.integers(-1), "columns")
            last = graph.add("Slice", ids, graph.integers(length), end, "columns")
            run = graph.add("Mul", run, graph.integer(_FACTOR))
            run = graph.add("Mod", graph.add("Add", run, last), graph.integer(_PRIME))
            row = graph.add("Mod", run, graph.integer(BUCKETS))
            row = graph.add("Add", row, graph.integer(self._size))
            yield graph.add("Where", graph.add("Greater", last, none), row, none)

    def _folded(self) -> dict[str, int]:
        """Return every character that folds to a known one, with that one's id."""
        planes = (range(1, 0xD800), range(0xE000, 0x20000))  # between: surrogates
        every = map(chr, chain.from_iterable(planes))
        folded = {c: self._characters.get(fold(c)) for c in every}
        known = {c: i for c, i in folded.items() if i is not None}
        return {**self._characters, **known, "\0": 0}


def fold(character: str) -> str:
    """Return the character in lower case and half width, where that is one."""
    folded = unicodedata.normalize("NFKC", character).casefold()
    return folded if len(folded) == 1 else character
