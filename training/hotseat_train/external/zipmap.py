"""Maps of labels to probabilities, which skl2onnx writes, become plain tensors.

A ZipMap node (ai.onnx.ml) makes a list of dictionaries of a tensor [rows, labels]. No
tensor protocol can carry that; the tensor itself and the labels are what is meant.
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
    """Write the graph without its ZipMap nodes to `folder`; as it is, if it has none.

    Raises `SourceError` where a map is no output of the graph.
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
                f"{graph.name}: a ZipMap inside the graph feeds other nodes, which "
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
