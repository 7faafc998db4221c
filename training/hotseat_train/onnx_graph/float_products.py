"""Undo int8-dynamic: a graph of floats, with the weights that int8 has left."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hotseat_train.onnx_graph.builder import finished


def with_float_products(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose products of int8 weights are products of floats; in place.

    onnxruntime's dynamic quantizer writes DynamicQuantizeLinear, MatMulInteger, Cast
    and Mul by both scales for a MatMul. Quantized again, weights are rounded once more.
    """
    graph = model.graph
    made = {name: node for node in graph.node for name in node.output}
    constants = {item.name: item for item in graph.initializer}
    nodes = []
    for node in graph.node:
        found = _product(node, made, set(constants))
        if found is None:
            nodes.append(node)
            continue
        source, weight, zero, scale = found
        values = [numpy_helper.to_array(constants[n]) for n in (weight, zero, scale)]
        floats = (values[0].astype(np.float32) - values[1]) * values[2]
        name = f"{weight}.float"
        graph.initializer.append(numpy_helper.from_array(floats, name))
        nodes.append(helper.make_node("MatMul", [source, name], node.output))
    return finished(_used(model, nodes))


def _product(
    scaled: onnx.NodeProto, made: dict[str, onnx.NodeProto], constants: set[str]
) -> tuple[str, str, str, str] | None:
    """Return what the last node of a product goes back to; None for other nodes.

    These are the names of the input, and of the weight, its zero point and its scale.
    """
    cast, scales = (made.get(name) for name in (*scaled.input, "", "")[:2])
    if scaled.op_type != "Mul" or cast is None or scales is None:
        return None
    product = made.get(cast.input[0])
    if product is None or product.op_type != "MatMulInteger":
        return None
    rounded = made[product.input[0]]
    weight, zero = product.input[1], product.input[3]
    scale = next(name for name in scales.input if name in constants)
    return rounded.input[0], weight, zero, scale


def _used(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    """Keep what the outputs need of these nodes, in their order."""
    needed = {item.name for item in model.graph.output}
    kept = []
    for node in reversed(nodes):
        if needed & {*node.output}:
            kept.append(node)
            needed |= {*node.input}
    graph = model.graph
    constants = [item for item in graph.initializer if item.name in needed]
    # shape inference needs the types of what operators outside ONNX return
    types = [item for item in graph.value_info if item.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(constants)
    graph.value_info.extend(types)
    return model
