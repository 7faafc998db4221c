"""The base class of models that gradient descent trains."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from hotseat_train.data.dataset import Split
from hotseat_train.optim.loop import State
from hotseat_train.optim.plan import Plan
from hotseat_train.optim.supervised import Rows, answers

HiddenUnits = tuple[nn.Module, str, str]
"""A parent module, and the names of its linear layers before and after the units."""


class GradientLearner(ABC):
    """A learner of one torch module; pruning and distillation start from it."""

    family: str
    module: nn.Module

    @abstractmethod
    def encode(self, inputs: tuple[Any, ...]) -> Rows:
        """Return the inputs as the module takes them."""

    @abstractmethod
    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train the module; see `tasks.supervised.Learner`."""

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write the graph, preprocessing included."""

    def probabilities(self, inputs: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """Return the module's own probabilities [rows, labels]."""
        logits = answers(self.module, self.encode(inputs))
        return np.asarray(logits.softmax(1).numpy())

    def hidden_units(self) -> Sequence[HiddenUnits]:
        """Return the hidden units that pruning may remove; none by default."""
        return ()

    def student(self) -> "GradientLearner | None":
        """Return a smaller, untrained learner; None by default."""
        return None


def between_layers(module: nn.Sequential) -> list[HiddenUnits]:
    """Return the units between each linear layer of a sequence and the next one."""
    names = [n for n, m in module.named_children() if isinstance(m, nn.Linear)]
    return [(module, *pair) for pair in pairwise(names)]
