"""Graphs that multiply 8-bit integers, and weights that overflow on some processors."""

from pathlib import Path

import onnx
from onnx import numpy_helper

_WEIGHT = {
    "MatMulInteger": 1, "ConvInteger": 1, "DynamicQuantizeMatMul": 1, "QAttention": 1,
    "DynamicQuantizeLSTM": 1, "QLinearMatMul": 3, "QLinearConv": 3, "QGemm": 3,
}  # fmt: skip
"""Operators on integers, each with the place of its weights among its inputs."""
_FLOAT = ("MatMul", "Gemm", "Conv")
"""Operators that the runtime replaces where all of their inputs are dequantized."""
_MOST = 64
"""Largest weight of seven bits: two products with 255 then add up in 16 bits."""
OVERFLOWING = (
    "int8 weights use all eight bits: on processors without VNNI their products "
    "overflow, so answers differ between machines; `hotseat quantize` of the fp32 file "
    "keeps to seven bits, as does reduce_range of onnxruntime's quantizer"
)
"""The note of a version."""


def multiplies_integers(graph: Path) -> bool:
    """Return whether a graph multiplies 8-bit integers."""
    return bool(_products(onnx.load(graph, load_external_data=False).graph))


def overflows(graph: Path) -> bool:
    """Return whether an int8 weight of a product needs the eighth bit.

    Processors without VNNI add two products of an unsigned and a signed byte in 16 bits
    (onnxruntime.ai, "Quantize ONNX models").
    """
    model = onnx.load(graph)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    return any(
        tensor.data_type == onnx.TensorProto.INT8
        and abs(numpy_helper.to_array(tensor).astype("int16")).max(initial=0) > _MOST
        for name in _products(model.graph)
        if (tensor := tensors.get(name)) is not None
    )


def _products(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the weights of products of integers."""
    made = {output: node for node in graph.node for output in node.output}
    found = []
    for node in graph.node:
        if node.op_type in _WEIGHT:
            found.append(node.input[_WEIGHT[node.op_type]])
        elif node.op_type in _FLOAT:
            sources = [made.get(name) for name in node.input[:2]]
            if all(one and one.op_type == "DequantizeLinear" for one in sources):
                assert sources[1] is not None
                found.append(sources[1].input[0])
    return found
