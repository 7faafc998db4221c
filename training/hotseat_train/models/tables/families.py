"""Families of models for tables: linear, networks, trees, SVMs, and several as one.

Each learns from the columns that `tabular` makes, and writes a graph with input ``x``
[rows, columns] and output ``scores`` [rows, labels].
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import torch
from onnx import helper
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.ensemble import BlendLearner, Member, measure
from hotseat_train.models.tables.preprocessing import Array, Table
from hotseat_train.onnx_graph.builder import FLOAT, OPSETS, finished
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.optim.loop import Epoch, Plan, State
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
"""Of each family; what a search finds goes in their place."""
FAMILIES = tuple(USUAL)
_ALONE = tuple(name for name in FAMILIES if name != "blend")
_SVM_ROWS = 5_000
"""A kernel's time grows with the square of the rows."""
_STEP, _PATIENCE = 20, 100
"""Trees between two points of the curve; trees without a lower loss before it ends."""


def learner(
    family: str, table: Table, labels: int, seed: int, settings: Settings | None = None
) -> Member:
    """Return a fresh model of a family, with its usual settings where none are given.

    Raises `DatasetError` for a setting that the family does not have, and for members
    that are no families.
    """
    chosen = {**USUAL[family], **(settings or {})}
    if unknown := set(chosen) - set(USUAL[family]):
        raise DatasetError(f"{family} has no setting {min(unknown)!r}")
    if family in {"logistic", "mlp"}:
        return NetworkLearner(table, labels, seed, **chosen)
    if family == "trees":
        return TreesLearner(table, labels, seed, chosen)
    if family == "blend":
        names = chosen["members"]
        if not names or not set(names) <= set(_ALONE):
            raise DatasetError(f"the members of a blend are of {', '.join(_ALONE)}")
        return BlendLearner(table, [learner(n, table, labels, seed) for n in names])
    return MachineLearner(table, labels, seed, family, chosen)


def plan(optimizer: str) -> Plan:
    """Return how the families that descend do it; found by hand to converge."""
    return {
        "gd": Plan("gd", learning_rate=0.5, max_epochs=300),
        "sgd": Plan("sgd", learning_rate=0.1, batch_size=128),
        "momentum": Plan("momentum", 0.02, momentum=0.9, batch_size=128),
        "adam": Plan("adam", learning_rate=0.002, batch_size=128),
    }[optimizer]


class TableRows:
    """Encoded rows, from which batches are taken."""

    def __init__(self, array: Array) -> None:
        self._tensor = torch.from_numpy(array)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._tensor)

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return these rows."""
        return (self._tensor[rows],)


class NetworkLearner(Member):
    """Logistic regression, or with `hidden` units a network of one hidden layer."""

    def __init__(
        self, table: Table, labels: int, seed: int, hidden: int = 0, dropout: float = 0
    ) -> None:
        self.table, self.family = table, "mlp" if hidden else "logistic"
        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        width = table.columns
        if hidden:
            layers = [torch.nn.Linear(width, hidden), torch.nn.ReLU(),
                      torch.nn.Dropout(dropout)]  # fmt: skip
            width = hidden
        self.module = torch.nn.Sequential(*layers, torch.nn.Linear(width, labels))

    def encode(self, inputs: tuple[Any, ...]) -> TableRows:
        """Return the rows as numbers."""
        return TableRows(self.table.encode(inputs))

    def fit(self, train: Split, validation: Split, plan: Plan, **watch: Any) -> State:
        """Descend; see `Learner.fit`."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sharing out so few numbers costs more than it saves
        try:
            return fit_learner(self, train, validation, plan, **watch)
        finally:
            torch.set_num_threads(threads)

    def part(self) -> onnx.ModelProto:
        """Return the family's own graph."""
        network = torch.nn.Sequential(*self.module, torch.nn.Softmax(1))
        return to_onnx(network, {"x": torch.zeros(2, self.table.columns)}, ["scores"])


