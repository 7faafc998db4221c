"""A graph on its way: nodes and weights, named by whoever adds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR = 17, 9
_TYPES = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64}

Tensor = tuple[str, str, Sequence[str | int]]
"""A graph's input or output: its name, datatype and shape."""


class Graph:
    """Nodes in the order in which they run."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def add(self, kind: str, inputs: Sequence[str], output: str, **more: Any) -> str:
        """Add an operator; return the name of its one output."""
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **more))
        return output

    def keep(self, name: str, value: Any) -> str:
        """Add a constant; return its name."""
        self._weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def whole(self, name: str, *values: int) -> str:
        """Add whole numbers, as shapes and axes are; return their name."""
        return self.keep(name, np.array(values, np.int64))

    def linear(self, layer: torch.nn.Linear, given: str, name: str) -> str:
        """Add a layer; return the name of what it answers."""
        weight = self.keep(f"{name}.w", layer.weight.detach().numpy())
        bias = self.keep(f"{name}.b", layer.bias.detach().numpy())
        return self.add("Gemm", [given, weight, bias], name, transB=1)

    def save(
        self, path: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> None:
        """Check the graph and write it."""
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [_described(*tensor) for tensor in inputs],
            [_described(*tensor) for tensor in outputs],
            self._weights,
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def _described(name: str, datatype: str, shape: Sequence[str | int]) -> Any:
    return helper.make_tensor_value_info(name, _TYPES[datatype], shape)
