"""Cuts a graph of boosted trees to fewer and to shorter trees.

Boosted trees are summed, and the first ones contribute most, so a graph's first trees
are a model of their own. Pruning starts at the leaves (weakest link, Breiman et al.
1984): two sibling leaves become one with the mean of their values, the most similar
first, until the wanted share of the leaves is gone. Both change the graph alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from hotseat_train.errors import RunError
from hotseat_train.onnx_graph.load import load
from hotseat_train.run import Run

FEWER = (100, 50, 20)
"""Trees per label of the variants."""
PRUNED = 0.5
"""Share of the leaves that pruning removes."""
_KIND = "TreeEnsembleClassifier"


@dataclass(slots=True)
class _Node:
    """A node of a tree: a split, or a leaf."""

    attributes: dict[str, Any]
    yes: int
    no: int
    leaf: bool
    weights: dict[int, float]
    """The leaf's values, by label."""

    @property
    def rows(self) -> float:
        """The number of its training rows; equal in graphs that do not hold it."""
        return float(self.attributes.get("nodes_hitrates") or 1.0)


Tree = dict[int, _Node]


def cut_ensemble(
    source: Run, fewer: Sequence[int] = FEWER, share: float = PRUNED
) -> dict[str, Path]:
    """Write variants of a run's trees and return their graphs by name.

    ``trees-50`` has the first fifty trees of each label, ``trees-pruned`` all trees
    without that share of the leaves. Raises `RunError` for a graph without trees.
    """
    path = source.needs(source.model, "train")
    model = load(path)
    if not has_trees(model):
        raise RunError(f"{path} holds no trees: hotseat quantize has other methods")
    trees = _trees(_ensemble(model))
    labels = max(1, len({label for tree in trees.values() for node in tree.values()
                         for label in node.weights}))  # fmt: skip
    graphs = {}
    for count in fewer:
        first_trees = {at: tree for at, tree in trees.items() if at < count * labels}
        if len(first_trees) < len(trees):
            name = f"trees-{count}"
            graphs[name] = _write(model, first_trees, source.graph(name))
    name = "trees-pruned"
    graphs[name] = _write(model, _pruned(trees, share), source.graph(name))
    return graphs


def has_trees(model: onnx.ModelProto) -> bool:
    """Whether a graph holds boosted trees, of one model."""
    return len(_ensembles(model)) == 1


def _ensembles(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the ensembles whose sum is a logit: of other trees it is a mean."""
    return [
        node
        for node in model.graph.node
        if node.op_type == _KIND
        and any(a.name == "post_transform" and a.s != b"NONE" for a in node.attribute)
    ]


def _ensemble(model: onnx.ModelProto) -> onnx.NodeProto:
    (found,) = _ensembles(model)
    return found


def _trees(node: onnx.NodeProto) -> dict[int, Tree]:
    stored = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    names = [name for name in stored if name.startswith("nodes_")]
    trees: dict[int, Tree] = {}
    for at, (tree, number) in enumerate(
        zip(stored["nodes_treeids"], stored["nodes_nodeids"], strict=True)
    ):
        own = {name: stored[name][at] for name in names if len(stored[name])}
        leaf = own["nodes_modes"] == b"LEAF"
        trees.setdefault(tree, {})[number] = _Node(
            own, own["nodes_truenodeids"], own["nodes_falsenodeids"], leaf, {}
        )
    for tree, number, label, weight in zip(
        stored["class_treeids"], stored["class_nodeids"], stored["class_ids"],
        stored["class_weights"], strict=True,
    ):  # fmt: skip
        trees[tree][number].weights[label] = weight
    return trees


def _pruned(trees: dict[int, Tree], share: float) -> dict[int, Tree]:
    """Merge sibling leaves, the most similar of all trees first.

    The values of two leaves are averaged by their numbers of training rows.
    """
    leaves = sum(node.leaf for tree in trees.values() for node in tree.values())
    left, goal = leaves, max(len(trees), round((1 - share) * leaves))
    found = {at: dict(tree) for at, tree in trees.items()}
    while left > goal:
        twigs = sorted(
            (abs(_answer(tree[node.yes]) - _answer(tree[node.no])), at, number)
            for at, tree in found.items()
            for number, node in tree.items()
            if not node.leaf and tree[node.yes].leaf and tree[node.no].leaf
        )
        if not twigs:
            break
        for _, at, number in twigs[: max(1, min(left - goal, len(twigs) // 4))]:
            tree = found[at]
            node = tree[number]
            one, two = tree.pop(node.yes), tree.pop(node.no)
            rows = one.rows + two.rows
            weights = {
                label: sum(leaf.weights.get(label, 0.0) * leaf.rows / rows
                           for leaf in (one, two))
                for label in one.weights | two.weights
            }  # fmt: skip
            own = {**one.attributes, "nodes_nodeids": number, "nodes_hitrates": rows}
            tree[number] = _Node(own, 0, 0, leaf=True, weights=weights)
            left -= 1
    return found


def _answer(leaf: _Node) -> float:
    return next(iter(leaf.weights.values()), 0.0)


def _write(model: onnx.ModelProto, trees: dict[int, Tree], path: Path) -> Path:
    """Write the graph with these trees instead of its own."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    node = _ensemble(cut)
    stored = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    nodes = [n for _, tree in sorted(trees.items()) for _, n in sorted(tree.items())]
    changed = {
        name: [item.attributes[name] for item in nodes]
        for name in stored
        if name.startswith("nodes_") and len(stored[name])
    }
    leaf_weights = [
        (tree, number, label, weight)
        for tree, whole in sorted(trees.items())
        for number, item in sorted(whole.items())
        if item.leaf
        for label, weight in item.weights.items()
    ]
    names = ("class_treeids", "class_nodeids", "class_ids", "class_weights")
    changed |= dict(zip(names, map(list, zip(*leaf_weights, strict=True)), strict=True))
    others = [a for a in node.attribute if a.name not in changed]
    del node.attribute[:]
    node.attribute.extend(others)
    node.attribute.extend(helper.make_attribute(k, v) for k, v in changed.items())
    onnx.checker.check_model(cut)
    onnx.save(cut, path)
    return path
