"""Inputs and outputs of an ONNX graph: names, types and shapes, read without onnx."""

from typing import NamedTuple

from hotseat_registry import protobuf
from hotseat_registry.graph_tree import Graph

_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TYPE_SEQUENCE, _TYPE_MAP, _ELEMENT_TYPE = 1, 4, 5, 1
_ELEMENT, _SHAPE, _DIM, _DIM_VALUE = 1, 2, 1, 1

DATATYPES = {
    1: "FP32", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64",
    8: "BYTES", 9: "BOOL", 10: "FP16", 11: "FP64", 12: "UINT32", 13: "UINT64",
}  # fmt: skip
"""The Open Inference Protocol's names of ONNX's element types (TensorProto)."""
_NAMES = {0: "undefined", 14: "complex64", 15: "complex128", 16: "bfloat16"}


class Tensor(NamedTuple):
    """One input or output of a graph."""

    datatype: str
    """The protocol's name; else what ONNX has: ``bfloat16``, ``sequence of maps``."""
    shape: tuple[int, ...] | None
    """-1 is any length; None: the graph says nothing of its rank."""


def read(graph: Graph) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return inputs and outputs by name; raises `ValueError`.

    Weights that old files also list as inputs are left out.
    """
    weights = {weight.name for weight in graph.weights}
    inputs = {
        name: tensor
        for name, tensor in map(_value, graph.inputs)
        if name not in weights
    }
    return inputs, dict(map(_value, graph.outputs))


def name(value: memoryview) -> str:
    """Return the name in a ValueInfoProto."""
    return protobuf.text(protobuf.message(value), _VALUE_NAME)


def _value(data: memoryview) -> tuple[str, Tensor]:
    found = protobuf.message(data)
    title = protobuf.text(found, _VALUE_NAME)
    for part in protobuf.single(found, _VALUE_TYPE):
        return title, _type(part)
    return title, Tensor("undefined", None)


def _type(data: memoryview) -> Tensor:
    found = protobuf.message(data)
    for part in protobuf.single(found, _TYPE_TENSOR):
        return _tensor(part)
    for part in protobuf.single(found, _TYPE_SEQUENCE):
        inner = protobuf.parts(protobuf.message(part), _ELEMENT_TYPE)
        maps = any(_TYPE_MAP in protobuf.message(one) for one in inner)
        return Tensor("sequence of maps" if maps else "sequence", None)
    return Tensor("map" if _TYPE_MAP in found else "no tensor", None)


def _tensor(data: memoryview) -> Tensor:
    found = protobuf.message(data)
    element = protobuf.whole(found, _ELEMENT)
    kind = DATATYPES.get(element) or _NAMES.get(element, f"element type {element}")
    for shape in protobuf.single(found, _SHAPE):
        dims = protobuf.parts(protobuf.message(shape), _DIM)
        return Tensor(kind, tuple(map(_dim, dims)))
    return Tensor(kind, None)


def _dim(data: memoryview) -> int:
    values = protobuf.wholes(protobuf.message(data), _DIM_VALUE)
    return values[-1] if values and values[-1] >= 0 else -1
