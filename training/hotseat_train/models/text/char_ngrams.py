"""Multinomial logistic regression on character n-grams: the smallest text model.

The features of a text are its characters and its n-grams of two and three. Each has a
row in a hashed table (Weinberger et al. 2009), weighted by TF-IDF; the logits of a text
are the weighted sum of its rows over the norm of the weights. The loss is convex.

The graph contains the tokenizer, folding of case and width, hashing and weights.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from hotseat_registry import Input, Output, Signature
from hotseat_train.data.dataset import Split
from hotseat_train.onnx_graph.builder import FLOAT, STRING, Graph
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit_learner

Array = np.ndarray[Any, Any]

LENGTHS = 3
BUCKETS = 1 << 17
_UNKNOWN, _FIRST = 1, 2  # 0 is padding
_FACTOR, _PRIME = 31_337, 2_147_483_647
_MIN_TEXTS = 2  # an n-gram of a single text does not generalise


class NgramRows:
    """Table rows and weights of all texts, concatenated."""

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
        """Return the weighted sum of each text's rows."""
        total: torch.Tensor = self.table(ids, offsets, per_sample_weights=weights)
        return total + self.bias


def signature(labels: tuple[str, ...], max_bytes: int) -> Signature:
    """Return the graph's signature: a text in, a probability for each label out."""
    return Signature(
        inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=max_bytes),),
        outputs=(Output("scores", "FP32", (-1, len(labels))),),
        labels=labels,
        max_rows=256,
    )


def plan(optimizer: str) -> Plan:
    """Return the default plan for n-grams; chosen by hand."""
    return {
        "gd": Plan("gd", learning_rate=3.0, max_epochs=300),
        "sgd": Plan("sgd", learning_rate=5.0, batch_size=128),
        "momentum": Plan("momentum", learning_rate=2.0, momentum=0.9, batch_size=128),
        "adam": Plan("adam", learning_rate=0.005, batch_size=128),
    }[optimizer]


class NgramLearner(GradientLearner):
    """The vocabulary of some texts and the module with its weights."""

    family = "logistic"
    module: NgramModule

    def __init__(self, texts: tuple[str, ...], labels: int, seed: int) -> None:
        counts = Counter(c for text in texts for c in set(map(fold, text)))
        self._know(sorted(c for c, n in counts.items() if n >= _MIN_TEXTS), BUCKETS)
        self._weights = self._inverse_frequency([self.grams(text) for text in texts])
        torch.manual_seed(seed)
        self.module = NgramModule(len(self._weights), labels)
        torch.nn.init.normal_(self.module.table.weight, std=0.01)

    def _know(self, characters: Sequence[str], buckets: int) -> None:
        """Set the folded characters, and the rows that longer n-grams share."""
        self._characters = {c: _FIRST + i for i, c in enumerate(characters)}
        self._size, self._buckets = _FIRST + len(characters), buckets

    def grams(self, text: str) -> Array:
        """Return the table rows of the n-grams of one to three characters."""
        get = self._characters.get
        ids = np.array([get(fold(c), _UNKNOWN) for c in text], np.int64)
        grams, hashed = [ids], ids
        for length in range(1, LENGTHS):
            hashed = (hashed[:-1] * _FACTOR + ids[length:]) % _PRIME
            grams.append(hashed % self._buckets + self._size)
        return np.concatenate(grams)

    def encode(self, inputs: tuple[str, ...]) -> NgramRows:
        """Return the texts' n-grams."""
        return NgramRows([self.grams(text) for text in inputs], self._weights)

    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train the weights of the n-grams; see `Learner.fit`."""
        return fit_learner(self, train, validation, plan, **options)

    def export(self, path: Path) -> None:
        """Write the graph: ``text`` strings [rows] to ``scores`` [rows, labels]."""
        onnx.save(self._graph(), path)

    def _inverse_frequency(self, grams: list[Array]) -> Array:
        """Return the inverse document frequency of each row; 0 for rare ones."""
        texts_with = np.zeros(self._size + self._buckets, np.int64)
        for ids in grams:
            texts_with[np.unique(ids)] += 1
        frequency = np.log((1 + len(grams)) / (1 + texts_with)) + 1
        return np.where(texts_with >= _MIN_TEXTS, frequency, 0).astype(np.float32)

    def _graph(self) -> onnx.ModelProto:
        """Return the graph, built node by node.

        `NgramModule` takes texts of any length without padding, and the graph pads a
        batch to its longest text; so the graph is not an export of the module.
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
        """Add the table rows of the n-grams of two and three characters."""
        first, end = graph.integers(0), graph.integers(np.iinfo(np.int64).max)
        hashed, none = ids, graph.integer(0)
        for length in range(1, LENGTHS):
            # an n-gram whose last character is padding does not exist
            hashed = graph.add("Slice", hashed, first, graph.integers(-1), "columns")
            last = graph.add("Slice", ids, graph.integers(length), end, "columns")
            hashed = graph.add("Mul", hashed, graph.integer(_FACTOR))
            hashed = graph.add("Add", hashed, last)
            hashed = graph.add("Mod", hashed, graph.integer(_PRIME))
            row = graph.add("Mod", hashed, graph.integer(self._buckets))
            row = graph.add("Add", row, graph.integer(self._size))
            yield graph.add("Where", graph.add("Greater", last, none), row, none)

    def _folded(self) -> dict[str, int]:
        """Return the id of every character with a known folded form."""
        planes = (range(1, 0xD800), range(0xE000, 0x20000))  # between: surrogates
        every = map(chr, chain.from_iterable(planes))
        folded = {c: self._characters.get(fold(c)) for c in every}
        known = {c: i for c, i in folded.items() if i is not None}
        return {**self._characters, **known, "\0": 0}


def fold(character: str) -> str:
    """Return the character in lower case and half width, unless these are several."""
    folded = unicodedata.normalize("NFKC", character).casefold()
    return folded if len(folded) == 1 else character
