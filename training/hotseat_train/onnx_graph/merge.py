"""Merges graphs, in sequence or in parallel."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper

from hotseat_train.onnx_graph.builder import FLOAT, finished, set_versions


def chain(first: onnx.ModelProto, second: onnx.ModelProto) -> onnx.ModelProto:
    """Return one model in which `second` reads the outputs of `first` by their names.

    Unread outputs of `first` are dropped. Inner names of `first` get a prefix to avoid
    collisions.
    """
    before = compose.add_prefix(
        first, _unused_prefix(second), rename_inputs=False, rename_outputs=False
    )
    names = {item.name for item in second.graph.input}
    links = [item.name for item in before.graph.output if item.name in names]
    for model in (before, second):
        set_versions(model)  # the merge needs the same domains in both
    merged = compose.merge_models(
        before, second, [(name, name) for name in links],
        outputs=[item.name for item in second.graph.output],
    )  # fmt: skip
    return finished(merged)


def _unused_prefix(model: onnx.ModelProto) -> str:
    """Return a prefix that no inner name of a model has: it may be a chain itself."""
    graph = model.graph
    used = {name for node in graph.node for name in (node.name, *node.output)}
    used |= {item.name for item in graph.initializer}
    prefix, number = "front.", 1
    while any(name.startswith(prefix) for name in used):
        number += 1
        prefix = f"front{number}."
    return prefix


def side_by_side(models: Sequence[onnx.ModelProto]) -> onnx.ModelProto:
    """Return one model that feeds `models` the same input.

    Their one input has the same name and shape. Every other name has the number of its
    model before it: the outputs are ``0.scores``, ``1.scores`` and so on.
    """
    parts = [
        compose.add_prefix(model, f"{number}.", rename_inputs=False).graph
        for number, model in enumerate(models)
    ]
    graph = helper.make_graph(
        [node for part in parts for node in part.node],
        "side by side",
        [parts[0].input[0]],
        [output for part in parts for output in part.output],
        [constant for part in parts for constant in part.initializer],
    )
    return finished(helper.make_model(graph))


def weighted_mean(
    models: Sequence[onnx.ModelProto],
    weights: Sequence[float],
    output: str = "scores",
    shape: Sequence[str | None] = ("n", None),
) -> onnx.ModelProto:
    """Return one model that feeds `models` the same input and averages their output.

    Their one input has the same name and shape, and so has their `output`.
    """
    parts = [
        compose.add_prefix(model, f"{number}.", rename_inputs=False).graph
        for number, model in enumerate(models)
    ]
    outputs = [part.output[0].name for part in parts]
    graph = helper.make_graph(
        [*(node for part in parts for node in part.node),
         *(helper.make_node("Mul", [output, f"weight.{at}"], [f"weighted.{at}"])
           for at, output in enumerate(outputs)),
         helper.make_node("Sum", [f"weighted.{at}" for at in range(len(outputs))],
                          [output])],
        "mean",
        [parts[0].input[0]],
        [helper.make_tensor_value_info(output, FLOAT, shape)],
        [*(constant for part in parts for constant in part.initializer),
         *(numpy_helper.from_array(np.array(weight, np.float32), f"weight.{at}")
           for at, weight in enumerate(weights))],
    )  # fmt: skip
    return finished(helper.make_model(graph))
