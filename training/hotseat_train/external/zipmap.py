"""Replaces maps of labels to probabilities, which skl2onnx writes, by tensors.

A ZipMap node (ai.onnx.ml) turns a tensor [rows, labels] into a list of dictionaries,
which no tensor protocol supports. The graph's output becomes the tensor, and the labels
move to the signature.
"""

from pathlib import Path
from typing import NamedTuple

import onnx

from hotseat_train.external.errors import SourceError


class Cut(NamedTuple):
    """A graph without its maps."""

    graph: Path
    outputs: dict[str, tuple[str, ...]]
    """The labels of each output that was a map."""


def cut(graph: Path, folder: Path) -> Cut:
    """Write the graph without its ZipMap nodes to `folder`; without any, write nothing.

    Raises `SourceError` if a map is not an output of the graph.
    """
    model = onnx.load(str(graph), load_external_data=False)
    maps = [node for node in model.graph.node if node.op_type == "ZipMap"]
    if not maps:
        return Cut(graph, {})
    outputs = {}
    for node in maps:
        labels = _labels(node)
        place = [
            i for i, o in enumerate(model.graph.output) if o.name == node.output[0]
        ]
        if not place:
            raise SourceError(
                f"{graph.name}: a ZipMap node feeds other nodes, and such a graph "
                "cannot be served: export with options={'zipmap': False}"
            )
        tensor = onnx.helper.make_tensor_value_info(
            node.input[0], onnx.TensorProto.FLOAT, [None, len(labels)]
        )
        model.graph.output[place[0]].CopyFrom(tensor)
        model.graph.node.remove(node)
        outputs[node.input[0]] = labels
    path = folder / graph.name
    onnx.save(model, str(path))
    return Cut(path, outputs)


def _labels(node: onnx.NodeProto) -> tuple[str, ...]:
    for attribute in node.attribute:
        if attribute.name == "classlabels_strings" and attribute.strings:
            return tuple(label.decode() for label in attribute.strings)
        if attribute.name == "classlabels_int64s" and attribute.ints:
            return tuple(map(str, attribute.ints))
    return ()
