"""A graph written node by node, each named after what it does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = {"": 17, "ai.onnx.ml": 2, "com.microsoft": 1}
_IR = 9

Shaped = Mapping[str, tuple[int, Sequence[str | int]]]
"""Tensors by name: ONNX's number of the type, and the shape."""


class Graph:
    """Nodes and constants in the making; a name stands for a tensor."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = name or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def keep(self, name: str, value: Any) -> str:
        """Keep a constant under that name, which stands for one value only."""
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def number(self, *values: int) -> str:
        """Keep whole numbers [n]; return the name that they always have."""
        name = "n" + "_".join(map(str, values)).replace("-", "m")
        return self.keep(name, np.array(values, np.int64))

    def scalar(self, value: int) -> str:
        """Keep one whole number, without a shape."""
        return self.keep(f"s{value}".replace("-", "m"), np.int64(value))

    def model(
        self, name: str, inputs: Shaped, outputs: Shaped, inner: Shaped | None = None
    ) -> onnx.ModelProto:
        """Return the graph, checked; `inner` are tensors whose shape can't be told."""

        def infos(shaped: Shaped) -> list[onnx.ValueInfoProto]:
            made = helper.make_tensor_value_info
            return [made(key, *value) for key, value in shaped.items()]

        model = helper.make_model(
            helper.make_graph(
                self._nodes,
                name,
                infos(inputs),
                infos(outputs),
                list(self._constants.values()),
                value_info=infos(inner or {}),
            ),
            opset_imports=[helper.make_opsetid(*item) for item in OPSETS.items()],
            ir_version=_IR,
        )
        onnx.checker.check_model(model)
        return model


FLOAT, INT, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
