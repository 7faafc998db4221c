"""Describes, measures and publishes a graph that was trained elsewhere."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import LIVE, Manifest, Registry, Variant, graph
from hotseat_registry.errors import IntegrityError
from hotseat_registry.names import check_name
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_registry.signature import Signature
from hotseat_registry.wrapping_keys import WrappingKey
from hotseat_serve.codec import game_json
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import codec_files, loader
from hotseat_serve.runtime.session import Session
from hotseat_train.evaluation import golden_rows, latency_memory
from hotseat_train.external import background as backgrounds
from hotseat_train.external import card, description, examples, source, zipmap
from hotseat_train.external.description import Description
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.overrides import Overrides
from hotseat_train.machine import cpu
from hotseat_train.onnx_graph import int8_weights

VARIANT = "original"
_RANDOM = 16
"""Number of random examples, without a file of examples."""
_GOLDEN_ROWS, _GOLDEN_BYTES = 8, 200_000
_TIMED = 50
"""Number of predictions that the latency is the median of."""
OPEN_S = 600
"""Seconds that opening a version may take here."""
_REMEDIES = {
    "bfloat16": "the CPU runtime does not support it: export in float32 or float16",
    "Could not find an implementation": "export with another opset or data type",
    "is not known": "ONNX Runtime has only its own operators: export without "
    "custom ones; a tokenizer.json or --image replaces preprocessing operators",
    "Unsupported model IR": "export with an older version of onnx",
    "opset": "export with an opset that the runtime knows, 7 to 24",
    "'seq(": "export tensors as outputs (skl2onnx: options={'zipmap': False})",
    "'map(": "export tensors as outputs (skl2onnx: options={'zipmap': False})",
    "'optional(": "export tensors as inputs and outputs",
    "undefined": "every output needs a known rank: export with static ranks",
}
"""Remedies, by a part of the error text of the registry or the runtime."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version before it is published."""

    manifest: Manifest
    files: Mapping[str, Path]
    described: Description
    random: bool
    """Whether the examples are random."""


def inspect(path: Path, overrides: Overrides, folder: Path) -> Description:
    """Return a graph's description without measurements; raises `TrainError`."""
    origin = source.find(path)
    cut, session = open_graph(origin, folder)
    return description.describe(session, origin, overrides, cut.outputs)


def prepare(
    path: Path,
    model: str,
    overrides: Overrides,
    folder: Path,
    *,
    example: Path | None = None,
    target: str | None = None,
    background: Path | None = None,
    reasons: Path | None = None,
) -> Prepared:
    """Describe, run and measure a graph; write the version's files to `folder`.

    `example` has inputs, and true answers in its field `target`, which is left out.
    `background` has invented inputs that explanations refer to (default: drawn from the
    example's columns or the signature's ranges), `reasons` codes and texts.

    Raises `SourceError` if the graph cannot be served, and `UnclearError` if a flag is
    missing.
    """
    check_name(model)
    origin = source.find(path)
    cut, session = open_graph(origin, folder)
    described = description.describe(session, origin, overrides, cut.outputs)
    files = {"model.onnx": cut.graph, **origin.data}
    for name in described.signature.files:
        assert origin.tokenizer is not None
        files[name] = origin.tokenizer
    paths = {"graph": cut.graph, **{n: files[n] for n in described.signature.files}}
    opened = codec_files.open_files(described.signature, paths)
    if example is None:
        inputs, scores = _random_examples(session, described.signature, opened)
    else:
        read = examples.read_labelled(example, described.signature, target)
        inputs = named(read.inputs, described.signature)
        scores = _scores(session, described.signature, inputs, opened)
    described = description.with_activation(described, scores, overrides.activation)
    is_int8 = int8_weights.multiplies_integers(cut.graph)
    if is_int8 and int8_weights.overflows(cut.graph):
        described = replace(
            described, notes=(*described.notes, int8_weights.OVERFLOWING)
        )
    manifest = Manifest(
        model=model,
        kind=described.kind,
        signature=described.signature,
        variants=(Variant(VARIANT, "model.onnx", data=tuple(origin.data) or None),),
        default_variant=VARIANT,
        golden="golden.json",
        lineage={"source": path.name, "tool": "publish"},
    )
    manifest = measured(manifest, paths, files, inputs, folder, is_int8=is_int8)
    files["golden.json"] = folder / "golden.json"
    files |= backgrounds.write(
        manifest.signature, inputs if example is not None else (), folder,
        background, reasons,
    )  # fmt: skip
    manifest = replace(
        manifest,
        card=card.of(manifest, path.name, described.notes, random=example is None),
    )
    loader.open_variant(
        manifest, VARIANT, {**paths, "golden": files["golden.json"]}, 1, OPEN_S
    )
    return Prepared(manifest, files, described, example is None)


def publish(
    prepared: Prepared,
    registry: Registry,
    *,
    by: str,
    progress: StartProgress = no_progress,
    parent: str | None = None,
    encrypt: WrappingKey | None = None,
) -> Manifest:
    """Publish a prepared version as the model's next one, its files encrypted or not.

    `parent` is the version that it was made from; without one, it is the live version.
    """
    live = registry.aliases(prepared.manifest.model).get(LIVE)
    if parent is None and live:
        parent = f"{prepared.manifest.model}@{live}"
    lineage = {**prepared.manifest.lineage, "parent": parent}
    manifest = replace(prepared.manifest, lineage=lineage)
    return registry.publish(
        manifest, prepared.files, by=by, progress=progress, encrypt=encrypt
    )


