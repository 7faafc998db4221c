"""Graphs of other libraries' converters, made to answer ``scores`` alone."""

import warnings
from typing import Any

import onnx
from onnx import helper

from hotseat_train.onnx_graph.builder import FLOAT, OPSETS, finished


def from_sklearn(estimator: Any, columns: int) -> onnx.ModelProto:
    """Return a fitted classifier's graph of ``x`` FP32 [rows, columns], as converted.

    Its second output are the probabilities, as `with_scores` takes them.
    """
    # late: only some families need the converter
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    with warnings.catch_warnings():
        # the converter reads an attribute that scikit-learn will remove
        warnings.simplefilter("ignore", FutureWarning)
        model: onnx.ModelProto = convert_sklearn(
            estimator,
            initial_types=[("x", FloatTensorType([None, columns]))],
            options={id(estimator): {"zipmap": False}},
            target_opset={name: OPSETS[name] for name in ("", "ai.onnx.ml")},
        )
    return model


def with_scores(model: onnx.ModelProto, labels: int) -> onnx.ModelProto:
    """Make the converted model's probabilities its only output, ``scores``."""
    graph = model.graph
    graph.name = "converted"  # a converter counts its graphs, and equal ones differ
    probabilities = graph.output[1].name
    graph.node.append(helper.make_node("Identity", [probabilities], ["scores"]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("scores", FLOAT, ["n", labels]))
    return finished(model)
