"""Tables of named features, by four families of models, in one graph each.

What turns a row into numbers is part of the graph: logarithms of counts, one column for
each known category, none for an unknown one. Then comes the family's own part, with
input ``x`` [rows, columns] and output ``scores`` [rows, labels].
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper, numpy_helper
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hotseat_registry import Field, Input
from hotseat_train.dataset import Split
from hotseat_train.fit import Epoch, Plan, State, descend

Array = np.ndarray[Any, Any]
FAMILIES = ("logistic", "mlp", "trees", "svm")
_OPSET, _ML, _IR = 17, 3, 9
_SVM_ROWS = 5_000
"""A kernel's time grows with the square of the rows."""


class Table:
    """How rows become numbers: what `train` has seen decides the categories."""

    def __init__(
        self, numbers: Sequence[Field], words: Sequence[Field], train: Split
    ) -> None:
        self.numbers, self.words = tuple(numbers), tuple(words)
        self.known = {
            field.name: sorted({row[field.name] for row in train.inputs})
            for field in words
        }
        plain = self._plain(train.inputs)
        self.mean = plain.mean(0)
        self.scale = np.where(plain.std(0) > 0, plain.std(0), 1.0).astype(np.float32)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The signature's inputs."""
        return (
            Input("numbers", "FP32", (-1, len(self.numbers)), "features",
                  fields=self.numbers),
            Input("words", "BYTES", (-1, len(self.words)), "features",
                  fields=self.words),
        )  # fmt: skip

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> Array:
        """Return [rows, columns], as the graph computes it."""
        parts = [(self._plain(rows) - self.mean) / self.scale]
        for field in self.words:
            known = self.known[field.name]
            column = np.array([[row[field.name] == k for k in known] for row in rows])
            parts.append(column.astype(np.float32))
        return np.concatenate(parts, 1).astype(np.float32)

    def _plain(self, rows: Sequence[Mapping[str, Any]]) -> Array:
        given = np.array(
            [[row[field.name] for field in self.numbers] for row in rows], np.float32
        )
        # counts spread over decades: their logarithm, and whether there was any
        return np.concatenate([np.log1p(given), np.sign(given)], 1).astype(np.float32)

    def graph(self) -> onnx.ModelProto:
        """Return the part of the graph that ends in ``x``."""
        nodes, weights = [], []

        def add(kind: str, inputs: list[str], output: str, **more: Any) -> str:
            nodes.append(helper.make_node(kind, inputs, [output], **more))
            return output

        def keep(name: str, array: Any) -> str:
            weights.append(numpy_helper.from_array(np.asarray(array), name))
            return name

        one = keep("one", np.float32(1))
        logs = add("Log", [add("Add", ["numbers", one], "plus")], "logs")
        plain = add("Concat", [logs, add("Sign", ["numbers"], "any")], "plain", axis=1)
        mean = keep("mean", self.mean.astype(np.float32)[None])
        scale = keep("scale", self.scale[None])
        parts = [add("Div", [add("Sub", [plain, mean], "moved"), scale], "scaled")]
        for number, field in enumerate(self.words):
            known = self.known[field.name]
            at = keep(f"at{number}", np.array([number], np.int64))
            column = add("Gather", ["words", at], f"column{number}", axis=1)
            row = add("LabelEncoder", [column], f"row{number}", domain="ai.onnx.ml",
                      keys_strings=known, values_int64s=list(range(len(known))),
                      default_int64=len(known))  # fmt: skip
            # the last row, of unknown categories, is all zeros
            table = keep(f"table{number}", np.eye(len(known) + 1, len(known),
                                                  dtype=np.float32))  # fmt: skip
            picked = add("Gather", [table, row], f"picked{number}")
            shape = keep(f"shape{number}", np.array([-1, len(known)], np.int64))
            parts.append(add("Reshape", [picked, shape], f"word{number}"))
        add("Concat", parts, "x", axis=1)
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "table",
            [info("numbers", TensorProto.FLOAT, ["n", len(self.numbers)]),
             info("words", TensorProto.STRING, ["n", len(self.words)])],
            [info("x", TensorProto.FLOAT, ["n", self.columns])],
            weights,
        )  # fmt: skip
        return _model(graph)

    @property
    def columns(self) -> int:
        """How many numbers a row becomes."""
        return len(self.mean) + sum(map(len, self.known.values()))


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


