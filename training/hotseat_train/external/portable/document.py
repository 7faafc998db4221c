"""A published version as one JSON file for SDKs that run plain steps.

The format: docs/reference/portable.md.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_registry import Manifest, Signature
from hotseat_serve.codec.game_json import encode
from hotseat_train.external.errors import SourceError
from hotseat_train.external.portable.graph import Graph
from hotseat_train.external.portable.operators import append, plain
from hotseat_train.external.publish import Prepared
from hotseat_train.onnx_graph.load import load

FORMAT = 1
LARGEST = 2_000_000
"""Maximum bytes of a file: an SDK reads it while the game starts."""
_CHECKED = 8
_OUTPUTS = {
    "classification": ("scores",), "multilabel": ("scores",),
    "regression": ("value",), "policy": ("policy", "value", "legal"),
}  # fmt: skip


def of(prepared: Prepared) -> bytes:
    """Return the file of a fetched version; raises `SourceError`.

    It holds some golden rows, which an SDK checks when it loads the file.
    """
    manifest = prepared.manifest
    check_signature(manifest.kind, manifest.signature)
    if manifest.golden is None:
        raise SourceError(
            f"{manifest.reference} has no golden rows, which devices check: publish it "
            "again with hotseat publish"
        )
    golden = json.loads(prepared.files[manifest.golden].read_bytes())
    rows = [row for row in golden["rows"] if "expected" in row][:_CHECKED]
    variant = manifest.variant(manifest.default_variant)
    tensors = encode(manifest.signature, [rows[0]["input"]])
    graph = Graph(load(prepared.files[variant.file]), tensors)
    outputs = steps(graph, manifest.kind, manifest.signature)
    tolerance = max(float(golden["tolerance"].get(variant.name, 0.0)), 1e-5)
    return text(_document(manifest, graph, outputs, rows, tolerance))


def check_signature(kind: str, signature: Signature) -> None:
    """Raise `SourceError` for what a device without onnxruntime does not answer."""
    why = ""
    forms = {one.form for one in signature.inputs} - {"features", "tensor", "board"}
    fields = [field for one in signature.inputs for field in one.fields or ()]
    if kind not in _OUTPUTS:
        why = f"models of kind {kind!r}"
    elif forms:
        why = f"inputs of form {min(forms)!r}"
    elif signature.rules is not None:
        why = f"the rules of {signature.rules!r}"
    elif any(one.type not in {"number", "category"} or one.reading for one in fields):
        why = "fields other than numbers and categories"
    elif any(level.simulations for level in (signature.levels or {}).values()):
        why = "levels with a search"
    elif any(-1 in one.shape[1:] for one in signature.inputs):
        why = "inputs of any length"
    if why:
        raise SourceError(
            f"{why} are not portable; Python's and TypeScript's SDK have them on the "
            "device (client.download)"
        )


def steps(graph: Graph, kind: str, signature: Signature) -> dict[str, str]:
    """Append the nodes that the answer needs; return the outputs by their role."""
    model = graph.model
    graph.constants |= {
        one.name: graph.values[one.name] for one in model.graph.initializer
    }
    roles = {
        one.role or one.name: one for one in signature.outputs
        if (one.role or one.name) in _OUTPUTS[kind]
    }  # fmt: skip
    needed, nodes = {one.name for one in roles.values()}, []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            nodes.append(node)
            needed |= {name for name in node.input if name}
    for node in reversed(nodes):
        append(graph, node)
    outputs = {role: one.name for role, one in roles.items()}
    if "scores" in roles:
        outputs["scores"] = _probabilities(graph, signature, roles["scores"])
    return {role: graph.name(name) for role, name in outputs.items()}


def _probabilities(graph: Graph, signature: Signature, output: Any) -> str:
    """Append what turns scores into one probability a label, as the service does."""
    name: str = output.name
    count = graph.value(output.name).size
    if output.activation is not None:
        op = "softmax" if output.activation == "softmax" and count > 1 else "sigmoid"
        size = {"size": count} if op == "softmax" else {}
        name = graph.add(op, [name], f"{output.name}/probabilities", **size)
    if len(signature.labels) == 2 and count == 1:
        name = graph.add("pair", [name], f"{output.name}/pair")
    return name


def _document(
    manifest: Manifest,
    graph: Graph,
    outputs: Mapping[str, str],
    rows: list[dict[str, Any]],
    tolerance: float,
) -> dict[str, Any]:
    used = {name for node in graph.nodes for name in node["in"]} | {*outputs.values()}
    return {
        "format": FORMAT,
        "model": manifest.model,
        "version": manifest.version,
        "variant": manifest.default_variant,
        "kind": manifest.kind,
        "signature": manifest.signature.to_json(),
        "nodes": graph.nodes,
        "constants": {
            name: list(map(plain, np.asarray(value).reshape(-1)))
            for name, value in graph.constants.items()
            if name in used
        },
        "outputs": dict(outputs),
        "check": {"tolerance": tolerance, "rows": rows},
    }


def text(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON in UTF-8; raises `SourceError` if it is too large."""
    written = json.dumps(
        document, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()
    if len(written) > LARGEST:
        raise SourceError(
            f"the version has {len(written):,} bytes as JSON; the limit is "
            f"{LARGEST:,}: publish a smaller model, or ask the service alone"
        )
    return written
