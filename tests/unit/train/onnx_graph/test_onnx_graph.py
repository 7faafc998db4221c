"""Graphs that are built, exported from torch, and merged."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_train.errors import ParityError
from hotseat_train.models.games.board_net import BoardNet
from hotseat_train.models.levels import autoregressive
from hotseat_train.onnx_graph.builder import FLOAT, IR_VERSION, OPSETS, Graph
from hotseat_train.onnx_graph.export import to_onnx
from hotseat_train.onnx_graph.load import load
from hotseat_train.onnx_graph.merge import chain, weighted_mean


def run(model, **inputs):
    """The outputs of a graph, by name."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [item.name for item in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


class Nested(torch.nn.Module):
    """A normalised convolution that shifts and pads."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv1d(3, 4, 1, bias=False)
        self.norm = torch.nn.BatchNorm1d(4).eval()
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x):
        x = self.drop(self.norm(self.conv(x)))
        return torch.nn.functional.pad(x, (1, -1)).sum(2)


def test_an_export_is_the_same_each_time_and_leaves_the_module_alone():
    """Two exports are equal byte for byte; each part keeps its mode."""
    module = Nested()
    x = {"x": torch.zeros(2, 3, 5)}
    one, two = (to_onnx(module, x, ["y"]).SerializeToString() for _ in range(2))
    assert one == two
    assert module.training
    assert module.drop.training
    assert not module.norm.training


def test_an_export_holds_no_constants_in_nodes():
    """Weights are initializers, also where two layers have equal ones."""
    board = BoardNet((2, 6, 7), 7, channels=8, blocks=2)
    model = to_onnx(board, {"board": torch.zeros(2, 2, 6, 7)}, ["policy", "value"])
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"Constant", "Identity", "BatchNormalization", "Shape"}
    weights = {item.name for item in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert all({*node.input[1:]} <= weights for node in convolutions)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 99))
def test_dynamic_dimensions_take_any_size(rows, places, seed):
    """A graph traced with two rows of three places answers as the module."""
    torch.manual_seed(0)
    module = Nested().eval()
    sizes = {0: "n", 2: "places"}
    model = to_onnx(module, {"x": torch.zeros(2, 3, 3)}, ["y"], sizes)
    x = np.random.default_rng(seed).normal(size=(rows, 3, places)).astype(np.float32)
    wanted = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(run(model, x=x)["y"], wanted, atol=1e-5)


def test_a_network_whose_graph_would_be_wrong_is_refused():
    """What forward() computes in Python would be a constant of the graph."""

    class Counting(torch.nn.Module):
        def forward(self, x):
            return x * float(len(x))

    with pytest.raises(ParityError, match=r"Counting cannot be exported.*Using len"):
        to_onnx(Counting(), {"x": torch.zeros(2, 3)}, ["y"])


@pytest.mark.parametrize("kind", ["GridMLP", "LaggedMLP"])
def test_a_networks_constants_are_not_in_its_checkpoint(kind):
    """Tables that forward() looks up are no weights: older checkpoints still load."""
    more = {"lags": 6} if kind == "LaggedMLP" else {}
    net = getattr(autoregressive, kind)((3, 4), tiles=5, wishes=2, **more)
    layers = ("first", "second", "last")
    names = {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    assert set(net.state_dict()) == names


def scaled(by, output="scores"):
    """A graph that multiplies x [n, 2] by a number."""
    graph = Graph()
    graph.add("Mul", "x", graph.constant("by", np.float32(by)), name=output)
    return graph.model("scaled", {"x": (FLOAT, ["n", 2])}, {output: (FLOAT, ["n", 2])})


def test_a_chain_has_each_domain_once_and_only_what_is_read():
    """Equal names do not collide, and an output that nobody reads is dropped."""
    graph = Graph()
    by = graph.constant("by", np.float32(10))
    graph.add("Mul", graph.add("Identity", "given"), by, name="x")
    graph.add("Neg", "given", name="unread")
    shape = (FLOAT, ["n", 2])
    first = graph.model("first", {"given": shape}, {"x": shape, "unread": shape})
    merged = chain(first, scaled(3))
    given = np.array([[1, 2]], np.float32)
    assert run(merged, given=given)["scores"].tolist() == [[30, 60]]
    assert [item.name for item in merged.graph.output] == ["scores"]
    assert [(o.domain, o.version) for o in merged.opset_import] == [("", OPSETS[""])]
    assert merged.ir_version == IR_VERSION


def test_a_chain_may_follow_a_chain():
    """Inner names of the parts do not collide, whichever part is a chain itself."""

    def step(given, output):
        graph = Graph()
        by = graph.constant("by", np.float32(2))
        graph.add("Mul", graph.add("Identity", given), by, name=output)
        shape = (FLOAT, ["n", 2])
        return graph.model("step", {given: shape}, {output: shape})

    late = chain(step("a", "b"), chain(step("b", "c"), step("c", "d")))
    early = chain(chain(step("a", "b"), step("b", "c")), step("c", "d"))
    given = np.array([[1, 2]], np.float32)
    assert run(late, a=given)["d"].tolist() == run(early, a=given)["d"].tolist()
    assert run(late, a=given)["d"].tolist() == [[8, 16]]


def test_a_weighted_mean_is_that_of_what_each_answers():
    """Members with equal names stand side by side."""
    x = np.array([[1, 2]], np.float32)
    models = [scaled(1), scaled(2), scaled(6)]
    merged = weighted_mean(models, (0.5, 0.25, 0.25))
    assert run(merged, x=x)["scores"].tolist() == [[2.5, 5]]


def test_a_graph_that_is_not_well_formed_is_refused():
    """A node that reads what is not there raises at once, not at a start."""
    graph = Graph()
    graph.add("Relu", "nothing", name="y")
    with pytest.raises(onnx.checker.ValidationError):
        graph.model("broken", {"x": (FLOAT, [1])}, {"y": (FLOAT, [1])})


def test_a_graph_that_imports_a_domain_twice_is_repaired_on_loading(tmp_path):
    """Table runs of older versions did; the newest operator set is kept."""
    graph = Graph()
    graph.add("Relu", "x", name="y")
    shape = (FLOAT, ["n", 2])
    model = graph.model("old", {"x": shape}, {"y": shape})
    model.opset_import.extend([onnx.helper.make_opsetid("", 13)])
    onnx.save(model, tmp_path / "model.onnx")
    repaired = load(tmp_path / "model.onnx")
    assert [(item.domain, item.version) for item in repaired.opset_import] == [
        ("", OPSETS[""])
    ]
    onnx.checker.check_model(repaired)
    x = np.array([[-1, 2]], np.float32)
    assert run(repaired, x=x)["y"].tolist() == [[0, 2]]


def test_a_graph_with_distinct_domains_is_loaded_as_it_is(tmp_path):
    """Nothing changes in a file that needs no repair."""
    graph = Graph()
    graph.add("Relu", "x", name="y")
    shape = (FLOAT, ["n", 2])
    model = graph.model("new", {"x": shape}, {"y": shape})
    onnx.save(model, tmp_path / "model.onnx")
    assert load(tmp_path / "model.onnx") == model
