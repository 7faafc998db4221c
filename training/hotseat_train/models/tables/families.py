"""Families of models for tables: linear models, networks, trees, SVMs and ensembles.

A family trains on the columns of a `Preprocessor`; its graph has the input ``x``
[rows, columns] and the output ``scores`` [rows, labels].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import onnx
import torch

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.converted import SvmLearner, TreesLearner
from hotseat_train.models.tables.ensemble import Member, SoftVotingEnsemble
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.optim.gradient_learner import (
    GradientLearner,
    HiddenUnits,
    between_layers,
)
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit_learner

Settings = Mapping[str, Any]
GROUP = "hotseat.families"
Make = Callable[[Preprocessor, int, int, Settings], Member]
"""Makes an untrained model from a preprocessor, labels, a seed and settings."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models; packages register it under ``hotseat.families``."""

    settings: Settings
    """The default settings; a search overrides them."""
    make: Make


def names() -> tuple[str, ...]:
    """Return the names of all installed families."""
    return tuple(dict.fromkeys(entry_points(group=GROUP).names))


def find(name: str) -> Family:
    """Return a family by its name; raises `DatasetError`."""
    entries = tuple(entry_points(group=GROUP, name=name))
    if not entries:
        raise DatasetError(f"no family {name!r}; there are {', '.join(names())}")
    if len({entry.value for entry in entries}) > 1:
        packages = sorted(
            entry.dist.name for entry in entries if entry.dist is not None
        )
        raise DatasetError(
            f"{' and '.join(packages)} both have a family {name!r}: remove one"
        )
    family: Family = entries[0].load()
    return family


def learner(
    family: str,
    preprocessor: Preprocessor,
    labels: int,
    seed: int,
    settings: Settings | None = None,
) -> Member:
    """Return an untrained model of a family; `settings` override the defaults.

    Raises `DatasetError` for an unknown setting, and for unknown members of an
    ensemble.
    """
    registered = find(family)
    if unknown := set(settings or {}) - set(registered.settings):
        raise DatasetError(f"{family} has no setting {min(unknown)!r}")
    chosen = {**registered.settings, **(settings or {})}
    return registered.make(preprocessor, labels, seed, chosen)


def plan(optimizer: str) -> Plan:
    """Return the training plan of the networks; chosen by hand."""
    return {
        "gd": Plan("gd", learning_rate=0.5, max_epochs=300),
        "sgd": Plan("sgd", learning_rate=0.1, batch_size=128),
        "momentum": Plan("momentum", 0.02, momentum=0.9, batch_size=128),
        "adam": Plan("adam", learning_rate=0.002, batch_size=128),
    }[optimizer]


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
    """Logistic regression, or a network with one layer of `hidden` units."""

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

    def hidden_units(self) -> list[HiddenUnits]:
        """Return the units between the layers; a linear model has none."""
        return between_layers(self.module)

    def fit(self, train: Split, validation: Split, plan: Plan, **options: Any) -> State:
        """Train by gradient descent; see `Learner.fit`."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # more threads are slower on matrices this small
        try:
            return fit_learner(self, train, validation, plan, **options)
        finally:
            torch.set_num_threads(threads)

    def part(self) -> onnx.ModelProto:
        """Return the family's own graph."""
        network = torch.nn.Sequential(*self.module, torch.nn.Softmax(1))
        return to_onnx(
            network, {"x": torch.zeros(2, self.preprocessor.columns)}, ["scores"]
        )


def _network(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    return NetworkLearner(preprocessor, labels, seed, **settings)


def _svm(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    family = "svm" if "gamma" in settings else "svm-linear"
    return SvmLearner(preprocessor, labels, seed, family, settings)


def _blend(
    preprocessor: Preprocessor, labels: int, seed: int, settings: Settings
) -> Member:
    members = settings["members"]
    alone = [name for name in names() if name != "blend"]
    if not members or not set(members) <= set(alone):
        raise DatasetError(f"the members of a blend are of {', '.join(alone)}")
    return SoftVotingEnsemble(
        preprocessor, [learner(name, preprocessor, labels, seed) for name in members]
    )


LOGISTIC = Family({}, _network)
MLP = Family({"hidden": 64, "dropout": 0.2}, _network)
TREES = Family(
    {
        "n_estimators": 600, "learning_rate": 0.03, "num_leaves": 15,
        "min_child_samples": 20, "subsample": 0.8, "colsample_bytree": 0.5,
        "reg_lambda": 5.0,
    },
    TreesLearner,
)  # fmt: skip
SVM_LINEAR = Family({"C": 0.1}, _svm)
SVM = Family({"C": 1.0, "gamma": "scale"}, _svm)
BLEND = Family({"members": ("trees", "mlp", "svm-linear")}, _blend)
