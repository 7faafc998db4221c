"""Check that a signature fits its graph.

Checked at publishing, by `verify`, at import, and each time a version is opened: a
signature that does not fit its graph would fail every request.
"""

from collections.abc import Mapping

from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_types import Tensor
from hotseat_registry.manifest import Manifest

_FLOATS = {"FP16", "FP32", "FP64"}
_ZIPMAP = (
    "maps are what skl2onnx writes by default: export again with "
    "options={'zipmap': False}"
)


def check(
    manifest: Manifest, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
) -> None:
    """Raise `IntegrityError` that names all that does not fit."""
    faults = [
        *_texts(manifest),
        *_decision(manifest, outputs),
        *_inputs(manifest, inputs),
        *_outputs(manifest, outputs),
        *_KINDS[manifest.kind](manifest, outputs),
    ]
    if faults:
        where = manifest.reference if manifest.version else manifest.model
        raise IntegrityError(
            f"{where}: the signature does not fit the graph: {'; '.join(faults)}"
        )


def _texts(manifest: Manifest) -> list[str]:
    """Return what is wrong with the rules for long texts."""
    signature, faults = manifest.signature, []
    neutral = signature.neutral_label
    if neutral is not None and neutral not in signature.labels:
        faults.append(f"neutral_label {neutral!r} is none of the labels")
    ruled = [item for item in signature.inputs if item.too_long not in {None, "refuse"}]
    if len(ruled) > 1:
        faults.append("only one input may have long texts cut or judged in parts")
    for item in ruled:
        what = f"too_long of {item.name!r} is {item.too_long!r}"
        if item.too_long not in {"cut", "parts"}:
            faults.append(f"{what}; it is refuse, cut or parts")
        elif item.form != "text" or item.max_bytes is None:
            faults.append(f"{what}, which takes a text with max_bytes")
        elif item.too_long == "parts" and not (
            manifest.kind == "classification" and neutral and item.shape[:1] == (-1,)
        ):
            faults.append(
                f"{what}, which takes a classification of any number of rows with a "
                "neutral_label: the part that is least likely to be neutral counts"
            )
    return faults


