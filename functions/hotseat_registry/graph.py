"""Whether an ONNX file may be served, read without ONNX.

The registry runs where the onnx package is not installed, so the file's protobuf is
walked here (encoding: protobuf.dev/programming-guides/encoding; field numbers:
onnx/onnx.proto). What is asked: that it parses, that every operator is of a known
domain, and that no tensor's data lie outside the version.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hotseat_registry.errors import IntegrityError

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operators that ONNX Runtime brings itself; none of them loads code or reads files."""
_REFUSED = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "ExternalCustomOps"})

_BYTES, _VARINT, _FIXED64, _FIXED32 = 2, 0, 1, 5
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = (
    5,
    6,
    10,
    11,
)
_FUNCTION_NODE = 7
_TENSOR_EXTERNAL, _ENTRY_KEY, _ENTRY_VALUE = 13, 1, 2
_DEEPEST = 32

Fields = Iterator[tuple[int, memoryview]]


def check(path: Path, files: set[str]) -> None:
    """Raise `IntegrityError` unless the file is a graph that may be served.

    `files` are the names of the version's files, where external data may lie.
    """
    try:
        # mapped, not read: of a large graph only the structure is looked at
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        _model(memoryview(mapped), files)
    except (ValueError, IndexError) as error:
        raise IntegrityError(f"{path.name} may not be served: {error}") from None


def _model(data: memoryview, files: set[str]) -> None:
    if _MODEL_GRAPH not in dict(_fields(data)):
        raise ValueError("it has no graph")
    for number, value in _fields(data):
        if number == _MODEL_GRAPH:
            _graph(value, files, 0)
        elif number == _MODEL_FUNCTIONS:
            _nodes(value, _FUNCTION_NODE, files, 0)


def _graph(data: memoryview, files: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deep")
    _nodes(data, _GRAPH_NODE, files, depth)
    for number, value in _fields(data):
        if number == _GRAPH_INITIALIZER:
            _tensor(value, files)
        elif number == _GRAPH_SPARSE:
            for _, tensor in _fields(value):
                _tensor(tensor, files)


def _nodes(data: memoryview, field: int, files: set[str], depth: int) -> None:
    for number, node in _fields(data):
        if number != field:
            continue
        parts = dict(_fields(node))
        operator = bytes(parts.get(_NODE_OPERATOR, b"")).decode()
        domain = bytes(parts.get(_NODE_DOMAIN, b"")).decode()
        if domain not in DOMAINS or operator in _REFUSED:
            raise ValueError(f"operator {domain or 'ai.onnx'}.{operator} is not known")
        for part, attribute in _fields(node):
            if part == _NODE_ATTRIBUTE:
                _attribute(attribute, files, depth)


def _attribute(data: memoryview, files: set[str], depth: int) -> None:
    for number, value in _fields(data):
        if number in {_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS}:
            _tensor(value, files)
        elif number in {_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS}:
            _graph(value, files, depth + 1)


def _tensor(data: memoryview, files: set[str]) -> None:
    for number, entry in _fields(data):
        if number != _TENSOR_EXTERNAL:
            continue
        pair = {part: bytes(value).decode() for part, value in _fields(entry)}
        if pair.get(_ENTRY_KEY) == "location":
            place = pair.get(_ENTRY_VALUE, "")
            if PurePosixPath(place).name != place or place not in files:
                raise ValueError(f"its data lie in {place!r}, outside the version")


def _fields(data: memoryview) -> Fields:
    """Yield the number and bytes of each length-delimited field; pass over others."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, at = _varint(data, at)
        elif kind == _BYTES:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("it ends in the middle")
            yield number, data[at : at + size]
            at += size
        elif kind in {_FIXED32, _FIXED64}:
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("it is no ONNX file")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("it is no ONNX file")
