"""Check that a graph ends and fits into memory, as far as its structure shows.

A small file can ask for terabytes or for ever: functions that call each other twice
forty times, a tensor joined with itself again and again, a constant of a huge shape, a
loop whose condition never changes. Sizes are lower bounds: they are followed from
inputs and constants through the operators that make tensors larger and those that keep
their size, and nothing is concluded of what other operators make (a shape, a slice, a
product). So the check finds what is evident and refuses no graph that fits; the rest
is limited when a version is opened: by time, and in a subprocess by memory.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod

from hotseat_registry import graph_types
from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.graph_tree import Graph, Model, Node

MOST_NODES = 1_000_000
"""Of a graph, with its functions in the places of their calls."""
MOST_ELEMENTS = 1 << 28
"""Of one tensor: a gigabyte in FP32."""


@dataclass(slots=True)
class Scope:
    """What is known of the values of one graph."""

    sizes: dict[str, int] = field(default_factory=dict)
    """Elements of what is computed, at least."""
    stored: dict[str, int] = field(default_factory=dict)
    """Elements of weights and constants."""
    numbers: dict[str, Sequence[int]] = field(default_factory=dict)
    """Small constants of whole numbers: shapes, repeats, counts."""


def check(model: Model) -> None:
    """Raise `ValueError` for a model that grows beyond the limits or never ends."""
    counts: dict[tuple[str, str], int] = {}
    _count(model.graph.nodes, model, counts, ())
    for nodes in model.functions.values():
        scope = Scope()  # what a call hands in is not followed
        for node in nodes:
            _node(node, scope)
    _graph(model.graph, Scope())


def _count(
    nodes: Sequence[Node],
    model: Model,
    counts: dict[tuple[str, str], int],
    calls: tuple[tuple[str, str], ...],
) -> int:
    """Return the number of nodes, with functions in the places of their calls."""
    total = 0
    for node in nodes:
        total += 1
        name = node.domain, node.operator
        if name in model.functions:
            if name in calls:
                raise ValueError(f"its function {name[1][:80]!r} calls itself")
            if name not in counts:
                body = model.functions[name]
                counts[name] = _count(body, model, counts, (*calls, name))
            total += counts[name]
        for inner in node.graphs:
            total += _count(inner.nodes, model, counts, calls)
        if total > MOST_NODES:
            raise ValueError(f"it has over {MOST_NODES:,} nodes, functions expanded")
    return total


def _graph(graph: Graph, scope: Scope) -> None:
    for weight in graph.weights:
        scope.stored[weight.name] = weight.elements
        if weight.numbers is not None:
            scope.numbers[weight.name] = weight.numbers
    for node in graph.nodes:
        _node(node, scope)


def _node(node: Node, scope: Scope) -> None:
    if node.operator == "Constant":
        for name in node.outputs[:1]:
            _constant(node, name, scope)
        return
    if grown := _GROWTH.get(node.operator):
        size = max(grown(node, scope), 0)
    else:
        size = max(_sizes(node, scope)) if node.operator in _KEEPING else 1
    if size > MOST_ELEMENTS:
        raise ValueError(
            f"{node.operator} makes a tensor of {size:,} elements; at most "
            f"{MOST_ELEMENTS:,} are served"
        )
    scope.sizes.update(dict.fromkeys(node.outputs, size))
    if node.operator == "Loop":
        _check_end(node, scope)
    for inner in node.graphs:
        # a subgraph sees the values around it
        _graph(inner, Scope({**scope.sizes}, {**scope.stored}, {**scope.numbers}))


def _constant(node: Node, name: str, scope: Scope) -> None:
    scope.stored[name] = 1
    for attribute in node.attributes.values():
        for weight in attribute.weights:
            scope.stored[name] = max(scope.stored[name], weight.elements)
            if weight.numbers is not None:
                scope.numbers[name] = weight.numbers
        if attribute.ints:
            scope.numbers[name] = attribute.ints


def _sizes(node: Node, scope: Scope) -> list[int]:
    """Return the elements of each input, at least."""
    return [scope.sizes.get(n, scope.stored.get(n, 1)) for n in node.inputs] or [1]


def _numbers(node: Node, at: int, scope: Scope) -> Sequence[int]:
    """Return the values of a constant input; none where it is not known."""
    return scope.numbers.get(node.inputs[at], ()) if at < len(node.inputs) else ()


def _joined(node: Node, scope: Scope) -> int:
    return sum(_sizes(node, scope))


def _filled(node: Node, scope: Scope) -> int:
    return prod(max(n, 0) for n in _numbers(node, 0, scope))


def _expanded(node: Node, scope: Scope) -> int:
    shape = prod(max(n, 0) for n in _numbers(node, 1, scope))
    return max(_sizes(node, scope)[0], shape)


def _tiled(node: Node, scope: Scope) -> int:
    return _sizes(node, scope)[0] * prod(max(n, 1) for n in _numbers(node, 1, scope))


def _drawn(node: Node, _scope: Scope) -> int:
    shape = node.attributes.get("shape")
    return prod(max(n, 0) for n in shape.ints) if shape else 1


def _range(node: Node, scope: Scope) -> int:
    bounds = [_numbers(node, at, scope) for at in range(3)]
    if all(len(one) == 1 for one in bounds) and bounds[2][0]:
        return (bounds[1][0] - bounds[0][0]) // bounds[2][0]
    return 1


def _one_hot(node: Node, scope: Scope) -> int:
    return _sizes(node, scope)[0] * max([1, *_numbers(node, 1, scope)])


def _resized(node: Node, scope: Scope) -> int:
    shape = prod(max(n, 0) for n in _numbers(node, 3, scope))
    return max(_sizes(node, scope)[0], shape)


def _padded(node: Node, scope: Scope) -> int:
    return max([_sizes(node, scope)[0], *map(abs, _numbers(node, 1, scope))])


_GROWTH: Mapping[str, Callable[[Node, Scope], int]] = {
    "Concat": _joined,
    "ConstantOfShape": _filled,
    "Expand": _expanded,
    "Tile": _tiled,
    "RandomNormal": _drawn,
    "RandomUniform": _drawn,
    "Range": _range,
    "OneHot": _one_hot,
    "Resize": _resized,
    "Pad": _padded,
}


_KEEPING = frozenset(
    {
        # a value for each of the (broadcast) inputs' values
        *("Abs", "Add", "And", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr"),
        *("BitwiseXor", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Div"),
        *("Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual"),
        *("HardSigmoid", "HardSwish", "IsInf", "IsNaN", "LeakyRelu", "Less"),
        *("LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg"),
        *("Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu"),
        *("Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Sub", "Sum"),
        *("Tan", "Tanh", "ThresholdedRelu", "Where", "Xor"),
        # the same values in another place or form
        *("CumSum", "DepthToSpace", "Dropout", "Flatten", "Identity", "LogSoftmax"),
        *("Optional", "Reshape", "ReverseSequence", "ScatterElements", "ScatterND"),
        *("Softmax", "SpaceToDepth", "Squeeze", "Transpose", "Trilu", "Unsqueeze"),
    }
)
"""Operators that make no tensor smaller than the largest of their inputs is."""


def _check_end(node: Node, scope: Scope) -> None:
    """Refuse a loop whose count is not limited and whose condition never changes."""
    name = node.inputs[0] if node.inputs else ""
    count = scope.numbers.get(name)
    if name and (count is None or all(n <= MOST_NODES for n in count)):
        return
    for body in node.graphs:
        if len(body.inputs) < 2 or not body.outputs:
            continue
        source = {name: inner for inner in body.nodes for name in inner.outputs}
        condition = graph_types.name(body.outputs[0])
        for _ in source:
            inner = source.get(condition)
            if inner is None or inner.operator != "Identity" or not inner.inputs:
                break
            condition = inner.inputs[0]
        # what no node of the body computes is the same in every round
        if condition not in source or source[condition].operator == "Constant":
            raise ValueError(
                "a Loop never ends: it has no trip count, and its condition does not "
                "change"
            )
