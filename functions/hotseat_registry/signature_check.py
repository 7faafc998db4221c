"""Check that a signature fits its graph.

Checked at publishing, by `verify`, at import, and each time a version is opened: a
signature that does not fit its graph would fail every request.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hotseat_registry import text_plan
from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_types import Tensor
from hotseat_registry.manifest import Manifest, Variant
from hotseat_registry.signature import Signature
from hotseat_registry.steps import REGIONS, TRANSCRIPTION

_FLOATS = {"FP16", "FP32", "FP64"}
_ZIPMAP = (
    "maps are what skl2onnx writes by default: export again with "
    "options={'zipmap': False}"
)


class Part(NamedTuple):
    """One graph of a version, as its answers use it."""

    kind: str
    signature: Signature
    where: str


def parts(manifest: Manifest, variant: Variant) -> Iterator[tuple[str, Part]]:
    """Yield each graph's file of a variant, with its part: one, or one a step."""
    whole = _whole(manifest)
    if manifest.steps is None:
        yield variant.file, whole
    for step in manifest.steps or ():
        file = (variant.graphs or {})[step.name]
        where = f"{whole.where}, step {step.name!r}"
        yield file, Part(step.kind, step.signature, where)


def _whole(manifest: Manifest) -> Part:
    where = manifest.reference if manifest.version else manifest.model
    return Part(manifest.kind, manifest.signature, where)


def check(
    part: Part | Manifest, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]
) -> None:
    """Raise `IntegrityError` that names all that does not fit.

    A manifest stands for a version of one graph.
    """
    if isinstance(part, Manifest):
        part = _whole(part)
    if part.kind == "text":
        plan = part.signature.text
        # its inputs and outputs are those of requests, its plan has the graph's
        faults = (
            ["the signature does not say how to write"] if plan is None
            else text_plan.interface_faults(plan, inputs, outputs)
        )  # fmt: skip
    else:
        faults = [
            *_texts(part),
            *_decision(part, outputs),
            *_inputs(part, inputs),
            *_outputs(part, outputs),
            *_KINDS[part.kind](part, outputs),
        ]
    if faults:
        raise IntegrityError(
            f"{part.where}: the signature does not fit the graph: {'; '.join(faults)}"
        )


def _texts(part: Part) -> list[str]:
    """Return what is wrong with the rules for long texts."""
    signature, faults = part.signature, []
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
            part.kind == "classification" and neutral and item.shape[:1] == (-1,)
        ):
            faults.append(
                f"{what}, which takes a classification of any number of rows with a "
                "neutral_label: the part that is least likely to be neutral counts"
            )
    return faults


