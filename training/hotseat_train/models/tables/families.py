"""Families of models for tables: linear models, networks, trees, SVMs and ensembles.

Each is trained on the columns of a `Preprocessor` and has a graph with the input ``x``
[rows, columns] and the output ``scores`` [rows, labels].
"""

from collections.abc import Mapping
from typing import Any

import onnx
import torch

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.converted import SvmLearner, TreesLearner
from hotseat_train.models.tables.ensemble import Member, SoftVotingEnsemble
from hotseat_train.models.tables.preprocessing import Array, Preprocessor
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.optim.loop import Plan, State
from hotseat_train.optim.supervised import fit_learner

Settings = Mapping[str, Any]
USUAL: Mapping[str, Settings] = {
    "logistic": {},
    "mlp": {"hidden": 64, "dropout": 0.2},
    "trees": {
        "n_estimators": 600, "learning_rate": 0.03, "num_leaves": 15,
        "min_child_samples": 20, "subsample": 0.8, "colsample_bytree": 0.5,
        "reg_lambda": 5.0,
    },
    "svm-linear": {"C": 0.1},
    "svm": {"C": 1.0, "gamma": "scale"},
    "blend": {"members": ("trees", "mlp", "svm-linear")},
}  # fmt: skip
"""The usual settings of each family; a search replaces them."""
FAMILIES = tuple(USUAL)
_ALONE = tuple(name for name in FAMILIES if name != "blend")


def learner(
    family: str,
    preprocessor: Preprocessor,
    labels: int,
    seed: int,
    settings: Settings | None = None,
) -> Member:
    """Return an untrained model of a family; `settings` override the usual ones.

    Raises `DatasetError` for a setting that the family does not have, and for members
    of an ensemble that are not families.
    """
    chosen = {**USUAL[family], **(settings or {})}
    if unknown := set(chosen) - set(USUAL[family]):
        raise DatasetError(f"{family} has no setting {min(unknown)!r}")
    if family in {"logistic", "mlp"}:
        return NetworkLearner(preprocessor, labels, seed, **chosen)
    if family == "trees":
        return TreesLearner(preprocessor, labels, seed, chosen)
    if family == "blend":
        names = chosen["members"]
        if not names or not set(names) <= set(_ALONE):
            raise DatasetError(f"the members of a blend are of {', '.join(_ALONE)}")
        return SoftVotingEnsemble(
            preprocessor, [learner(n, preprocessor, labels, seed) for n in names]
        )
    return SvmLearner(preprocessor, labels, seed, family, chosen)


def plan(optimizer: str) -> Plan:
    """Return the training plan of the networks; chosen by hand."""
    return {
        "gd": Plan("gd", learning_rate=0.5, max_epochs=300),
        "sgd": Plan("sgd", learning_rate=0.1, batch_size=128),
        "momentum": Plan("momentum", 0.02, momentum=0.9, batch_size=128),
        "adam": Plan("adam", learning_rate=0.002, batch_size=128),
    }[optimizer]


class TableRows:
    """Preprocessed rows, from which batches are taken."""

    def __init__(self, array: Array) -> None:
        self._tensor = torch.from_numpy(array)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._tensor)

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return these rows."""
        return (self._tensor[rows],)


class NetworkLearner(Member):
    """Logistic regression, or a network with one layer of `hidden` units."""

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
