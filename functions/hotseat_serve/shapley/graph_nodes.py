"""The nodes and constants of an ONNX file that explanations read, without onnx."""

import json
from typing import Any

import numpy as np

from hotseat_registry import protobuf
from hotseat_registry.dataclass import dataclass

Array = np.ndarray[Any, Any]

_MODEL_GRAPH, _MODEL_METADATA, _GRAPH_NODE, _GRAPH_INITIALIZER = 7, 14, 1, 5
_GRAPH_OUTPUT, _VALUE_NAME, _KEY, _VALUE = 12, 1, 1, 2
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 4, 5
_NAME, _INT, _STRING, _TENSOR, _FLOATS, _INTS, _STRINGS = 1, 3, 4, 5, 7, 8, 9
_DIMS, _TYPE, _FLOAT_DATA, _TENSOR_NAME, _RAW = 1, 2, 4, 8, 9
_TYPES = {1: "<f4", 11: "<f8"}
"""Element types of TensorProto that are read: float and double."""
FIELDS = "hotseat.fields"
"""The graph's metadata that name, as JSON, the fields of each column of a tensor."""


class UnsuitableError(Exception):
    """The graph has no exact Shapley values in closed form, and why."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator; `attributes` are lists of numbers or texts."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class GraphNodes:
    """The main graph of a file."""

    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    """Initializers and outputs of Constant nodes that hold floats or doubles."""
    columns: tuple[tuple[str, ...], ...] | None
    """The fields of each column, if the graph's metadata name them."""


def read(data: bytes) -> GraphNodes:
    """Return the main graph's nodes; raises `ValueError` for no ONNX file."""
    model = protobuf.message(memoryview(data))
    (graph,) = (protobuf.message(g) for g in protobuf.single(model, _MODEL_GRAPH))
    nodes, constants = [], {}
    for part in protobuf.parts(graph, _GRAPH_INITIALIZER):
        name, array = _tensor(part)
        if array is not None:
            constants[name] = array
    for part in protobuf.parts(graph, _GRAPH_NODE):
        node = protobuf.message(part)
        operator = protobuf.text(node, _NODE_OPERATOR)
        outputs = tuple(protobuf.texts(node, _NODE_OUTPUT))
        if operator == "Constant":
            for attribute in protobuf.parts(node, _NODE_ATTRIBUTE):
                for value in protobuf.parts(protobuf.message(attribute), _TENSOR):
                    array = _tensor(value)[1]
                    if array is not None:
                        constants[outputs[0]] = array
        inputs = tuple(protobuf.texts(node, _NODE_INPUT))
        nodes.append(Node(operator, inputs, outputs, _attributes(node)))
    metadata = {
        protobuf.text(entry, _KEY): protobuf.text(entry, _VALUE)
        for entry in map(protobuf.message, protobuf.parts(model, _MODEL_METADATA))
    }
    fields = metadata.get(FIELDS)
    columns = None if fields is None else tuple(map(tuple, json.loads(fields)))
    return GraphNodes(tuple(nodes), constants, columns)


def _attributes(node: protobuf.Message) -> dict[str, list[Any]]:
    attributes: dict[str, list[Any]] = {}
    for data in protobuf.parts(node, _NODE_ATTRIBUTE):
        found = protobuf.message(data)
        attributes[protobuf.text(found, _NAME)] = (
            protobuf.texts(found, _STRING)
            or protobuf.texts(found, _STRINGS)
            or protobuf.wholes(found, _INTS)
            or protobuf.floats(data, _FLOATS)
            or protobuf.wholes(found, _INT)
            or protobuf.floats(data, 2)
        )
    return attributes


def _tensor(data: memoryview) -> tuple[str, Array | None]:
    """Return a tensor's name and its numbers; None for other types and places."""
    found = protobuf.message(data)
    name = protobuf.text(found, _TENSOR_NAME)
    kind = _TYPES.get(protobuf.whole(found, _TYPE))
    if kind is None:
        return name, None
    dims = protobuf.wholes(found, _DIMS)
    raw = protobuf.parts(found, _RAW)
    array = (
        np.frombuffer(raw[-1], kind)
        if raw
        else np.array(protobuf.floats(data, _FLOAT_DATA), np.float32)
    )
    if array.size != np.prod(dims, dtype=int):
        return name, None  # its numbers lie in another file, or are doubles' own field
    return name, array.reshape(dims)


def with_output(data: bytes, name: str) -> bytes:
    """Return the ONNX file with a further output, an inner tensor of its graph.

    Protobuf merges the parts of a message that occurs twice, so the output is appended.
    """
    value = _field(_VALUE_NAME, name.encode())
    return data + _field(_MODEL_GRAPH, _field(_GRAPH_OUTPUT, value))


def _field(number: int, data: bytes) -> bytes:
    size, rest = bytearray(), len(data)
    while rest >= 0x80:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *size, rest]) + data
