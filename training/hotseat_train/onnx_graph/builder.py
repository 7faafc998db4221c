"""Builds an ONNX graph node by node, for what torch cannot export: strings.

Networks come from `onnx_graph.export`; `onnx_graph.merge` puts both into one graph.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = {"": 17, "ai.onnx.ml": 3, "com.microsoft": 1}
"""The operator set version of each domain, in every new graph."""
IR_VERSION = 9
"""The newest file format that the oldest supported ONNX Runtime can read."""
FLOAT, INT, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING

Shapes = Mapping[str, tuple[int, Sequence[str | int | None]]]
"""Tensors by name: ONNX's number of the element type, and the shape."""


class Graph:
    """An unfinished graph: its nodes and constants, with names for tensors."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node of an operator; return the name of its only output."""
        name = name or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: Any) -> str:
        """Add a constant; a name must have one value only."""
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        """Add an int64 constant [n]; equal values share a name."""
        name = "n" + "_".join(map(str, values)).replace("-", "m")
        return self.constant(name, np.array(values, np.int64))

    def integer(self, value: int) -> str:
        """Add an int64 constant without dimensions; equal values share a name."""
        return self.constant(f"s{value}".replace("-", "m"), np.int64(value))

    def model(
        self, name: str, inputs: Shapes, outputs: Shapes, inner: Shapes | None = None
    ) -> onnx.ModelProto:
        """Return the checked model.

        `inner` gives the types of tensors that ONNX's shape inference cannot infer.
        Raises `onnx.checker.ValidationError` for an invalid graph.
        """
        model = helper.make_model(
            helper.make_graph(
                self._nodes,
                name,
                _infos(inputs),
                _infos(outputs),
                list(self._constants.values()),
                value_info=_infos(inner or {}),
            )
        )
        return finished(model)


def finished(model: onnx.ModelProto) -> onnx.ModelProto:
    """Set the versions of the model's format and domains, and check the model."""
    set_versions(model, {node.domain for node in model.graph.node} | {""})
    onnx.checker.check_model(model)
    return model


def set_versions(model: onnx.ModelProto, domains: Container[str] = OPSETS) -> None:
    """Set the versions of the file format and of these domains, in place."""
    del model.opset_import[:]
    model.opset_import.extend(
        helper.make_opsetid(*item) for item in OPSETS.items() if item[0] in domains
    )
    model.ir_version = IR_VERSION


def _infos(shapes: Shapes) -> list[onnx.ValueInfoProto]:
    info = helper.make_tensor_value_info
    return [info(name, *tensor) for name, tensor in shapes.items()]
