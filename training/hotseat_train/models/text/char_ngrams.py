"""Weights for character n-grams: the smallest text model that is any good.

A text becomes its characters, and all runs of one, two and three of them. Each run
has a row in a hashed table (Weinberger et al. 2009), weighted by how rare it is
(TF-IDF); a text's logits are the weighted sum of its rows, over the weights' length.
That is multinomial logistic regression, so the loss is convex.

The graph holds all of it: characters, folding of case and width, hashing, weights.
"""

import unicodedata
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import Input, Output, Signature
from hotseat_train.data.dataset import Split
from hotseat_train.optim.loop import Plan, State, descend

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
        return descend(self, train, validation, plan, **watch)

    def export(self, path: Path) -> None:
        """Write the graph: ``text`` strings [rows] to ``scores`` [rows, labels]."""
        model = self._graph()
        onnx.checker.check_model(model)
        onnx.save(model, path)

    def _rarity(self, grams: list[Array]) -> Array:
        """Return the inverse document frequency of each row, 0 where it is unseen."""
        seen = np.zeros(self._size + BUCKETS, np.int64)
        for ids in grams:
            seen[np.unique(ids)] += 1
        rarity = np.log((1 + len(grams)) / (1 + seen)) + 1
        return np.where(seen >= _SEEN, rarity, 0).astype(np.float32)

    def _graph(self) -> onnx.ModelProto:
        table = self.module.table.weight.detach().numpy()
        weights = self._weights[:, None]
        constants: dict[str, Array] = {
            "table": table * weights,
            "squares": weights * weights,
            "bias": self.module.bias.detach().numpy(),
            "factor": np.array(_FACTOR),
            "prime": np.array(_PRIME),
            "buckets": np.array(BUCKETS),
            "size": np.array(self._size),
            "pad": np.array(0),
            "columns": np.array([1]),
            "end": np.array([np.iinfo(np.int64).max]),
            "last": np.array([-1]),
            "tiny": np.array(1e-12, np.float32),
            **{f"from{n}": np.array([n]) for n in range(LENGTHS)},
        }
        node = helper.make_node
        keys, values = zip(*sorted(self._folded().items()), strict=True)
        nodes = [
            node(
                "Tokenizer",
                ["text"],
                ["characters"],
                domain="com.microsoft",
                mark=0,
                pad_value="\0",
                separators=[""],
                mincharnum=1,
            ),
            node(
                "LabelEncoder",
                ["characters"],
                ["runs0"],
                domain="ai.onnx.ml",
                keys_strings=keys,
                values_int64s=values,
                default_int64=_UNKNOWN,
            ),
        ]
        found = ["runs0"]
        for n in range(1, LENGTHS):
            # run n ends n characters later; where that is padding there is none
            nodes += [
                node("Slice", [f"runs{n - 1}", "from0", "last", "columns"], [f"a{n}"]),
                node("Slice", ["runs0", f"from{n}", "end", "columns"], [f"b{n}"]),
                node("Mul", [f"a{n}", "factor"], [f"c{n}"]),
                node("Add", [f"c{n}", f"b{n}"], [f"d{n}"]),
                node("Mod", [f"d{n}", "prime"], [f"runs{n}"]),
                node("Mod", [f"runs{n}", "buckets"], [f"e{n}"]),
                node("Add", [f"e{n}", "size"], [f"f{n}"]),
                node("Greater", [f"b{n}", "pad"], [f"there{n}"]),
                node("Where", [f"there{n}", f"f{n}", "pad"], [f"grams{n}"]),
            ]
            found.append(f"grams{n}")
        nodes += [
            node("Concat", found, ["grams"], axis=1),
            node("Gather", ["table", "grams"], ["rows"]),
            node("Gather", ["squares", "grams"], ["row_squares"]),
            node("ReduceSum", ["rows", "columns"], ["sum"], keepdims=0),
            node("ReduceSum", ["row_squares", "columns"], ["square"], keepdims=0),
            node("Max", ["square", "tiny"], ["positive"]),
            node("Sqrt", ["positive"], ["norm"]),
            node("Div", ["sum", "norm"], ["mean"]),
            node("Add", ["mean", "bias"], ["logits"]),
            node("Softmax", ["logits"], ["scores"], axis=1),
        ]
        labels = table.shape[1]
        graph = helper.make_graph(
            nodes,
            "ngrams",
            [helper.make_tensor_value_info("text", TensorProto.STRING, ["n"])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", labels])],
            [numpy_helper.from_array(a, name) for name, a in constants.items()],
            # onnx 1.23's shape inference crashes where it has to guess this one
            value_info=[
                helper.make_tensor_value_info(
                    "characters", TensorProto.STRING, ["n", "length"]
                )
            ],
        )
        return helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", 17),
                helper.make_opsetid("ai.onnx.ml", 2),
                helper.make_opsetid("com.microsoft", 1),
            ],
            ir_version=9,
        )

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
