"""ONNX operators as the few steps that an SDK runs on flat lists.

The steps are described in docs/reference/portable.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx

from hotseat_train.external.errors import SourceError
from hotseat_train.external.portable import trees
from hotseat_train.external.portable.graph import Array, Graph, rearranged

Write = Callable[[Graph, Any, Mapping[str, Any]], None]
_ALIKE = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Exp": "exp", "Log": "log",
    "Sqrt": "sqrt", "Neg": "neg", "Abs": "abs", "Not": "not", "IsNaN": "isnan",
}  # fmt: skip
_PAIRS = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Greater": "greater",
    "Less": "less", "Equal": "equal", "Where": "where",
}  # fmt: skip
_SAME = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout"}
_MOVES = {
    "Transpose", "Slice", "Gather", "Split", "Expand", "Concat",
    "ArrayFeatureExtractor", "FeatureVectorizer",
}  # fmt: skip
_OF_TEXTS = {*_SAME, *_MOVES, "LabelEncoder", "OneHotEncoder", "Cast"}
_REDUCED = {"ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "max"}


def append(graph: Graph, node: Any) -> None:
    """Append a node of a graph; raises `SourceError` for an unknown operator."""
    op = node.op_type
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    given = {key: _text(value) for key, value in given.items()}
    fixed = all(graph.constant(name) is not None for name in node.input if name)
    if op == "Shape" or fixed:  # with one row, a shape is a constant
        for name in node.output:
            graph.constants[name] = graph.values[name]
        return
    _check_types(graph, node)
    if op in _ALIKE:
        graph.add(_ALIKE[op], [node.input[0]], node.output[0])
    elif op in _PAIRS:
        graph.add(_PAIRS[op], _spread(graph, node), node.output[0])
    elif op in _SAME:
        graph.alias(node.output[0], node.input[0])
    elif op in _MOVES:
        _moved(graph, node)
    elif op in _REDUCED or op in {"Softmax", "ArgMax"}:
        _grouped(graph, node, given)
    elif op in _OTHERS:
        _OTHERS[op](graph, node, given)
    else:
        raise SourceError(
            f"the operator {op} is not portable: portable models are linear, trees or "
            "small dense networks; Python's and TypeScript's SDK run any graph "
            "(client.download)"
        )


def _check_types(graph: Graph, node: Any) -> None:
    """Raise `SourceError` for operands that a step would compute otherwise."""
    types = {graph.value(name).dtype.kind for name in node.input if name}
    if types & {"O", "U"} and node.op_type not in _OF_TEXTS:
        raise SourceError(f"the operator {node.op_type} of texts is not portable")
    if node.op_type == "Div" and types & {"i", "u"}:
        raise SourceError("Div of whole numbers is not portable")


def _spread(graph: Graph, node: Any) -> list[str]:
    """Return the names of operands, each as long as the result or one element."""
    shape, found = graph.values[node.output[0]].shape, []
    for at, name in enumerate(node.input):
        value = graph.value(name)
        if value.size == 1 or value.shape == shape:
            found.append(name)
            continue
        suffix = f"operand{at}"
        if graph.constant(name) is not None:
            wide = np.broadcast_to(value, shape)
            found.append(graph.fixed(node.output[0], suffix, wide))
            continue
        places = np.broadcast_to(np.arange(value.size).reshape(value.shape), shape)
        longer = graph.between(node.output[0], suffix, np.broadcast_to(value, shape))
        graph.add("gather", [name], longer, index=places.reshape(-1).tolist())
        found.append(longer)
    return found


def _moved(graph: Graph, node: Any) -> None:
    """Append a node that only moves elements, as places in its joined inputs."""
    moved: list[str] = []
    inputs: list[Array] = []
    at = 0
    for name in filter(None, node.input):
        value = graph.value(name)
        # the first operand is moved, the others say how
        joins = node.op_type in {"Concat", "FeatureVectorizer"}
        if moved and not joins:
            inputs.append(_constant(graph, node, name))
            continue
        inputs.append(np.arange(at, at + value.size, dtype=np.float32)
                      .reshape(value.shape))  # fmt: skip
        at += value.size
        moved.append(name)
    if at >= 1 << 24:
        raise SourceError(f"{node.op_type} of {at} elements is not portable")
    source = moved[0]
    if len(moved) > 1:
        joined = np.concatenate([graph.value(one).reshape(-1) for one in moved])
        source = graph.between(node.output[0], "joined", joined)
        graph.add("concat", moved, source)
    if node.op_type == "FeatureVectorizer":
        graph.alias(node.output[0], source)
        return
    found = rearranged(graph.model, node, inputs)
    for name, places in zip(node.output, found, strict=True):
        graph.pick(source, places.astype(np.int64), name)


def _grouped(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    """Append a node over groups of the last dimension."""
    value = graph.value(node.input[0])
    axes = given.get("axes", given.get("axis", -1 if node.op_type == "Softmax" else 0))
    if len(node.input) > 1 and node.input[1]:
        axes = _constant(graph, node, node.input[1]).tolist()
    (axis,) = axes if isinstance(axes, list) and len(axes) == 1 else (axes,)
    if axis not in {-1, value.ndim - 1}:
        raise SourceError(f"{node.op_type} is portable over the last dimension alone")
    older = any(
        one.domain == "" and one.version < 13 for one in graph.model.opset_import
    )
    if node.op_type == "Softmax" and older and value.ndim > 2:
        raise SourceError(
            "Softmax before operator set 13 is portable in two dimensions"
        )
    op = _REDUCED.get(node.op_type, node.op_type.lower())
    graph.add(op, [node.input[0]], node.output[0], size=value.shape[-1])


def _matmul(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    left, right = node.input[:2]
    weights = _constant(graph, node, right)
    if weights.ndim != 2 or given.get("transA"):
        raise SourceError(f"{node.op_type} is portable with one matrix of weights")
    weights = (weights.T if given.get("transB") else weights) * given.get("alpha", 1.0)
    out = node.output[0]
    name = graph.fixed(out, "weights", weights.astype(np.float32))
    bias = node.input[2] if len(node.input) > 2 else ""
    into = graph.between(out, "product", graph.values[out]) if bias else out
    graph.add("matmul", [left, name], into, size=int(weights.shape[1]))
    if bias:
        more = _constant(graph, node, bias) * given.get("beta", 1.0)
        wide = np.broadcast_to(more, graph.values[out].shape).astype(np.float32)
        graph.add("add", [into, graph.fixed(out, "bias", wide)], out)


def _cast(graph: Graph, node: Any, _given: Mapping[str, Any]) -> None:
    before, after = graph.value(node.input[0]), graph.values[node.output[0]]
    if "O" in {before.dtype.kind, after.dtype.kind} and before.dtype != after.dtype:
        raise SourceError("Cast between texts and numbers is not portable")
    narrower = after.dtype == np.float32 and before.dtype != np.float32
    if after.dtype.kind in "iu" and before.dtype.kind == "f":
        graph.add("trunc", [node.input[0]], node.output[0])
    elif after.dtype.kind == "b" and before.dtype.kind != "b":
        zero = graph.fixed(node.output[0], "zero", np.zeros(1, np.float32))
        same = graph.between(node.output[0], "same", after)
        graph.add("equal", [node.input[0], zero], same)
        graph.add("not", [same], node.output[0])
    elif narrower and before.dtype.kind == "f":
        graph.add("copy", [node.input[0]], node.output[0])
    else:
        graph.alias(node.output[0], node.input[0])


def _clip(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    ends = [given.get("min"), given.get("max")]
    for at, name in enumerate(node.input[1:3]):
        if name:
            ends[at] = float(_constant(graph, node, name).reshape(-1)[0])
    low, high = ends
    graph.add("clip", [node.input[0]], node.output[0], low=low, high=high)


def _scaler(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    out, value = node.output[0], graph.values[node.output[0]]
    before = node.input[0]
    for op, name in (("sub", "offset"), ("mul", "scale")):
        with_ = np.array(given[name], np.float32)
        wide = graph.fixed(out, name, np.broadcast_to(with_, value.shape))
        into = out if op == "mul" else graph.between(out, op, value)
        graph.add(op, [before, wide], into)
        before = into


def _imputer(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    out, value = node.output[0], graph.values[node.output[0]]
    by = given.get("imputed_value_floats") or given["imputed_value_int64s"]
    missing = given.get("replaced_value_float", given.get("replaced_value_int64", 0))
    wide = np.broadcast_to(np.array(by, np.float32), value.shape)
    test = graph.between(out, "missing", value)
    if np.isnan(missing):
        graph.add("isnan", [node.input[0]], test)
    else:
        other = graph.fixed(out, "replaced", np.array([missing], np.float32))
        graph.add("equal", [node.input[0], other], test)
    graph.add("where", [test, graph.fixed(out, "by", wide), node.input[0]], out)


def _normalizer(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    size = graph.value(node.input[0]).shape[-1]
    graph.add("norm", [node.input[0]], node.output[0], size=size,
              norm=given.get("norm", "MAX").lower())  # fmt: skip


def _lookup(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    keys = next((v for k, v in given.items() if k.startswith("keys_")), None)
    kind, found = next(
        ((k, v) for k, v in given.items() if k.startswith("values_")), ("", None)
    )
    if not isinstance(keys, list) or not isinstance(found, list):
        raise SourceError("LabelEncoder is portable with lists of keys and values")
    default = given.get(f"default_{kind.removeprefix('values_').removesuffix('s')}")
    usual = {"values_strings": "_Unused", "values_int64s": -1, "values_floats": -0.0}
    default = usual[kind] if default is None else default
    graph.add("lookup", [node.input[0]], node.output[0], keys=keys,
              values=list(map(plain, found)), default=plain(default))  # fmt: skip


def _one_hot(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    keys = given.get("cats_strings") or given.get("cats_int64s")
    # without zeros the graph fails at an unknown value, and so does the step
    closed = {} if given.get("zeros", 1) else {"closed": True}
    graph.add("onehot", [node.input[0]], node.output[0], keys=keys, **closed)


_OTHERS: Mapping[str, Write] = {
    "MatMul": _matmul, "Gemm": _matmul, "Cast": _cast, "Clip": _clip,
    "Scaler": _scaler, "Imputer": _imputer, "Normalizer": _normalizer,
    "LabelEncoder": _lookup, "OneHotEncoder": _one_hot,
    "LinearClassifier": trees.linear, "LinearRegressor": trees.linear,
    "TreeEnsembleClassifier": trees.ensemble,
    "TreeEnsembleRegressor": trees.ensemble,
}  # fmt: skip


def plain(value: Any) -> Any:
    """Return a value as JSON has it: None for NaN. Raises `SourceError`."""
    if isinstance(value, float | np.floating):
        if np.isinf(value):
            raise SourceError("a graph with infinite constants is not portable")
        if np.isnan(value):
            return None
        number = trees.short(float(value))
        return number if isinstance(value, np.float32) else float(value)
    return value.item() if isinstance(value, np.generic) else value


def _constant(graph: Graph, node: Any, name: str) -> Array:
    found = graph.constant(name)
    if found is None:
        raise SourceError(
            f"{node.op_type} of two values that depend on the input is not portable"
        )
    return found


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return [_text(one) for one in value] if isinstance(value, list) else value
