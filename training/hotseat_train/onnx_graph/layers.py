"""A network's graph on its way: layers, and outputs named by whoever adds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from hotseat_train.onnx_graph.builder import FLOAT, INT, Graph

_TYPES = {"FP32": FLOAT, "INT64": INT}

Tensor = tuple[str, str, Sequence[str | int]]
"""A graph's input or output: its name, datatype and shape."""


class Layers:
    """Nodes in the order in which they run."""

    def __init__(self, name: str) -> None:
        self._name, self._graph = name, Graph()
        self.keep = self._graph.keep

    def add(self, kind: str, inputs: Sequence[str], output: str, **more: Any) -> str:
        """Add an operator; return the name of its one output."""
        return self._graph.add(kind, *inputs, name=output, **more)

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
        shaped = (
            {name: (_TYPES[kind], shape) for name, kind, shape in tensors}
            for tensors in (inputs, outputs)
        )
        onnx.save(self._graph.model(self._name, *shaped), path)
