"""Exports torch modules to ONNX.

`torch.onnx.export` traces ``forward()`` once, so a network is written once, in torch.
It traces with the TorchScript exporter: the newer one (``dynamo=True``) needs the
package onnxscript and writes opset 18; a migration changes this file only.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch.jit._trace import TracerWarning

from hotseat_train.errors import ParityError
from hotseat_train.onnx_graph.builder import OPSETS, finished

_KNOWN = (
    ("You are using the legacy TorchScript", DeprecationWarning),
    ("The feature will be removed", DeprecationWarning),
    ("Constant folding - Only steps=1", UserWarning),  # `folded` does it
)
"""Warnings that the exporter always issues."""


def to_onnx(
    module: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    dynamic: Mapping[int, str] | None = None,
) -> onnx.ModelProto:
    """Return the graph of ``module.forward(*inputs)`` in evaluation mode.

    `inputs` are example tensors by name; their shapes are fixed, except for the
    dimensions in `dynamic` (numbers and names, for every input; default: the first,
    ``n``). `outputs` are the names of the results of ``forward()``, with the first
    dimension ``n``. Names in the graph are reproducible, and the module keeps its
    training modes. Raises `ParityError` if ``forward()`` uses Python for a value that
    depends on the input, such as ``len(x)`` or ``if x.sum()``.
    """
    sizes = dict(dynamic or {0: "n"})
    modes = [(part, part.training) for part in module.modules()]
    file: Any = io.BytesIO()  # the exporter accepts it without declaring it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", TracerWarning)
            for message, category in _KNOWN:
                warnings.filterwarnings("ignore", message, category)
            torch.onnx.export(
                module,
                tuple(inputs.values()),
                file,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={
                    **dict.fromkeys(inputs, sizes),
                    **{name: {0: sizes[0]} for name in outputs},
                },
                opset_version=OPSETS[""],
                training=torch.onnx.TrainingMode.EVAL,
                dynamo=False,
            )
    except TracerWarning as warning:
        raise ParityError(
            f"{type(module).__name__} cannot be exported: the graph would be wrong for "
            f"other inputs: {warning}"
        ) from warning
    finally:
        for part, training in modes:
            part.training = training
    return finished(folded(onnx.load_model_from_string(file.getvalue())))


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace nodes that depend on constants alone by their values; return the model.

    The exporter leaves nodes for the shapes of paddings, and constants in nodes, in
    which the quantizer does not find weights.
    """
    graph = model.graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    nodes = []
    for node in graph.node:
        if all(name in constants for name in node.input):
            inputs = {name: constants[name] for name in node.input}
            values: Any = ReferenceEvaluator(node).run(None, inputs)
            constants.update(zip(node.output, values, strict=True))
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(value, name)
        for name, value in constants.items()
        if name in used
    )
    return model
