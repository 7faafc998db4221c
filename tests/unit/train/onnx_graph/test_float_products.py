"""Products of int8 weights become products of floats again."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hotseat_serve.runtime.session import Session
from hotseat_train.compression import quantize
from hotseat_train.onnx_graph.float_products import with_float_products

ROWS, WIDE, NARROW = 5, 32, 6


@pytest.fixture
def fp32(tmp_path):
    """Two layers, the second with a bias, and a table."""
    random = np.random.default_rng(0)
    constants = {
        "table": random.normal(size=(9, WIDE)),
        "first": random.normal(size=(WIDE, WIDE)),
        "second": random.normal(size=(WIDE, NARROW)),
        "bias": random.normal(size=NARROW),
    }
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "rows"], ["x"]),
         helper.make_node("MatMul", ["x", "first"], ["hidden"]),
         helper.make_node("Relu", ["hidden"], ["kept"]),
         helper.make_node("MatMul", ["kept", "second"], ["sums"]),
         helper.make_node("Add", ["sums", "bias"], ["y"])],
        "g",
        [helper.make_tensor_value_info("rows", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", NARROW])],
        [numpy_helper.from_array(value.astype(np.float32), name)
         for name, value in constants.items()],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "fp32.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_only_the_rounding_of_weights_is_left(fp32, tmp_path):
    """No product rounds what it multiplies, so a row is answered alike in a batch."""
    int8 = quantize.dynamic(fp32, tmp_path / "int8.onnx")
    path = tmp_path / "floats.onnx"
    onnx.save(with_float_products(onnx.load(int8)), path)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds == ["Gather", "DequantizeLinear", "MatMul", "Relu", "MatMul", "Add"]
    rows = np.arange(ROWS)
    whole, exact = (Session(p).run({"rows": rows})["y"] for p in (path, fp32))
    assert np.abs(whole - exact).max() < 0.05 * np.abs(exact).max()
    for row in rows:
        alone = Session(path).run({"rows": rows[row : row + 1]})["y"]
        assert np.allclose(alone, whole[row], atol=1e-5)


def test_a_graph_of_floats_stays_as_it_is(fp32):
    """Nothing is there to undo."""
    before = onnx.load(fp32)
    after = with_float_products(onnx.load(fp32))
    assert after.graph == before.graph
