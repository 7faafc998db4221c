"""An ONNX graph with the shapes and values of one row, read by `operators`.

With one row every shape is fixed, so each tensor becomes a flat list. The shapes come
from onnxruntime, which returns every value between the graph's nodes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from hotseat_train.external.errors import SourceError

Array = np.ndarray[Any, Any]
Node = Mapping[str, Any]


class Graph:
    """The steps of a graph so far, its constants, and an example of each value."""

    def __init__(self, model: onnx.ModelProto, feeds: Mapping[str, Array]) -> None:
        self.model = model
        self.values = values(model, feeds)
        self.constants: dict[str, Array] = {}
        self.nodes: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}

    def value(self, name: str) -> Array:
        """Return the example of a value: its shape and type hold for every row."""
        return self.constants[name] if name in self.constants else self.values[name]

    def constant(self, name: str) -> Array | None:
        """Return a value that is the same for every row, else None."""
        return self.constants.get(name)

    def name(self, name: str) -> str:
        """Return the name under which a value is known to the steps."""
        return self._names.get(name, name)

    def alias(self, name: str, same: str) -> None:
        """Say that a value has the elements of another one."""
        self._names[name] = self.name(same)

    def add(self, op: str, inputs: list[str], out: str, **fields: Any) -> str:
        """Append a step; numbers of FP32 are rounded as the graph rounds them."""
        inputs = [self.name(one) for one in inputs]
        node = {"op": op, "in": inputs, "out": out, **fields}
        known = self.values.get(out)
        if known is not None and known.dtype == np.float32:
            node["single"] = True
        self.nodes.append(node)
        return out

    def between(self, of: str, suffix: str, value: Array) -> str:
        """Return a new name beside a value, with an example of what it holds."""
        name = f"{of}/{suffix}"
        self.values[name] = value
        return name

    def fixed(self, of: str, suffix: str, value: Array) -> str:
        """Return the name of a new constant."""
        name = self.between(of, suffix, value)
        self.constants[name] = value
        return name

    def pick(self, name: str, index: Array, out: str) -> None:
        """Append a step that takes elements of a value by their places."""
        places = index.reshape(-1).tolist()
        if places == list(range(self.value(name).size)):
            self.alias(out, name)
        else:
            self.add("gather", [name], out, index=places)


def values(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return all values of a graph for one row; raises `SourceError`."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    shown = {one.name for one in wide.graph.output}
    for node in wide.graph.node:
        for name in node.output:
            if name and name not in shown:
                wide.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            wide.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [one.name for one in session.get_outputs()]
        found = dict(zip(names, session.run(names, dict(feeds)), strict=True))
    except Exception as error:  # noqa: BLE001 (onnxruntime has no base class)
        raise SourceError(f"the graph does not run on one row: {error}") from None
    return {
        **{one.name: numpy_helper.to_array(one) for one in model.graph.initializer},
        **feeds,
        **found,
    }


def rearranged(model: onnx.ModelProto, node: Any, inputs: list[Array]) -> list[Array]:
    """Return the outputs of one node that only moves elements of its inputs."""
    names = [name for name in node.input if name]
    graph = onnx.helper.make_graph(
        [node],
        "node",
        [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(one.dtype), one.shape
            )
            for name, one in zip(names, inputs, strict=True)
        ],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    one = onnx.helper.make_model(graph, opset_imports=list(model.opset_import))
    found = ReferenceEvaluator(one).run(None, dict(zip(names, inputs, strict=True)))
    return [np.asarray(value) for value in found]