def _decision(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    """Return what is wrong with categories and operating points."""
    signature, faults = part.signature, []
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
    if part.kind != "classification":
        faults.append(f"a {part.kind} has no decision; a classification may")
    unknown = [name for name in decision.labels if name not in signature.labels]
    faults += [f"decision: {name!r} is none of the labels" for name in unknown]
    texts = [item for item in signature.inputs if item.form == "text"]
    if decision.conversation is not None and len(texts) != 1:
        faults.append("decision: a conversation takes one input of form text")
    if decision.scripts is not None and len(texts) != 1:
        faults.append("decision: scripts take one input of form text")
    if decision.severity is not None:
        rated = set(decision.severity) ^ set(signature.categories or ())
        faults += [
            f"decision: severity rates each category and no other: {name!r}"
            for name in sorted(rated)
        ]
    return faults


def _inputs(part: Part, inputs: Mapping[str, Tensor]) -> list[str]:
    faults = []
    named = {item.name: item for item in part.signature.inputs}
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


def _outputs(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    faults = []
    for item in part.signature.outputs:
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
    part: Part, outputs: Mapping[str, Tensor], role: str, what: str
) -> tuple[Tensor | None, list[str]]:
    """Return the tensor that a kind reads as `role`, or what is wrong with it."""
    output = part.signature.output(role)
    found = outputs.get(output.name if output is not None else role)
    if found is not None:
        return found, []
    maps = any("map" in tensor.datatype for tensor in outputs.values())
    way = f" ({_ZIPMAP})" if maps else ""
    return None, [f"{what}; it has {_listed(outputs)}{way}"]


def _classification(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    labels = len(part.signature.labels)
    if not labels:
        return [f"a {part.kind} needs labels"]
    what = f"a {part.kind} answers 'scores' [rows, labels]"
    found, faults = _role(part, outputs, "scores", what)
    if found is None:
        return faults
    if found.datatype not in _FLOATS:
        faults.append(f"'scores' has to be a float, and is {found.datatype}")
    output = part.signature.output("scores")
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


def _regression(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    return _role(part, outputs, "value", "a regression answers 'value' [rows]")[1]


def _embedding(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    what = "an embedding answers 'embedding' [rows, size]"
    found, faults = _role(part, outputs, "embedding", what)
    output = part.signature.output("embedding")
    if found is None or found.shape is None or output is None:
        return faults
    if output.pooling not in {None, "mean", "first"}:
        return [f"pooling {output.pooling!r} is neither mean nor first"]
    shape = found.shape
    if output.pooling is not None and len(shape) != 3:
        return [f"pooling takes [rows, tokens, size], not the shape {list(shape)}"]
    return []


def _policy(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    labels = len(part.signature.labels)
    found, faults = _role(
        part, outputs, "policy", "a policy answers 'policy' [rows, actions]"
    )
    if found is None or found.shape is None:
        return faults
    if len(found.shape) != 2 or (labels and found.shape[1] not in {-1, labels}):
        return [f"'policy' has the shape {list(found.shape)}, for {labels} actions"]
    return []


def _generation(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    plan = part.signature.generation
    if plan is None:
        return ["the signature does not say how to generate"]
    if plan.grid not in {item.name for item in part.signature.inputs}:
        return [f"the signature has no input {plan.grid!r} for the cells"]
    if not part.signature.outputs:
        return ["a generation needs an output, the logits of the next cell"]
    found = outputs.get(part.signature.outputs[0].name)
    tiles = len(plan.alphabet)
    if found is None or found.shape is None:
        return []
    if len(found.shape) != 2 or found.shape[1] not in {-1, tiles}:
        return [f"its logits have the shape {list(found.shape)}, for {tiles} tiles"]
    return []


def _retrieval(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    faults = _embedding(part, outputs)
    output, retrieval = part.signature.output("embedding"), part.signature.retrieval
    assert retrieval is not None
    found = outputs.get(output.name) if output is not None else None
    if found is not None and found.shape and found.shape[-1] not in {
        -1, retrieval.size,
    }:  # fmt: skip
        faults.append(
            f"its vectors have {found.shape[-1]} numbers, the documents' "
            f"{retrieval.size}"
        )
    return faults


def _map(
    part: Part, outputs: Mapping[str, Tensor], role: str, dimensions: int
) -> list[str]:
    """Return what is wrong with an image in and a map of so many dimensions out."""
    images = [item.image for item in part.signature.inputs]
    if len(images) != 1 or images[0] is None or images[0].multiple is None:
        return [f"{part.kind} takes one image with a multiple"]
    found, faults = _role(part, outputs, role, f"{part.kind} answers {role!r}")
    if found is not None and found.shape and len(found.shape) != dimensions:
        faults.append(f"{role!r} has the shape {list(found.shape)}")
    return faults


def _regions(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    return _map(part, outputs, "probabilities", 4)


def _transcription(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    return _map(part, outputs, "characters", 3)


def _tensor(part: Part, outputs: Mapping[str, Tensor]) -> list[str]:
    del part, outputs
    return []  # named arrays, whatever they are


_KINDS = {
    "classification": _classification,
    "multilabel": _classification,
    "regression": _regression,
    "embedding": _embedding,
    "policy": _policy,
    "generation": _generation,
    "tensor": _tensor,
    "retrieval": _retrieval,
    REGIONS: _regions,
    TRANSCRIPTION: _transcription,
}


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{n!r} ({t.datatype})" for n, t in tensors.items()) or "none"
