"""Whether an ONNX file may be served."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import graph
from hotseat_registry.errors import IntegrityError

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])


def saved(path, *nodes, tensors=(), functions=()):
    """Write a model of these nodes."""
    made = helper.make_model(
        helper.make_graph(list(nodes), "g", [FLOATS], [FLOATS], list(tensors)),
        functions=list(functions),
    )
    path.write_bytes(made.SerializeToString())
    return path


def external(location):
    """A tensor whose data lie elsewhere."""
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value="0")
    return tensor


def test_known_operators_pass(tmp_path):
    """Operators that the runtime brings are served, in subgraphs too."""
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "b", [], [])
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    tokens = helper.make_node("Tokenizer", ["x"], ["y"], domain="com.microsoft")
    graph.check(saved(tmp_path / "m.onnx", branch, tokens), set())


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("operator", "domain"),
    [("Anything", "my.custom"), ("PyOp", "com.microsoft"), ("Load", "ai.evil")],
)
def test_unknown_operators_are_refused(tmp_path, operator, domain, nested):
    """An operator that would need foreign code is refused, however deep it hides."""
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    if nested:
        inner = helper.make_graph([node], "b", [], [])
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner)
    with pytest.raises(IntegrityError, match=f"{domain}.{operator} is not known"):
        graph.check(saved(tmp_path / "m.onnx", node), set())


def test_functions_are_looked_into(tmp_path):
    """An operator inside a local function counts as well."""
    node = helper.make_node("Anything", ["x"], ["y"], domain="my.custom")
    function = helper.make_function("ai.onnx.ml", "F", ["x"], ["y"], [node], [])
    with pytest.raises(IntegrityError, match=r"my\.custom"):
        graph.check(saved(tmp_path / "m.onnx", functions=[function]), set())


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "other.bin",
                                      "", "sub/weights.onnx", "..\\x"])  # fmt: skip
def test_data_outside_the_version_are_refused(tmp_path, location):
    """External data lie in the version's own files or nowhere."""
    path = saved(tmp_path / "m.onnx", tensors=[external(location)])
    with pytest.raises(IntegrityError, match="outside the version"):
        graph.check(path, {"m.onnx"})
    constant = helper.make_node("Constant", [], ["y"], value=external(location))
    with pytest.raises(IntegrityError, match="outside the version"):
        graph.check(saved(tmp_path / "n.onnx", constant), {"m.onnx"})


def test_data_inside_the_version_pass(tmp_path):
    """A file of the version may hold a graph's data."""
    path = saved(tmp_path / "m.onnx", tensors=[external("weights.onnx")])
    graph.check(path, {"m.onnx", "weights.onnx"})


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.binary(max_size=9))
def test_no_bytes_crash_the_reader(tmp_path_factory, noise, at, patch):
    """Random and damaged files are refused or read, never anything else."""
    folder = tmp_path_factory.mktemp("noise")
    good = saved(folder / "m.onnx", helper.make_node("Relu", ["x"], ["y"])).read_bytes()
    for data in (noise, good[:at], good[:at] + patch + good[at:]):
        (folder / "n.onnx").write_bytes(data)
        try:
            graph.check(folder / "n.onnx", set())
        except IntegrityError:
            continue


def test_the_trained_graphs_pass(tmp_path):
    """What onnx itself writes for an opset 17 graph is understood whole."""
    path = saved(tmp_path / "m.onnx", helper.make_node("Relu", ["x"], ["y"]))
    onnx.checker.check_model(onnx.load(path))
    graph.check(path, set())


@pytest.mark.parametrize("hidden", ["operator", "external data"])
def test_a_graph_in_two_halves_is_refused(tmp_path, hidden):
    """Protobuf merges both; a check that reads one would miss what is in the other."""
    node = helper.make_node("Anything", ["x"], ["y"], domain="my.custom")
    half = onnx.ModelProto()
    if hidden == "operator":
        half.graph.node.append(node)
    else:
        half.graph.initializer.append(external("/etc/passwd"))
    path = saved(tmp_path / "m.onnx")
    path.write_bytes(half.SerializeToString() + path.read_bytes())
    assert onnx.load(path, load_external_data=False).graph.output[0].name == "x"
    with pytest.raises(IntegrityError, match="in two halves"):
        graph.check(path, set())


def field(number, data):
    """A protobuf field of bytes."""
    size, rest = bytearray(), len(data)
    while rest >= 0x80:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *size, rest]) + data


def test_a_tensor_in_two_halves_is_refused(tmp_path):
    """Its dimensions would be those of both halves."""
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    node = helper.make_node("Constant", [], ["x"], value=tensor)
    (attribute,) = node.attribute
    data = attribute.SerializeToString() + field(5, field(1, b"\x07"))
    node.ClearField("attribute")
    made = helper.make_graph([], "g", [FLOATS], [FLOATS]).SerializeToString()
    made += field(1, node.SerializeToString() + field(5, data))
    path = tmp_path / "m.onnx"
    path.write_bytes(saved(path).read_bytes()[:2] + field(7, made))
    (read,) = onnx.load(path).graph.node
    assert list(read.attribute[0].t.dims) == [4, 7]
    with pytest.raises(IntegrityError, match="in two halves"):
        graph.check(path, set())
