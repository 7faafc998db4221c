"""Read the ensemble of trees in an ONNX file, without the onnx package.

Operators TreeEnsembleClassifier and TreeEnsembleRegressor of ai.onnx.ml, whose
``nodes_hitrates`` hold the number of training rows in each node.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hotseat_registry.dataclass import dataclass
from hotseat_serve.shapley.graph_nodes import GraphNodes, UnsuitableError

Array = np.ndarray[Any, Any]

_OPERATORS = {"TreeEnsembleClassifier": "class", "TreeEnsembleRegressor": "target"}


class Split(NamedTuple):
    """One condition on the way to a leaf."""

    node: int
    """Index of the node in the ensemble's arrays."""
    is_true: bool
    """Whether the leaf is below the node's true branch."""


class Leaf(NamedTuple):
    """A leaf, and the way from its tree's root."""

    splits: tuple[Split, ...]
    cover: float
    """The number of its training rows."""
    values: Mapping[int, float]
    """By output: a label's index, or a target's."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """An ensemble: its output is `transform` of base value and sum of leaves.

    Arrays are [nodes]. `feature` is a column of the tensor `input`, `threshold` its
    threshold, `mode` the comparison, `missing` whether a missing value takes the true
    branch, `cover` the number of training rows.
    """

    input: str
    output: str
    feature: Array
    threshold: Array
    mode: Array
    missing: Array
    cover: Array
    leaves: tuple[Leaf, ...]
    base: Mapping[int, float]
    transform: str
    outputs: int
    """The number of labels of a classifier, of targets of a regressor."""
    is_classifier: bool
    columns: tuple[tuple[str, ...], ...] | None
    """The fields of each column, if the graph's metadata name them."""


def read(graph: GraphNodes) -> Ensemble:
    """Return the only ensemble of a graph.

    Raises `UnsuitableError` if there is none or several, or without covers.
    """
    trees = [node for node in graph.nodes if node.operator in _OPERATORS]
    if len(trees) != 1:
        raise UnsuitableError("the graph is not one ensemble of trees")
    (node,) = trees
    return _ensemble(
        node.attributes,
        _OPERATORS[node.operator],
        node.inputs[0],
        node.outputs[-1],
        graph.columns,
    )


def _ensemble(
    attributes: Mapping[str, list[Any]],
    kind: str,
    source: str,
    output: str,
    columns: tuple[tuple[str, ...], ...] | None,
) -> Ensemble:
    if "nodes_falsenodeids" not in attributes:
        raise UnsuitableError("its trees are stored in a form that is not read")
    cover = np.array(attributes.get("nodes_hitrates", []), np.float64)
    count = len(attributes["nodes_nodeids"])
    if len(cover) != count or (cover == 1).all():
        raise UnsuitableError("its trees have no numbers of training rows (cover)")
    labels = attributes.get("classlabels_int64s") or attributes.get(
        "classlabels_strings"
    )
    outputs = len(labels) if labels else attributes.get("n_targets", [1])[0]
    (aggregate,) = attributes.get("aggregate_function", ["SUM"])
    trees = set(attributes["nodes_treeids"])
    share = 1 / len(trees) if aggregate == "AVERAGE" else 1.0
    if aggregate not in {"SUM", "AVERAGE"}:
        raise UnsuitableError(f"its trees are combined by {aggregate}, not by a sum")
    weights: dict[tuple[int, int], dict[int, float]] = {}
    for tree, leaf, which, weight in zip(
        *(attributes[f"{kind}_{name}"] for name in ("treeids", "nodeids", "ids")),
        attributes[f"{kind}_weights"],
        strict=True,
    ):
        values = weights.setdefault((tree, leaf), {})
        values[which] = values.get(which, 0.0) + weight * share
    return Ensemble(
        input=source,
        output=output,
        feature=np.array(attributes["nodes_featureids"]),
        threshold=np.array(attributes["nodes_values"], np.float32),
        mode=np.array(attributes["nodes_modes"]),
        missing=np.array(
            attributes.get("nodes_missing_value_tracks_true", [0] * count), bool
        ),
        cover=cover,
        leaves=tuple(_leaves(attributes, weights)),
        base=dict(enumerate(attributes.get("base_values", []))),
        transform=attributes.get("post_transform", ["NONE"])[0],
        outputs=outputs,
        is_classifier=kind == "class",
        columns=columns,
    )


def _leaves(
    attributes: Mapping[str, Sequence[Any]],
    weights: Mapping[tuple[int, int], Mapping[int, float]],
) -> list[Leaf]:
    """Return every leaf with the way to it, from the roots down."""
    keys = list(
        zip(attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True)
    )
    index = {key: at for at, key in enumerate(keys)}
    below = {
        at: tuple(
            index[tree, attributes[f"nodes_{branch}nodeids"][at]]
            for branch in ("true", "false")
        )
        for at, (tree, _) in enumerate(keys)
        if attributes["nodes_modes"][at] != "LEAF"
    }
    children = {child for both in below.values() for child in both}
    leaves = []
    waiting: list[tuple[int, tuple[Split, ...]]] = [
        (at, ()) for at in range(len(keys)) if at not in children
    ]
    while waiting:
        at, splits = waiting.pop()
        if len(splits) > len(keys):
            raise UnsuitableError("its trees have a circle")
        if at in below:
            yes, no = below[at]
            waiting.append((yes, (*splits, Split(at, is_true=True))))
            waiting.append((no, (*splits, Split(at, is_true=False))))
        elif values := weights.get(keys[at]):
            leaves.append(Leaf(splits, attributes["nodes_hitrates"][at], values))
    return leaves
