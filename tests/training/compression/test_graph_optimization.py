"""How a graph starts fastest, measured; what was chosen is what is served."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hotseat_train.compression import graph_optimization
from hotseat_train.run import Run


@pytest.fixture
def run(tmp_path):
    """A run with a graph whose weights are worth a file of their own."""
    weights = np.random.default_rng(0).normal(size=(64, 512)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["z"]),
            helper.make_node("Add", ["z", "b"], ["y"]),
            helper.make_node("Relu", ["y"], ["scores"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 512])],
        [numpy_helper.from_array(weights, "w"),
         numpy_helper.from_array(np.zeros(512, np.float32), "b")],
    )  # fmt: skip
    made = Run(tmp_path)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), made.model)
    return made


def test_both_ways_are_measured_and_the_choice_is_kept(run):
    """What is left in the run says how long each took, and the variant follows it."""
    found = graph_optimization.choose(run)[run.model.name]
    assert found["plain"] > 0
    assert found["optimized"] > 0
    for way in ("plain", "optimized"):
        record = run.folder / "startup.json"
        record.write_text(json.dumps({run.model.name: {**found, "chosen": way}}))
        variant = graph_optimization.variant(run, "fp32", run.model)
        assert bool(variant.optimized) == (way == "optimized")
        assert all((run.folder / name).exists() for name in variant.files)