class TreesLearner(Member):
    """Gradient boosted trees (LightGBM): as many as lower the validation loss."""

    family = "trees"

    def __init__(
        self, table: Table, labels: int, seed: int, settings: Settings
    ) -> None:
        self.table, self._labels = table, labels
        self._estimator = lightgbm.LGBMClassifier(
            **settings, subsample_freq=1, random_state=seed, n_jobs=1, verbose=-1,
            deterministic=True, force_row_wise=True,
        )  # fmt: skip

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Grow trees; the curve has a point every few, and one where it is best."""
        del plan, checkpoint
        sides = [
            (self.table.encode(split.inputs), np.array(split.targets))
            for split in (train, validation)
        ]
        curve: list[Epoch] = []
        best = Epoch(0, np.inf, np.inf, 0.0)

        def watch(env: Any) -> None:
            nonlocal best
            results = env.evaluation_result_list
            found = {(name, what): value for name, what, value, *_ in results}
            epoch = Epoch(
                env.iteration + 1,
                _of(found, "train", "logloss"),
                _of(found, "validation", "logloss"),
                1 - _of(found, "validation", "error"),
            )
            if epoch.validation_loss < best.validation_loss:
                best = epoch
            if epoch.number % _STEP == 0:
                curve.append(epoch)
                report(epoch)

        kind = "binary" if self._labels == 2 else "multi"
        self._estimator.fit(
            *sides[0],
            eval_X=tuple(x for x, _ in sides),
            eval_y=tuple(y for _, y in sides),
            eval_names=["train", "validation"],
            eval_metric=[f"{kind}_logloss", f"{kind}_error"],
            callbacks=[watch, lightgbm.early_stopping(
                _PATIENCE, first_metric_only=True, verbose=False)],
        )  # fmt: skip
        if best not in curve:
            curve = sorted([*curve, best], key=lambda epoch: epoch.number)
        return State(curve, {}, "fitted")

    def part(self) -> onnx.ModelProto:
        """Return the family's own graph."""
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        made = convert_lightgbm(
            self._estimator,
            initial_types=[("x", FloatTensorType([None, self.table.columns]))],
            zipmap=False,
            target_opset=15,  # the newest it knows
        )
        return _scoring(made, self._labels)


def _of(found: Mapping[tuple[str, str], float], side: str, what: str) -> float:
    return next(v for (s, w), v in found.items() if s == side and w.endswith(what))


class MachineLearner(Member):
    """A support vector machine whose distances are turned into probabilities."""

    def __init__(
        self, table: Table, labels: int, seed: int, family: str, settings: Settings
    ) -> None:
        self.table, self.family, self._labels = table, family, labels
        machine = (
            SVC(**settings, random_state=seed)
            if family == "svm"
            else LinearSVC(**settings, random_state=seed, max_iter=20_000)
        )
        self._estimator = make_pipeline(
            StandardScaler(), CalibratedClassifierCV(machine, ensemble=False)
        )

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit in one go; the curve has one point. Raises `DatasetError`."""
        del plan, checkpoint
        x, y = self.table.encode(train.inputs), np.array(train.targets)
        if self.family == "svm":
            x, y = x[:_SVM_ROWS], y[:_SVM_ROWS]
        try:
            self._estimator.fit(x, y)
        except ValueError as error:
            raise DatasetError(f"{self.family} cannot learn from it: {error}") from None
        train_loss, _ = measure(
            self._estimator.predict_proba(x), train.targets[: len(x)]
        )
        chances = self._estimator.predict_proba(self.table.encode(validation.inputs))
        loss, right = measure(chances, validation.targets)
        epoch = Epoch(1, train_loss, loss, right)
        report(epoch)
        return State([epoch], {}, "fitted")

    def part(self) -> onnx.ModelProto:
        """Return the family's own graph."""
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType

        with warnings.catch_warnings():
            # the converter looks at an attribute that scikit-learn will remove
            warnings.simplefilter("ignore", FutureWarning)
            made = convert_sklearn(
                self._estimator,
                initial_types=[("x", FloatTensorType([None, self.table.columns]))],
                options={id(self._estimator): {"zipmap": False}},
                target_opset={name: OPSETS[name] for name in ("", "ai.onnx.ml")},
            )
        return _scoring(made, self._labels)


def _scoring(made: onnx.ModelProto, labels: int) -> onnx.ModelProto:
    """Leave the probabilities as the one output, under the name ``scores``."""
    chances = made.graph.output[1].name
    made.graph.node.append(helper.make_node("Identity", [chances], ["scores"]))
    del made.graph.output[:]
    made.graph.output.append(
        helper.make_tensor_value_info("scores", FLOAT, ["n", labels])
    )
    return finished(made)
