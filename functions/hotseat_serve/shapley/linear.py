"""Read the linear model in an ONNX file: one matrix, or a chain of them.

Operators LinearClassifier and LinearRegressor of ai.onnx.ml, and Gemm or MatMul with
constant weights, each followed by an Add of a constant or not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hotseat_registry.dataclass import dataclass
from hotseat_serve.shapley.graph_nodes import GraphNodes, Node, UnsuitableError

Array = np.ndarray[Any, Any]

_LINEAR = ("LinearClassifier", "LinearRegressor")
_MATRICES = (*_LINEAR, "Gemm", "MatMul")
_COLUMNWISE = frozenset({"Scaler", "Imputer", "Cast", "Identity", "Dropout"})
"""Operators whose output's column depends on the same column of their input alone."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear map: ``columns @ weights + bias``."""

    input: str
    """The tensor [rows, columns] that it reads."""
    weights: Array
    """[columns, outputs]"""
    bias: Array
    """[outputs]"""
    columns: tuple[tuple[str, ...], ...] | None
    """The fields of each column, if the graph's metadata name them."""
    source: str
    """The tensor whose columns `input` has, one by one: an input of the graph if only
    operators that keep columns apart lie between."""


def read(graph: GraphNodes) -> Linear:
    """Return the only linear map of a graph; raises `UnsuitableError`.

    Whether the graph's answers follow from it alone is for the caller to check on rows.
    """
    matrices = [node for node in graph.nodes if node.operator in _MATRICES]
    if not matrices:
        raise UnsuitableError("the graph is not one linear model")
    first, *others = matrices
    weights, bias, output = _map(first, graph)
    for node in others:
        if node.inputs[0] != output:
            raise UnsuitableError("the graph is not one linear model")
        own, more, output = _map(node, graph)
        weights, bias = weights @ own, bias @ own + more
    return Linear(
        first.inputs[0], weights, bias, graph.columns, _source(first, graph.nodes)
    )


def _map(node: Node, graph: GraphNodes) -> tuple[Array, Array, str]:
    """Return weights, bias and output of a matrix and of the Add after it."""
    if node.operator in _LINEAR:
        return _of_ml(node)
    weights = graph.constants.get(node.inputs[1])
    if weights is None or weights.ndim != 2:
        raise UnsuitableError("the graph's matrices are not constant")
    weights = weights.astype(np.float64)
    bias = np.zeros(1)
    if node.operator == "Gemm":
        names = ("alpha", "beta", "transA", "transB")
        alpha, beta, trans_a, trans_b = (
            node.attributes.get(name, [default])[0]
            for name, default in zip(names, (1.0, 1.0, 0, 0), strict=True)
        )
        if trans_a:
            raise UnsuitableError("the graph's matrices are transposed")
        weights = alpha * (weights.T if trans_b else weights)
        if len(node.inputs) > 2 and node.inputs[2]:
            bias = beta * _constant(node.inputs[2], graph)
    output = node.outputs[0]
    for other in graph.nodes:
        if other.operator == "Add" and output in other.inputs:
            (name,) = [name for name in other.inputs if name != output] or [output]
            if name in graph.constants:
                bias, output = bias + _constant(name, graph), other.outputs[0]
            break
    count = weights.shape[1]
    if bias.size not in {1, count}:
        raise UnsuitableError("the graph's matrices are not constant")
    return weights, np.broadcast_to(bias.reshape(-1), count).copy(), output


def _constant(name: str, graph: GraphNodes) -> Array:
    if name not in graph.constants:
        raise UnsuitableError("the graph's matrices are not constant")
    return graph.constants[name].astype(np.float64)


def _of_ml(node: Node) -> tuple[Array, Array, str]:
    coefficients = np.array(node.attributes["coefficients"], np.float64)
    bias = np.array(node.attributes.get("intercepts", [0.0]), np.float64)
    count = max(len(bias), int(node.attributes.get("targets", [1])[0]))
    weights = coefficients.reshape(count, -1).T
    return weights, np.broadcast_to(bias, count).copy(), node.outputs[-1]


def _source(first: Node, nodes: Sequence[Node]) -> str:
    """Return the tensor that columns come from, back through columnwise operators."""
    makers = {output: node for node in nodes for output in node.outputs}
    name = first.inputs[0]
    for _ in nodes:
        maker = makers.get(name)
        if maker is None or maker.operator not in _COLUMNWISE:
            break
        name = maker.inputs[0]
    return name
