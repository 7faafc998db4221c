"""A network for tables, trained by gradient descent."""

import json
from typing import Any

import onnx
import torch

from hotseat_train.data.dataset import Split
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
    ) -> None:
        self.preprocessor, self.family = preprocessor, "mlp" if hidden else "logistic"
        self._settings = {"hidden": hidden, "dropout": dropout}
        self._labels, self._seed = labels, seed
        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        width = preprocessor.columns
        if hidden:
            layers = [torch.nn.Linear(width, hidden), torch.nn.ReLU(),
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
        hidden, dropout = self._settings["hidden"], self._settings["dropout"]
        if hidden < 2:
            return None
        return NetworkLearner(
            self.preprocessor, self._labels, self._seed, int(hidden) // 2, dropout
        )

    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train by gradient descent; see `Learner.fit`."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # more threads are slower on matrices this small
        columns = json.dumps(self.preprocessor.identity(), sort_keys=True)
        identity = f"{self._settings} {columns} "
        try:
            return fit_learner(
                self, train, validation, plan, identity=identity, **options
            )
        finally:
            torch.set_num_threads(threads)

    def part(self) -> onnx.ModelProto:
        """Return the family's own graph."""
        network = torch.nn.Sequential(*self.module, torch.nn.Softmax(1))
        return to_onnx(
            network, {"x": torch.zeros(2, self.preprocessor.columns)}, ["scores"]
        )
