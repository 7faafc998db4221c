"""Write the number of training rows of each node (cover) into an ensemble of trees.

Converters set ``nodes_hitrates`` to 1 everywhere. Exact Shapley values need the counts
(`hotseat_serve.shapley`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper

Array = np.ndarray[Any, Any]
_COMPARE = {
    "BRANCH_LEQ": np.less_equal,
    "BRANCH_LT": np.less,
    "BRANCH_GTE": np.greater_equal,
    "BRANCH_GT": np.greater,
    "BRANCH_EQ": np.equal,
    "BRANCH_NEQ": np.not_equal,
}


def count(model: onnx.ModelProto, rows: Array) -> None:
    """Count training rows [rows, columns] in each node of each ensemble of a model."""
    for node in _ensembles(model):
        _write(node, _counts(_attributes(node), rows.astype(np.float32)))


def take(model: onnx.ModelProto, trained: Any) -> bool:
    """Copy the counts of a trained model of LightGBM or scikit-learn.

    Return False for a model whose counts do not correspond to the graph's nodes.
    """
    nodes = list(_ensembles(model))
    if len(nodes) != 1:
        return False
    attributes = _attributes(nodes[0])
    booster = getattr(trained, "booster_", trained)
    if hasattr(booster, "dump_model"):
        counts = _of_lightgbm(attributes, booster.dump_model()["tree_info"])
    else:
        counts = _of_scikit_learn(attributes, trained)
    if counts is not None:
        _write(nodes[0], counts)
    return counts is not None


def _ensembles(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for node in model.graph.node:
        if node.op_type in {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}:
            yield node


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _write(node: onnx.NodeProto, counts: Array) -> None:
    for item in list(node.attribute):
        if item.name == "nodes_hitrates":
            node.attribute.remove(item)
    node.attribute.append(
        helper.make_attribute("nodes_hitrates", [float(n) for n in counts])
    )


def _index(attributes: dict[str, Any]) -> dict[tuple[int, int], int]:
    keys = zip(attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True)
    return {key: at for at, key in enumerate(keys)}


def _roots(attributes: dict[str, Any], index: dict[tuple[int, int], int]) -> list[int]:
    """Return the root of each tree, in the order of the trees."""
    children = {
        index[tree, child]
        for tree, mode, *both in zip(
            attributes["nodes_treeids"], attributes["nodes_modes"],
            attributes["nodes_truenodeids"], attributes["nodes_falsenodeids"],
            strict=True,
        )
        if mode != b"LEAF"
        for child in both
    }  # fmt: skip
    return [at for at in index.values() if at not in children]


def _counts(attributes: dict[str, Any], rows: Array) -> Array:
    index = _index(attributes)
    counts = np.zeros(len(index))
    missing = attributes.get("nodes_missing_value_tracks_true") or [0] * len(index)
    waiting = [(at, np.arange(len(rows))) for at in _roots(attributes, index)]
    while waiting:
        at, here = waiting.pop()
        counts[at] = len(here)
        mode = attributes["nodes_modes"][at].decode()
        if mode == "LEAF":
            continue
        x = rows[here, attributes["nodes_featureids"][at]]
        passes = _COMPARE[mode](x, np.float32(attributes["nodes_values"][at]))
        passes = np.where(np.isnan(x), bool(missing[at]), passes)
        tree = attributes["nodes_treeids"][at]
        for branch, some in (("true", here[passes]), ("false", here[~passes])):
            waiting.append(
                (index[tree, attributes[f"nodes_{branch}nodeids"][at]], some)
            )
    return counts


def _of_lightgbm(attributes: dict[str, Any], trees: list[Any]) -> Array | None:
    index = _index(attributes)
    counts = np.zeros(len(index))
    waiting: list[tuple[int, Any]] = [
        (at, tree["tree_structure"])
        for at, tree in zip(_roots(attributes, index), trees, strict=True)
    ]
    while waiting:
        at, node = waiting.pop()
        is_leaf = attributes["nodes_modes"][at] == b"LEAF"
        if is_leaf != ("split_index" not in node):
            return None  # the converter split a set of categories into several nodes
        if is_leaf:
            counts[at] = node.get("leaf_count", 0)
            continue
        if node["split_feature"] != attributes["nodes_featureids"][at]:
            return None
        counts[at] = node["internal_count"]
        tree = attributes["nodes_treeids"][at]
        for branch, side in (("true", "left_child"), ("false", "right_child")):
            waiting.append(
                (index[tree, attributes[f"nodes_{branch}nodeids"][at]], node[side])
            )
    return counts


def _of_scikit_learn(attributes: dict[str, Any], trained: Any) -> Array | None:
    estimators = getattr(trained, "estimators_", None)
    if estimators is None:
        estimators = [trained] if hasattr(trained, "tree_") else []
    trees = [item.tree_ for item in np.ravel(np.array(estimators, object))]
    counts = []
    for tree, node in zip(
        attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True
    ):
        if tree >= len(trees) or node >= trees[tree].node_count:
            return None
        counts.append(trees[tree].weighted_n_node_samples[node])
    if len(counts) != sum(tree.node_count for tree in trees):
        return None
    return np.array(counts)
