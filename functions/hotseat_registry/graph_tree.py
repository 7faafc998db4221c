"""An ONNX file's structure as values, read without ONNX; weights stay where they are.

Field numbers: onnx/onnx.proto. Raises `ValueError` for whatever is no such file.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

from hotseat_registry import protobuf
from hotseat_registry.protobuf import Message

DEEPEST = 32
MOST_ELEMENTS_STORED = 1 << 34

_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE, _GRAPH_INPUT, _GRAPH_OUTPUT = (
    1,
    5,
    15,
    11,
    12,
)
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN = 1, 7, 10
_ATTRIBUTE_NAME, _ATTRIBUTE_INTS = 1, 8
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_SPARSE = 5, 6, 22
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSES = 10, 11, 23
_SPARSE_VALUES, _SPARSE_INDICES, _SPARSE_DIMS = 1, 2, 3
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_INT64, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 7, 8, 9
_TENSOR_EXTERNAL, _ENTRY_KEY, _ENTRY_VALUE = 13, 1, 2
_INT64 = 7


class Weight(NamedTuple):
    """A tensor that is stored in the file or beside it."""

    name: str
    elements: int
    place: str | None
    """Where its data lie, if not in the file."""
    numbers: tuple[int, ...] | None
    """The values of a few whole numbers, as shapes and counts are."""


class Attribute(NamedTuple):
    """What a node is made with, as far as it matters here."""

    name: str
    weights: tuple[Weight, ...]
    graphs: tuple["Graph", ...]
    ints: tuple[int, ...]


class Node(NamedTuple):
    """One operator, or a call of one of the model's functions."""

    domain: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    @property
    def graphs(self) -> Iterator["Graph"]:
        """The graphs inside it: branches, bodies of loops."""
        for attribute in self.attributes.values():
            yield from attribute.graphs


class Graph(NamedTuple):
    """Nodes in their order; `inputs` and `outputs` are ValueInfoProtos."""

    nodes: tuple[Node, ...]
    weights: tuple[Weight, ...]
    inputs: tuple[memoryview, ...]
    outputs: tuple[memoryview, ...]


class Model(NamedTuple):
    """The main graph, and the model's own functions by domain and name."""

    graph: Graph
    functions: Mapping[tuple[str, str], tuple[Node, ...]]


def read(data: memoryview) -> Model:
    """Return the structure of a ModelProto."""
    found = protobuf.message(data)
    graphs = protobuf.single(found, _MODEL_GRAPH)
    if not graphs:
        raise ValueError("it has no graph")
    functions = {}
    for part in protobuf.parts(found, _MODEL_FUNCTIONS):
        function = protobuf.message(part)
        name = (
            protobuf.text(function, _FUNCTION_DOMAIN),
            protobuf.text(function, _FUNCTION_NAME),
        )
        functions[name] = _nodes(function, _FUNCTION_NODE, 0)
    return Model(_graph(graphs[0], 0), functions)


def _graph(data: memoryview, depth: int) -> Graph:
    if depth > DEEPEST:
        raise ValueError("its graphs are nested too deep")
    found = protobuf.message(data)
    return Graph(
        _nodes(found, _GRAPH_NODE, depth),
        (
            *map(_weight, protobuf.parts(found, _GRAPH_INITIALIZER)),
            *_sparse(protobuf.parts(found, _GRAPH_SPARSE)),
        ),
        tuple(protobuf.parts(found, _GRAPH_INPUT)),
        tuple(protobuf.parts(found, _GRAPH_OUTPUT)),
    )


def _nodes(found: Message, number: int, depth: int) -> tuple[Node, ...]:
    return tuple(_node(part, depth) for part in protobuf.parts(found, number))


def _node(data: memoryview, depth: int) -> Node:
    found = protobuf.message(data)
    attributes = [
        _attribute(part, depth) for part in protobuf.parts(found, _NODE_ATTRIBUTE)
    ]
    return Node(
        protobuf.text(found, _NODE_DOMAIN),
        protobuf.text(found, _NODE_OPERATOR),
        tuple(protobuf.texts(found, _NODE_INPUT)),
        tuple(protobuf.texts(found, _NODE_OUTPUT)),
        {attribute.name: attribute for attribute in attributes},
    )


def _attribute(data: memoryview, depth: int) -> Attribute:
    found = protobuf.message(data)
    tensors = _one_or_many(found, _ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS)
    sparse = _one_or_many(found, _ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES)
    graphs = _one_or_many(found, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS)
    return Attribute(
        protobuf.text(found, _ATTRIBUTE_NAME),
        (*map(_weight, tensors), *_sparse(sparse)),
        tuple(_graph(part, depth + 1) for part in graphs),
        tuple(protobuf.wholes(found, _ATTRIBUTE_INTS, _FEW)),
    )


def _one_or_many(found: Message, one: int, many: int) -> list[memoryview]:
    return [*protobuf.single(found, one), *protobuf.parts(found, many)]


def _sparse(parts: list[memoryview]) -> Iterator[Weight]:
    for part in parts:
        found = protobuf.message(part)
        yield from map(_weight, protobuf.single(found, _SPARSE_INDICES))
        dims = protobuf.wholes(found, _SPARSE_DIMS, _FEW)
        for weight in map(_weight, protobuf.single(found, _SPARSE_VALUES)):
            # the runtime fills it up when it opens the graph
            yield weight._replace(elements=_elements(dims))


_FEW = 64


def _elements(dims: Sequence[int]) -> int:
    elements = prod(dims)
    if any(n < 0 for n in dims) or elements > MOST_ELEMENTS_STORED:
        raise ValueError(f"a tensor has the shape {list(dims)}")
    return elements


def _weight(data: memoryview) -> Weight:
    found = protobuf.message(data)
    dims = protobuf.wholes(found, _TENSOR_DIMS, _FEW)
    elements = _elements(dims)
    place = None
    for part in protobuf.parts(found, _TENSOR_EXTERNAL):
        entry = protobuf.message(part)
        if protobuf.text(entry, _ENTRY_KEY) == "location":
            place = protobuf.text(entry, _ENTRY_VALUE)
    numbers = None
    if elements <= _FEW and protobuf.whole(found, _TENSOR_TYPE) == _INT64:
        numbers = tuple(protobuf.wholes(found, _TENSOR_INT64, _FEW))
        for raw in protobuf.parts(found, _TENSOR_RAW):
            numbers = tuple(raw[: len(raw) // 8 * 8][: 8 * _FEW].cast("q"))
    return Weight(protobuf.text(found, _TENSOR_NAME), elements, place, numbers)