def open_graph(origin: source.Source, folder: Path) -> tuple[zipmap.Cut, Session]:
    """Check and open the graph; raises `SourceError` with the reason."""
    try:
        described = graph.check(origin.graph, origin.data)
        if described is not None:
            _check_interface(described, origin.graph.name)
        cut = zipmap.cut(origin.graph, folder)
        if cut.graph != origin.graph:
            for name, path in origin.data.items():
                shutil.copyfile(path, folder / name)
        return cut, Session(cut.graph)
    except IntegrityError as error:
        raise SourceError(_reason(str(error))) from None


def _check_interface(described: graph.Interface, name: str) -> None:
    """Refuse what the runtime accepts or explains badly.

    These are bfloat16, inputs of unknown rank, which it shows as scalars, and a graph
    without inputs.
    """
    for part in (described.inputs, described.outputs):
        for tensor, (kind, shape) in part.items():
            if kind == "bfloat16":
                raise SourceError(f"{name}: {tensor!r} is {kind}: {_REMEDIES[kind]}")
            if shape is None and part is described.inputs:
                raise SourceError(
                    f"{name}: the input {tensor!r} has no known rank: export with "
                    "static ranks"
                )
    if not described.inputs:
        raise SourceError(
            f"{name} has no input, so its answer never changes: export the network "
            "with its inputs"
        )


def _reason(text: str) -> str:
    """Return an error of the registry or the runtime with its remedy."""
    for part, remedy in _REMEDIES.items():
        if part in text:
            return f"{text}: {remedy}"
    return text


def named(inputs: Sequence[Any], signature: Signature) -> list[Any]:
    """Wrap bare examples in an object with the name of the only input."""
    keys = list(dict.fromkeys(item.key for item in signature.inputs))
    if len(keys) != 1 or signature.inputs[0].form == "features":
        return list(inputs)
    return [
        one if isinstance(one, dict) and keys[0] in one else {keys[0]: one}
        for one in inputs
    ]


def _random_examples(
    session: Session, signature: Signature, opened: Mapping[str, Any]
) -> tuple[list[Any], list[np.ndarray]]:
    """Return random examples that fit the graph, and its scores for them.

    Raises `UnclearError` if no length fits.
    """
    for length in examples.LENGTHS:
        rng = np.random.default_rng(0)
        inputs = examples.random(signature, _RANDOM, rng, length)
        try:
            return inputs, _scores(session, signature, inputs, opened)
        except UnclearError as error:
            refused = error
    raise UnclearError(f"no random input fits: {refused}")


def _scores(
    session: Session,
    signature: Signature,
    inputs: Sequence[Any],
    opened: Mapping[str, Any],
) -> list[np.ndarray]:
    """Return the scores of each example; raises `UnclearError` for unfit examples."""
    output = signature.output("scores")
    scores = []
    for number, one in enumerate(inputs):
        try:
            tensors = game_json.encode(signature, [one], files=opened)
            outputs = session.run(tensors)
        except Problem as problem:
            raise UnclearError(
                f"example {number + 1} does not fit: {problem}; use --example FILE to "
                "supply inputs"
            ) from None
        if output is not None:
            scores.append(outputs[output.name])
    return scores


def measured(
    manifest: Manifest,
    paths: Mapping[str, Path],
    files: Mapping[str, Path],
    inputs: Sequence[Any],
    folder: Path,
    *,
    is_int8: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write the golden rows; return the manifest with the variant's measurements.

    With `is_int8` a graph multiplies 8-bit integers, whose sums differ between CPUs.
    Golden rows have the `options`.
    """
    model = loader.open_variant(manifest, VARIANT, paths, 1, OPEN_S)
    try:
        requests = [(one, dict(options or {})) for one in inputs]
        golden = golden_rows.of(requests[:_GOLDEN_ROWS], {VARIANT: model})
    except Problem as problem:
        raise UnclearError(f"the examples do not fit: {problem}") from None
    while len(golden["rows"]) > 1 and len(json.dumps(golden)) > _GOLDEN_BYTES:
        golden["rows"].pop()
    largest = max(map(_largest, (row["expected"] for row in golden["rows"])), default=1)
    golden["tolerance"][VARIANT] = max(
        golden["tolerance"][VARIANT],
        float(f"{1e-3 * max(1.0, largest):.3g}"),
        golden_rows.SATURATING if is_int8 else 0.0,
    )
    golden_rows.write(folder / "golden.json", golden)
    for name in files:
        if not (folder / name).exists():
            (folder / name).symlink_to(files[name].resolve())
    size = sum(files[name].stat().st_size for name in manifest.variants[0].files)
    timed = list(islice(cycle(requests), _TIMED))
    metrics = {
        "bytes": size,
        "milliseconds": round(
            latency_memory.latency({VARIANT: model}, timed)[VARIANT], 4
        ),
        **latency_memory.fresh_process(manifest, VARIANT, folder, requests),
        "cpu": cpu(),
    }
    return replace(manifest, variants=(replace(manifest.variants[0], metrics=metrics),))


def _largest(expected: Any) -> float:
    if isinstance(expected, Mapping):
        return max(map(_largest, expected.values()), default=0.0)
    if isinstance(expected, list):
        return max(map(_largest, expected), default=0.0)
    if isinstance(expected, int | float):
        return abs(float(expected))
    return 0.0
