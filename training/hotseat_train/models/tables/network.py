"""A network for tables, trained by gradient descent.

The first layer's weights for a category's one-hot columns are an embedding: `hidden`
numbers for each value. The setting ``embedded`` gives the larger categories a narrower
one of their own (Guo and Berkhahn 2016), a product with the one-hot columns; on three
public tables it was 0.4 to 2 % worse in log loss, so that it is left to the search.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import onnx
import torch

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.category_splits import Block
from hotseat_train.models.tables.ensemble import Member
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.optim.gradient_learner import (
    GradientLearner,
    HiddenUnits,
    between_layers,
)
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit_learner
from hotseat_train.optim.threads import one_thread

_LARGEST = 24
"""Numbers of an embedding at most."""


class TableRows:
    """Preprocessed rows, the source of batches."""

    def __init__(self, array: Array) -> None:
        self._tensor = torch.from_numpy(array)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._tensor)

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return these rows."""
        return (self._tensor[rows],)


class Embeddings(torch.nn.Module):
    """Replaces the one-hot columns of some categories by their embeddings."""

    def __init__(self, columns: int, blocks: Sequence[Block]) -> None:
        """`blocks` are in the order of the `columns`."""
        super().__init__()
        self._spans: list[tuple[int, int, bool]] = []
        tables, start, self.width = [], 0, 0
        for block in blocks:
            self._keep(start, block.start)
            start, size = block.start + block.count, _size(block.count)
            self._spans.append((block.start, start, True))
            tables.append(torch.nn.Linear(block.count, size, bias=False))
            self.width += size
        self._keep(start, columns)
        self.tables = torch.nn.ModuleList(tables)

    def _keep(self, start: int, end: int) -> None:
        if start < end:
            self._spans.append((start, end, False))
            self.width += end - start

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the columns [rows, width]."""
        tables, parts = iter(self.tables), []
        for start, end, embedded in self._spans:
            part = x[:, start:end]
            parts.append(next(tables)(part) if embedded else part)
        return torch.cat(parts, dim=1)


def _size(values: int) -> int:
    """Return the numbers of an embedding of so many values: a rule of thumb."""
    return min(_LARGEST, round(1.6 * math.pow(values, 0.56)))


class NetworkLearner(Member, GradientLearner):
    """A network with one layer of `hidden` units; 0: a linear model."""

    module: torch.nn.Sequential

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: int,
        seed: int,
        hidden: int = 0,
        dropout: float = 0,
        embedded: int = 0,
    ) -> None:
        """`embedded` is the least number of values of an embedding; 0: none has one."""
        self.preprocessor, self.family = preprocessor, "mlp" if hidden else "logistic"
        self._settings = {"hidden": hidden, "dropout": dropout, "embedded": embedded}
        self._labels, self._seed = labels, seed
        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        width = preprocessor.columns
        blocks = [b for b in preprocessor.category_blocks if b.count >= embedded > 0]
        if blocks:
            embeddings = Embeddings(width, blocks)
            layers, width = [embeddings], embeddings.width
        if hidden:
            layers += [torch.nn.Linear(width, hidden), torch.nn.ReLU(),
                      torch.nn.Dropout(dropout)]  # fmt: skip
            width = hidden
        self.module = torch.nn.Sequential(*layers, torch.nn.Linear(width, labels))

    def encode(self, inputs: tuple[Any, ...]) -> TableRows:
        """Return the preprocessed rows."""
        return TableRows(self.preprocessor.encode(inputs))

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the module's own probabilities [rows, labels]."""
        return GradientLearner.probabilities(self, inputs)

    def hidden_units(self) -> list[HiddenUnits]:
        """Return the units between the layers; a linear model has none."""
        return between_layers(self.module)

    def student(self) -> "NetworkLearner | None":
        """Return an untrained network of half the hidden units."""
        hidden = int(self._settings["hidden"])
        if hidden < 2:
            return None
        return NetworkLearner(
            self.preprocessor, self._labels, self._seed, hidden // 2,
            self._settings["dropout"], int(self._settings["embedded"]),
        )  # fmt: skip

    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train by gradient descent; see `Learner.fit`."""
        columns = json.dumps(self.preprocessor.identity(), sort_keys=True)
        identity = f"{self._settings} {columns} "
        with one_thread():
            return fit_learner(
                self, train, validation, plan, identity=identity, **options
            )

    def part(self) -> onnx.ModelProto:
        """Return the family's own graph."""
        network = torch.nn.Sequential(*self.module, torch.nn.Softmax(1))
        return to_onnx(
            network, {"x": torch.zeros(2, self.preprocessor.columns)}, ["scores"]
        )