class NetworkLearner:
    """Logistic regression, or with `hidden` units a network of one hidden layer."""

    def __init__(self, table: Table, labels: int, seed: int, hidden: int) -> None:
        self.table, self.family = table, "mlp" if hidden else "logistic"
        torch.manual_seed(seed)
        layers: list[torch.nn.Module] = []
        width = table.columns
        if hidden:
            layers = [torch.nn.Linear(width, hidden), torch.nn.ReLU(),
                      torch.nn.Dropout(0.2)]  # fmt: skip
            width = hidden
        self.module = torch.nn.Sequential(*layers, torch.nn.Linear(width, labels))

    def encode(self, inputs: tuple[Any, ...]) -> TableRows:
        """Return the rows as numbers."""
        return TableRows(self.table.encode(inputs))

    def fit(self, train: Split, validation: Split, plan: Plan, **watch: Any) -> State:
        """Descend; see `Learner.fit`."""
        return descend(self, train, validation, plan, **watch)

    def export(self, path: Path) -> None:
        """Write the graph; see `Learner.export`."""
        linear = [m for m in self.module if isinstance(m, torch.nn.Linear)]
        nodes, weights, at = [], [], "x"
        for number, layer in enumerate(linear):
            for name, value in (("w", layer.weight), ("b", layer.bias)):
                array = value.detach().numpy()
                weights.append(numpy_helper.from_array(array, f"{name}{number}"))
            nodes.append(
                helper.make_node("Gemm", [at, f"w{number}", f"b{number}"],
                                 [f"g{number}"], transB=1)
            )  # fmt: skip
            at = f"g{number}"
            if number + 1 < len(linear):
                nodes.append(helper.make_node("Relu", [at], [f"r{number}"]))
                at = f"r{number}"
        nodes.append(helper.make_node("Softmax", [at], ["scores"], axis=1))
        info = helper.make_tensor_value_info
        labels = linear[-1].out_features
        graph = helper.make_graph(
            nodes,
            "network",
            [info("x", TensorProto.FLOAT, ["n", self.table.columns])],
            [info("scores", TensorProto.FLOAT, ["n", labels])],
            weights,
        )
        write(self.table, _model(graph), path)


class EstimatorLearner:
    """A scikit-learn estimator: gradient boosted trees, or a kernel machine."""

    def __init__(self, table: Table, family: str, seed: int) -> None:
        self.table, self.family = table, family
        if family == "trees":
            self._estimator: Any = lightgbm.LGBMClassifier(
                n_estimators=300, learning_rate=0.03, num_leaves=31,
                min_child_samples=40, subsample=0.8, subsample_freq=1,
                colsample_bytree=0.7, reg_lambda=5.0, random_state=seed, n_jobs=2,
                verbose=-1, deterministic=True, force_row_wise=True,
            )  # fmt: skip
        else:
            self._estimator = make_pipeline(
                StandardScaler(),
                CalibratedClassifierCV(SVC(C=1.0, random_state=seed), ensemble=False),
            )

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Any = None,
    ) -> State:
        """Fit in one go; the curve has one point."""
        del plan, checkpoint
        x, y = self.table.encode(train.inputs), np.array(train.targets)
        if self.family == "svm":
            x, y = x[:_SVM_ROWS], y[:_SVM_ROWS]
        self._estimator.fit(x, y)
        train_loss, _ = self._losses(x, y)
        loss, right = self._losses(
            self.table.encode(validation.inputs), np.array(validation.targets)
        )
        epoch = Epoch(1, train_loss, loss, right)
        if report is not None:
            report(epoch)
        return State([epoch], {}, "fitted")

    def _losses(self, x: Array, y: Array) -> tuple[float, float]:
        chances = np.asarray(self._estimator.predict_proba(x))
        of_truth = np.maximum(chances[np.arange(len(y)), y], 1e-30)
        right = (chances.argmax(1) == y).mean()
        return float(-np.log(of_truth).mean()), float(right)

    def export(self, path: Path) -> None:
        """Write the graph; see `Learner.export`."""
        if self.family == "trees":
            from onnxmltools import convert_lightgbm
            from onnxmltools.convert.common.data_types import FloatTensorType

            shape = FloatTensorType([None, self.table.columns])
            made = convert_lightgbm(
                self._estimator, initial_types=[("x", shape)], zipmap=False,
                target_opset=15,  # the newest it knows
            )  # fmt: skip
        else:
            from skl2onnx import convert_sklearn
            from skl2onnx.common.data_types import FloatTensorType as SklearnFloats

            with warnings.catch_warnings():
                # the converter looks at an attribute that scikit-learn will remove
                warnings.simplefilter("ignore", FutureWarning)
                made = convert_sklearn(
                    self._estimator,
                    initial_types=[("x", SklearnFloats([None, self.table.columns]))],
                    options={id(self._estimator): {"zipmap": False}},
                    target_opset={"": _OPSET, "ai.onnx.ml": _ML},
                )
        chances = made.graph.output[1].name
        made.graph.node.append(helper.make_node("Identity", [chances], ["scores"]))
        del made.graph.output[:]
        made.graph.output.append(
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])
        )
        made.ir_version = _IR
        write(self.table, made, path)


def write(table: Table, model: onnx.ModelProto, path: Path) -> None:
    """Write the table's part and a family's part as one graph."""
    first = table.graph()
    for part in (first, model):
        del part.opset_import[:]
        part.opset_import.extend(
            [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML)]
        )
        part.ir_version = _IR
    whole = compose.merge_models(
        compose.add_prefix(first, "t_", rename_inputs=False, rename_outputs=False),
        compose.add_prefix(model, "m_", rename_inputs=False, rename_outputs=False),
        [("x", "x")],
    )
    onnx.checker.check_model(whole)
    onnx.save(whole, path)


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
