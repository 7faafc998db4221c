"""Check that an ONNX file may be served, without the onnx package.

The registry runs where the onnx package is not installed, so the file's protobuf is
read by `graph_tree`. Every operator has to be of a known domain or a function of the
model's own; no tensor's data may lie outside the version; and what it computes must end
and fit (`graph_growth`). Only the structure is read, so that the check is repeated
before each opening.
"""

import mmap
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from hotseat_registry import graph_growth, graph_tree, graph_types
from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_tree import Node, Weight
from hotseat_registry.graph_types import Tensor

if TYPE_CHECKING:
    from hotseat_registry.encrypted_file import EncryptedFile

DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
)
"""Operators that ONNX Runtime brings itself; none of them loads code or reads files."""
_REFUSED = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "ExternalCustomOps"})
_ORT = b"ORTM"
"""At byte 4 of a file in ONNX Runtime's own format (FlatBuffers' file identifier)."""


class Interface(NamedTuple):
    """The inputs and outputs of a graph."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def check(path: "Path | EncryptedFile", files: Collection[str]) -> Interface | None:
    """Return the graph's interface; None for ONNX Runtime's own format.

    `files` are the names of the version's files, where external data may lie. Raises
    `IntegrityError` unless the file is a graph that may be served.
    """
    try:
        return _checked(view(path), path.suffix, frozenset(files))
    except (ValueError, OSError, RecursionError) as error:
        raise IntegrityError(f"{path.name} may not be served: {error}") from None


def view(path: "Path | EncryptedFile") -> memoryview:
    """Return the bytes of a graph, mapped: only its structure will be looked at.

    Those of an encrypted file are in memory. Raises `ValueError`, `OSError`.
    """
    if not isinstance(path, Path):
        return memoryview(path.read_bytes())
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _checked(data: memoryview, suffix: str, files: frozenset[str]) -> Interface | None:
    if suffix == ".ort":
        if bytes(data[4:8]) != _ORT:
            raise ValueError("it is no file in ONNX Runtime's format")
        return None
    model = graph_tree.read(data)
    functions = frozenset(model.functions)
    for nodes in model.functions.values():
        _nodes(nodes, files, functions)
    _weights(model.graph.weights, files)
    _nodes(model.graph.nodes, files, functions)
    graph_growth.check(model)
    return Interface(*graph_types.read(model.graph))


def _nodes(
    nodes: Iterable[Node],
    files: frozenset[str],
    functions: frozenset[tuple[str, str]],
) -> None:
    for node in nodes:
        domain, operator = node.domain, node.operator
        known = domain in DOMAINS or (domain, operator) in functions
        if not known or operator in _REFUSED:
            name = f"{domain or 'ai.onnx'}.{operator}"[:100]
            raise ValueError(f"operator {name} is not known")
        for attribute in node.attributes.values():
            _weights(attribute.weights, files)
            for inner in attribute.graphs:
                _weights(inner.weights, files)
                _nodes(inner.nodes, files, functions)


def _weights(weights: Iterable[Weight], files: frozenset[str]) -> None:
    for weight in weights:
        place = weight.place
        if place is None:
            continue
        if PurePosixPath(place).name != place or place not in files:
            raise ValueError(f"its data lie in {place[:100]!r}, outside the version")
