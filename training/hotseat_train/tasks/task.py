"""What a game question brings: its data, its model, and how they meet."""

from pathlib import Path
from typing import Any, Protocol

import torch

from hotseat_registry import Signature
from hotseat_train.dataset import Dataset, Split
from hotseat_train.fit import Plan, Rows


class Learner(Protocol):
    """A model on its way: it encodes inputs, is fitted, and writes its graph."""

    module: torch.nn.Module
    """Its arguments are what `Rows.take` returns; it answers logits [rows, labels]."""

    def encode(self, inputs: tuple[Any, ...]) -> Rows:
        """Turn inputs into what the module takes."""

    def export(self, path: Path) -> None:
        """Write the graph, with everything that `encode` does inside it."""


class Task(Protocol):
    """One game question."""

    name: str
    kind: str
    intended_use: str
    limits: str

    def dataset(self) -> Dataset:
        """Read and split the data; raises `DatasetError`."""

    def learner(self, train: Split, seed: int) -> Learner:
        """Return a fresh model; what it learns from `train` is its vocabulary."""

    def signature(self, dataset: Dataset) -> Signature:
        """Say what the graph eats and answers."""

    def plan(self, optimizer: str) -> Plan:
        """Return the settings that suit this task."""
