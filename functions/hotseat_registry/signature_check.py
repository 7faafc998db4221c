"""Whether a signature fits the graph that answers under it.

Held at publishing, by `verify`, at import, and each time a version is opened: a
signature that promises what the graph does not have would fail every request.
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


def _classification(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    labels = len(manifest.signature.labels)
    if not labels:
        return ["a classification needs labels"]
    found = outputs.get("scores")
    if found is None:
        maps = any("map" in tensor.datatype for tensor in outputs.values())
        way = f" ({_ZIPMAP})" if maps else ""
        there = _listed(outputs)
        return [
            f"a classification answers 'scores' [rows, labels]; it has {there}{way}"
        ]
    if found.datatype not in _FLOATS:
        return [f"'scores' has to be a float, and is {found.datatype}"]
    if found.shape is None:
        return []
    if len(found.shape) != 2 or found.shape[1] not in {-1, labels}:
        hint = ""
        if labels == 2 and found.shape[1:] in {(), (1,)}:
            hint = ": one column for two labels; answer both, 1 - p and p"
        shape = list(found.shape)
        return [f"'scores' has the shape {shape}, and there are {labels} labels{hint}"]
    return []


def _regression(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    del manifest
    found = outputs.get("value")
    if found is None:
        return [f"a regression answers 'value' [rows]; it has {_listed(outputs)}"]
    return []


def _policy(manifest: Manifest, outputs: Mapping[str, Tensor]) -> list[str]:
    labels = len(manifest.signature.labels)
    found = outputs.get("policy")
    if found is None:
        return [f"a policy answers 'policy' [rows, actions]; it has {_listed(outputs)}"]
    if found.shape is None:
        return []
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
    "regression": _regression,
    "policy": _policy,
    "generation": _generation,
    "tensor": _tensor,
}


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{n!r} ({t.datatype})" for n, t in tensors.items()) or "none"
