"""Loads graphs from files, including those of older versions."""

from pathlib import Path

import onnx


def load(path: Path) -> onnx.ModelProto:
    """Return the graph of a file, with one operator set for each domain.

    Table runs of older versions import a domain more than once; the newest operator set
    remains.
    """
    model = onnx.load(path)
    versions: dict[str, int] = {}
    for item in model.opset_import:
        domain = "" if item.domain == "ai.onnx" else item.domain
        versions[domain] = max(item.version, versions.get(domain, 0))
    if len(versions) < len(model.opset_import):
        del model.opset_import[:]
        model.opset_import.extend(
            onnx.helper.make_opsetid(*item) for item in versions.items()
        )
    return model