def _decision(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    """Return what is wrong with categories and operating points."""
    signature, faults = manifest.signature, []
    found = signature.output("categories")
    if (signature.categories is None) != (found is None):
        faults.append("categories are names and an output with that role, or neither")
    elif found is not None and found.name in outputs:
        count, shape = len(signature.categories or ()), outputs[found.name].shape
        if shape is not None and (len(shape) != 2 or shape[1] not in {-1, count}):
            faults.append(
                f"{found.name!r} has the shape {list(shape)}, for {count} categories"
            )
    decision = signature.decision
    if decision is None:
        return faults
    if manifest.kind != "classification":
        faults.append(f"a {manifest.kind} has no decision; a classification may")
    unknown = [name for name in decision.labels if name not in signature.labels]
    faults += [f"decision: {name!r} is none of the labels" for name in unknown]
    texts = [item for item in signature.inputs if item.form == "text"]
    if decision.conversation is not None and len(texts) != 1:
        faults.append("decision: a conversation takes one input of form text")
    return faults


def _inputs(manifest: Manifest, inputs: Mapping[str, Tensor]) -> list[str]:
    faults = []
    named = {item.name: item for item in manifest.signature.inputs}
    for name, item in named.items():
        tensor = inputs.get(name)
        if tensor is None:
            faults.append(f"it has no input {name!r}; it has {_listed(inputs)}")
        elif tensor.datatype != item.datatype:
            faults.append(
                f"its input {name!r} is {tensor.datatype}, the signature says "
                f"{item.datatype}"
            )
        elif tensor.shape is not None and not _fits(item.shape, tensor.shape):
            faults.append(
                f"its input {name!r} has the shape {list(tensor.shape)}, the signature "
                f"says {list(item.shape)}"
            )
    further = [name for name in inputs if name not in named]
    faults += [f"it wants a further input {name!r}" for name in further]
    return faults


def _fits(said: tuple[int, ...], there: tuple[int, ...]) -> bool:
    return len(said) == len(there) and all(
        a == b or -1 in {a, b} for a, b in zip(said, there, strict=True)
    )


def _outputs(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    faults = []
    for item in manifest.signature.outputs:
        tensor = outputs.get(item.name)
        if tensor is None:
            faults.append(f"it has no output {item.name!r}; it has {_listed(outputs)}")
        elif "map" in tensor.datatype:
            faults.append(
                f"its output {item.name!r} is a {tensor.datatype} (ZipMap): {_ZIPMAP}"
            )
        elif tensor.datatype != item.datatype:
            faults.append(
                f"its output {item.name!r} is {tensor.datatype}, the signature says "
                f"{item.datatype}"
            )
    return faults


def _role(
    manifest: Manifest, outputs: Mapping[str, Tensor], role: str, what: str
) -> tuple[Tensor | None, list[str]]:
    """Return the tensor that a kind reads as `role`, or what is wrong with it."""
    output = manifest.signature.output(role)
    found = outputs.get(output.name if output is not None else role)
    if found is not None:
        return found, []
    maps = any("map" in tensor.datatype for tensor in outputs.values())
    way = f" ({_ZIPMAP})" if maps else ""
    return None, [f"{what}; it has {_listed(outputs)}{way}"]


def _classification(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    labels = len(manifest.signature.labels)
    if not labels:
        return [f"a {manifest.kind} needs labels"]
    what = f"a {manifest.kind} answers 'scores' [rows, labels]"
    found, faults = _role(manifest, outputs, "scores", what)
    if found is None:
        return faults
    if found.datatype not in _FLOATS:
        faults.append(f"'scores' has to be a float, and is {found.datatype}")
    output = manifest.signature.output("scores")
    if output is not None and output.activation not in {None, "softmax", "sigmoid"}:
        faults.append(
            f"activation {output.activation!r} is neither softmax nor sigmoid"
        )
    shape = found.shape
    if shape is None or (labels == 2 and _is_column(shape)):
        return faults
    if len(shape) != 2 or shape[1] not in {-1, labels}:
        faults.append(f"'scores' has the shape {list(shape)}, for {labels} labels")
    return faults


def _is_column(shape: tuple[int, ...]) -> bool:
    """Tell whether there is one number a row: the second label's."""
    return len(shape) == 1 or shape[1:] == (1,)


def _regression(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    return _role(manifest, outputs, "value", "a regression answers 'value' [rows]")[1]


def _embedding(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    what = "an embedding answers 'embedding' [rows, size]"
    found, faults = _role(manifest, outputs, "embedding", what)
    output = manifest.signature.output("embedding")
    if found is None or found.shape is None or output is None:
        return faults
    if output.pooling not in {None, "mean", "first"}:
        return [f"pooling {output.pooling!r} is neither mean nor first"]
    shape = found.shape
    if output.pooling is not None and len(shape) != 3:
        return [f"pooling takes [rows, tokens, size], not the shape {list(shape)}"]
    return []


def _policy(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    labels = len(manifest.signature.labels)
    found, faults = _role(
        manifest, outputs, "policy", "a policy answers 'policy' [rows, actions]"
    )
    if found is None or found.shape is None:
        return faults
    if len(found.shape) != 2 or (labels and found.shape[1] not in {-1, labels}):
        return [f"'policy' has the shape {list(found.shape)}, for {labels} actions"]
    return []


def _generation(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    plan = manifest.signature.generation
    if plan is None:
        return ["the signature does not say how to generate"]
    if plan.grid not in {item.name for item in manifest.signature.inputs}:
        return [f"the signature has no input {plan.grid!r} for the cells"]
    if not manifest.signature.outputs:
        return ["a generation needs an output, the logits of the next cell"]
    found = outputs.get(manifest.signature.outputs[0].name)
    tiles = len(plan.alphabet)
    if found is None or found.shape is None:
        return []
    if len(found.shape) != 2 or found.shape[1] not in {-1, tiles}:
        return [f"its logits have the shape {list(found.shape)}, for {tiles} tiles"]
    return []


def _tensor(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    del manifest, outputs
    return []  # named arrays, whatever they are


_KINDS = {
    "classification": _classification,
    "multilabel": _classification,
    "regression": _regression,
    "embedding": _embedding,
    "policy": _policy,
    "generation": _generation,
    "tensor": _tensor,
}


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{n!r} ({t.datatype})" for n, t in tensors.items()) or "none"
