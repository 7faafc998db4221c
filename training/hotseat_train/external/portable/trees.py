"""Ensembles of trees and linear models of ai.onnx.ml as plain steps.

The operators: github.com/onnx/onnx/blob/main/docs/Operators-ml.md
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_train.external.errors import SourceError
from hotseat_train.external.portable.graph import Graph

_MODES = {
    "BRANCH_LEQ": 0, "BRANCH_LT": 1, "BRANCH_GTE": 2, "BRANCH_GT": 3,
    "BRANCH_EQ": 4, "BRANCH_NEQ": 5, "LEAF": -1,
}  # fmt: skip
_AFTER = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid", "NONE": None}


def ensemble(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    """Append an ensemble; raises `SourceError` for what no SDK computes."""
    is_classifier = node.op_type == "TreeEnsembleClassifier"
    kind, out = (
        ("class", node.output[1]) if is_classifier else ("target", node.output[0])
    )
    classes = len(_labels(given)) if is_classifier else int(given.get("n_targets", 1))
    if any(name.endswith("_as_tensor") for name in given):
        raise SourceError("trees of 64 bits are not portable: convert them as FP32")
    targets = given[f"{kind}_ids"]
    # a classifier of two labels with the weights of one of them (ai.onnx.ml)
    alone = is_classifier and classes == 2 and len(set(targets)) == 1
    count = 1 if alone else classes
    mean = given.get("aggregate_function", "SUM")
    if mean not in {"SUM", "AVERAGE"}:
        raise SourceError(f"trees that are aggregated by {mean} are not portable")
    tables = _tables(given, kind, dict.fromkeys(targets, 0) if alone else None)
    share = 1 / len(tables["roots"]) if mean == "AVERAGE" else 1
    base = np.zeros(count)
    base[: len(given.get("base_values", ()))] = given.get("base_values", ())
    sums = graph.between(out, "sums", np.zeros(count, np.float32))
    graph.add("trees", [node.input[0]], sums, **tables, base=base.tolist(), share=share)
    weights = given[f"{kind}_weights"]
    _after(graph, sums, out, given, alone=alone, positive=min(weights) >= 0)


def linear(graph: Graph, node: Any, given: Mapping[str, Any]) -> None:
    """Append a linear classifier or regressor; raises `SourceError`."""
    is_classifier = node.op_type == "LinearClassifier"
    out = node.output[1] if is_classifier else node.output[0]
    size = graph.value(node.input[0]).size
    weights = np.array(given["coefficients"], np.float32).reshape(-1, size)
    bias = np.zeros(len(weights), np.float32)
    bias[: len(given.get("intercepts", ()))] = given.get("intercepts", ())
    alone = is_classifier and len(weights) == 1 and len(_labels(given)) == 2
    product = graph.between(out, "product", bias)
    graph.add("matmul", [node.input[0], graph.fixed(out, "weights", weights.T)],
              product, size=len(weights))  # fmt: skip
    sums = graph.between(out, "sums", bias)
    graph.add("add", [product, graph.fixed(out, "bias", bias)], sums)
    _after(graph, sums, out, given, alone=alone, positive=False)


def _after(
    graph: Graph, sums: str, out: str, given: Mapping[str, Any], *, alone: bool,
    positive: bool,
) -> None:  # fmt: skip
    name = given.get("post_transform", "NONE")
    if name not in _AFTER:
        raise SourceError(f"the transformation {name} of scores is not portable")
    op = _AFTER[name]
    if alone:
        two = graph.between(out, "two", np.zeros(2, np.float32))
        if positive and op is None:  # shares of the second label
            graph.add("pair", [sums], two)
        else:
            minus = graph.between(out, "minus", np.zeros(1, np.float32))
            graph.add("neg", [sums], minus)
            graph.add("concat", [minus, sums], two)
        sums = two
    if op is None:
        graph.alias(out, sums)
    elif op == "softmax":
        graph.add(op, [sums], out, size=graph.value(sums).size)
    else:
        graph.add(op, [sums], out)


def _labels(given: Mapping[str, Any]) -> list[Any]:
    for name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
        if given.get(name):
            return list(given[name])
    return []


def _tables(
    given: Mapping[str, Any], kind: str, same: Mapping[int, int] | None
) -> dict[str, Any]:
    """Return the columns of all nodes; `yes` and `no` are places in them.

    Of a leaf (mode -1), `feature` is its first weight and `yes` their number.
    """
    keys = list(zip(given["nodes_treeids"], given["nodes_nodeids"], strict=True))
    place = {key: at for at, key in enumerate(keys)}
    weights: dict[Any, list[tuple[int, float]]] = {}
    columns = (f"{kind}_{one}" for one in ("treeids", "nodeids", "ids", "weights"))
    for tree, node, target, weight in zip(*(given[c] for c in columns), strict=True):
        at = same[target] if same is not None else target
        weights.setdefault((tree, node), []).append((at, weight))
    found: dict[str, Any] = {
        name: []
        for name in ("mode", "feature", "value", "yes", "no", "missing",
                     "target", "weight")
    }  # fmt: skip
    missing = given.get("nodes_missing_value_tracks_true") or [0] * len(keys)
    roots, seen = [], set()
    for at, key in enumerate(keys):
        mode = given["nodes_modes"][at]
        if mode not in _MODES:
            raise SourceError(f"trees with {mode} are not portable")
        if key[0] not in seen:
            seen.add(key[0])
            roots.append(at)
        found["mode"].append(_MODES[mode])
        found["missing"].append(int(missing[at]))
        if mode == "LEAF":
            mine = weights.get(key, [])
            line: tuple[float, ...] = (len(found["target"]), 0, len(mine), 0)
            found["target"] += [target for target, _ in mine]
            found["weight"] += [short(weight) for _, weight in mine]
        else:
            line = (
                given["nodes_featureids"][at], short(given["nodes_values"][at]),
                place[key[0], given["nodes_truenodeids"][at]],
                place[key[0], given["nodes_falsenodeids"][at]],
            )  # fmt: skip
        for name, value in zip(("feature", "value", "yes", "no"), line, strict=True):
            found[name].append(value)
    return {"roots": roots, **found}


def short(number: float) -> float:
    """Return the shortest decimal number that rounds to the same FP32."""
    return float(str(np.float32(number)))
