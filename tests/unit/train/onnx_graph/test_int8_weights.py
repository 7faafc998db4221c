"""Int8 weights that overflow on processors without VNNI."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from hotseat_train.compression import quantize
from hotseat_train.onnx_graph import int8_weights

WIDE, NARROW = 96, 8


@pytest.fixture
def fp32(tmp_path):
    """A matrix of equal weights, which int8 holds as 127, or as 63 in seven bits."""
    weights = numpy_helper.from_array(np.full((WIDE, NARROW), 0.5, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", NARROW])],
        [weights],
    )  # fmt: skip
    path = tmp_path / "fp32.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def quantized(method, fp32, folder):
    """Return the graph quantized by one of ours, or by the runtime's own default."""
    path = folder / f"{method}.onnx"
    if method == "dynamic":
        return quantize.dynamic(fp32, path)
    if method == "static":
        rows = [{"x": np.full((4, WIDE), value, np.float32)} for value in (0, 1)]
        return quantize.static(fp32, path, "minmax", rows)
    quantize_dynamic(fp32, path, weight_type=QuantType.QInt8)
    return path


@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_our_variants_keep_to_seven_bits(fp32, tmp_path, method):
    """And answer the largest sums alike on every processor, alone and in a batch."""
    path = quantized(method, fp32, tmp_path)
    assert int8_weights.multiplies_integers(path)
    assert not int8_weights.overflows(path)
    session = onnxruntime.InferenceSession(path)
    for rows in (1, 64):
        (found,) = session.run(None, {"x": np.ones((rows, WIDE), np.float32)})
        assert found == pytest.approx(np.full((rows, NARROW), WIDE / 2), rel=0.02)


def test_the_runtime_s_own_default_is_noticed(fp32, tmp_path):
    """Its weights need the eighth bit."""
    path = quantized("runtime", fp32, tmp_path)
    assert int8_weights.multiplies_integers(path)
    assert int8_weights.overflows(path)


def test_a_graph_of_floats_multiplies_no_integers(fp32):
    """Neither does one whose weights alone are int8."""
    assert not int8_weights.multiplies_integers(fp32)
    assert not int8_weights.overflows(fp32)
