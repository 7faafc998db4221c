"""Graphs of other libraries' converters, made to answer ``scores`` alone."""

import onnx
from onnx import helper

from hotseat_train.onnx_graph.builder import FLOAT, finished


def with_scores(model: onnx.ModelProto, labels: int) -> onnx.ModelProto:
    """Make the converted model's probabilities its only output, ``scores``."""
    graph = model.graph
    graph.name = "converted"  # a converter counts its graphs, and equal ones differ
    probabilities = graph.output[1].name
    graph.node.append(helper.make_node("Identity", [probabilities], ["scores"]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("scores", FLOAT, ["n", labels]))
    return finished(model)
