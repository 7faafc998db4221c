"""Shapley values of trees against the definition, coalition by coalition."""

import math
from itertools import combinations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hotseat_serve.shapley import ensemble, graph_nodes, trees
from hotseat_serve.shapley.graph_nodes import UnsuitableError

COLUMNS = 4


def grown(rng, depth, cover, nodes, tree, values):
    """Grow a random tree into a list of nodes; return the root's number."""
    number = len(nodes)
    nodes.append(None)
    if depth == 0 or cover < 2 or rng.random() < 0.2:
        nodes[number] = ("LEAF", 0, 0.0, 0, 0, 0, cover)
        values.append((tree, number, 0, float(rng.normal())))
        return number
    left = int(rng.integers(0, cover + 1))
    mode = rng.choice(["BRANCH_LEQ", "BRANCH_LT", "BRANCH_EQ", "BRANCH_GT"])
    yes = grown(rng, depth - 1, left, nodes, tree, values)
    no = grown(rng, depth - 1, cover - left, nodes, tree, values)
    nodes[number] = (mode, int(rng.integers(COLUMNS)), float(rng.integers(3)), yes, no,
                     int(rng.integers(2)), cover)  # fmt: skip
    return number


def forest(seed, count, depth):
    """Return an ONNX file of random trees, and its nodes by tree."""
    rng = np.random.default_rng(seed)
    all_nodes, values = [], []
    for tree in range(count):
        nodes = []
        grown(rng, depth, 50, nodes, tree, values)
        all_nodes.append(nodes)
    flat = [(t, n, *node) for t, some in enumerate(all_nodes)
            for n, node in enumerate(some)]  # fmt: skip
    names = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids",
             "falsenodeids", "missing_value_tracks_true", "hitrates")  # fmt: skip
    attributes = {
        f"nodes_{name}": list(column)
        for name, column in zip(names, zip(*flat, strict=True), strict=True)
    }
    attributes["nodes_hitrates"] = [float(n) for n in attributes["nodes_hitrates"]]
    keys = ("treeids", "nodeids", "ids", "weights")
    attributes |= {
        f"target_{key}": list(column)
        for key, column in zip(keys, zip(*values, strict=True), strict=True)
    }
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["value"], domain="ai.onnx.ml", n_targets=1,
        base_values=[0.5], post_transform="NONE", **attributes,
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", COLUMNS])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["n", 1])],
    )  # fmt: skip
    return helper.make_model(graph).SerializeToString(), all_nodes, values


def expected(nodes, values, tree, row, inside):
    """Return a tree's mean output if only the columns `inside` are known."""

    def at(number):
        mode, column, threshold, yes, no, missing, cover = nodes[number]
        if mode == "LEAF":
            return values[tree, number]
        x = row[column]
        takes = bool(missing) if math.isnan(x) else {
            "BRANCH_LEQ": x <= threshold, "BRANCH_LT": x < threshold,
            "BRANCH_EQ": x == threshold, "BRANCH_GT": x > threshold,
        }[mode]  # fmt: skip
        if column in inside:
            return at(yes if takes else no)
        if not cover:
            return 0.0
        return (nodes[yes][6] * at(yes) + nodes[no][6] * at(no)) / cover

    return at(0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 6),
    st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0, math.nan]), min_size=COLUMNS,
             max_size=COLUMNS),
    st.lists(st.integers(0, 2), min_size=COLUMNS, max_size=COLUMNS),
)  # fmt: skip
def test_values_are_those_of_the_definition(seed, count, depth, row, groups):
    """For columns alone and in groups, with missing values and empty branches."""
    data, all_nodes, weights = forest(seed, count, depth)
    by_leaf = {(tree, leaf): weight for tree, leaf, _, weight in weights}
    players = sorted(set(groups))
    groups = [players.index(group) for group in groups]
    read = ensemble.read(graph_nodes.read(data))
    shapley = trees.TreeShapley(read, 0, groups)
    conditions = trees.Conditions(read)
    passes = conditions.passes(np.array(row, np.float32))

    def game(coalition):
        inside = {c for c in range(COLUMNS) if groups[c] in coalition}
        return 0.5 + sum(
            expected(nodes, by_leaf, tree, row, inside)
            for tree, nodes in enumerate(all_nodes)
        )

    size = len(players)
    for player in range(size):
        others = [p for p in range(size) if p != player]
        value = sum(
            (game({*some, player}) - game(set(some)))
            / (size * math.comb(size - 1, count))
            for count in range(size)
            for some in combinations(others, count)
        )
        assert shapley.values(passes)[player] == pytest.approx(value, abs=1e-6)
    assert shapley.base == pytest.approx(game(set()), abs=1e-6)
    total = shapley.base + shapley.values(passes).sum()
    assert total == pytest.approx(game(set(range(size))), abs=1e-6)
    assert conditions.margins(passes)[0] == pytest.approx(total, abs=1e-6)


def test_trees_without_a_cover_are_refused():
    """Converters write 1 everywhere: values from that would be wrong."""
    data, *_ = forest(1, 2, 3)
    model = onnx.load_from_string(data)
    for item in model.graph.node[0].attribute:
        if item.name == "nodes_hitrates":
            item.floats[:] = [1.0] * len(item.floats)
    with pytest.raises(UnsuitableError, match="cover"):
        ensemble.read(graph_nodes.read(model.SerializeToString()))
