"""Adds smaller variants to a version of any graph, and measures them.

The variants answer through the serving code, so agreement and latency are those of the
service.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hotseat_registry import Manifest, Variant
from hotseat_serve.codec import game_json
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import codec_files, loader
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.compression import quantize
from hotseat_train.errors import GateError
from hotseat_train.evaluation import golden_rows, latency_memory, quality_gate
from hotseat_train.external import agreement, card
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.examples import Examples
from hotseat_train.external.publish import Prepared
from hotseat_train.machine import cpu

Tensors = Mapping[str, np.ndarray[Any, Any]]
METHODS = ("dynamic", "static", "fp16")
MOST = 2_000
"""Maximum number of inputs that variants are compared on."""
_NAMES = {"dynamic": "int8-dynamic", "static": "int8-static", "fp16": "fp16"}
_CALIBRATED = 200
"""Number of inputs that the ranges of static int8 are measured on."""
_TIMED = 60
_OPEN_S = 600


@dataclass(frozen=True, slots=True)
class Compressed:
    """A version with more variants than before, the original first."""

    prepared: Prepared
    left_out: Mapping[str, str]
    """Why there is no variant, by its name."""


def compress(
    original: Prepared, data: Examples, folder: Path, methods: Sequence[str] = METHODS
) -> Compressed:
    """Return the version with variants by these methods, each measured on `data`.

    `folder` holds the version's files under their names; the graphs are written there.
    `data` calibrates static int8 and measures agreement, and quality where it has
    targets. A method that fails for this graph is left out.

    Raises `SourceError` if all methods fail, and `UnclearError` for inputs that do not
    fit.
    """
    manifest = original.manifest
    if manifest.kind == "generation":
        raise SourceError(
            f"{manifest.model} is a generator: quantize the run that it came from"
        )
    if manifest.kind in {"pipeline", "retrieval"}:
        raise SourceError(
            f"{manifest.model} is a {manifest.kind}: quantize what it is of (a step's "
            "version, or the encoder), and publish it again with that"
        )
    first = manifest.variants[0]
    made, left_out = _made(original, first, data, folder, methods)
    files = {**original.files, **{path.name: path for path in made.values()}}
    new = tuple(Variant(name, path.name) for name, path in made.items())
    kept = tuple(v for v in manifest.variants[1:] if v.name not in made)
    manifest = replace(manifest, variants=(first, *kept, *new), version=0, files={})
    models = {}
    for variant in manifest.variants:
        try:
            models[variant.name] = _open(manifest, variant, files)
        except Exception as error:  # whatever the runtime raises
            if variant not in new:
                raise
            left_out[variant.name] = str(error)[:200]
    files |= _golden(manifest, models, files, folder, left_out)
    manifest = replace(
        manifest, variants=tuple(v for v in manifest.variants if v.name in models)
    )
    if not set(models) & set(made):
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise SourceError(f"{manifest.model} has no smaller variant: {reasons}")
    for name in made.keys() - models.keys():
        del files[made[name].name]
    manifest = _measured(manifest, models, files, data, folder)
    manifest = replace(manifest, card=card.with_variants(manifest))
    return Compressed(replace(original, manifest=manifest, files=files), left_out)


def gated(version: Prepared, max_drop: float) -> tuple[Prepared, list[str]]:
    """Return the version without the variants that the gate refuses, and the reasons.

    The smallest variant that is not much slower than the first becomes the default.
    """
    manifest = version.manifest
    kept, refused = [], []
    for variant in manifest.variants:
        if "quality_drop_interval" in variant.metrics:
            try:
                quality_gate.check(variant, manifest.variants[0], max_drop)
            except GateError as error:
                refused.append(str(error))
                continue
        kept.append(variant)
    default = quality_gate.default(kept).name
    files = {
        name: path
        for name, path in version.files.items()
        if name not in {file for v in manifest.variants for file in v.files}
        or name in {file for v in kept for file in v.files}
    }
    manifest = replace(manifest, variants=tuple(kept), default_variant=default)
    return replace(version, manifest=manifest, files=files), refused


def _made(
    original: Prepared,
    first: Variant,
    data: Examples,
    folder: Path,
    methods: Sequence[str],
) -> tuple[dict[str, Path], dict[str, str]]:
    """Write the graphs; return them, and why there are no others, by name."""
    signature = original.manifest.signature
    files = codec_files.open_files(signature, original.files)
    calls = []
    for number, given in enumerate(data.inputs[:_CALIBRATED]):
        try:
            calls.append(game_json.encode(signature, [given], files=files))
        except Problem as problem:
            raise UnclearError(f"input {number + 1} does not fit: {problem}") from None
    graph = folder / first.file
    size = sum(original.files[name].stat().st_size for name in first.files)
    made: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for method in methods:
        name = _NAMES[method]
        path = folder / f"{graph.stem}.{name}.onnx"
        try:
            _MAKERS[method](graph, path, calls)
        except Exception as error:  # noqa: BLE001 (quantizers have no common error)
            left_out[name] = str(error)[:200]
            continue
        if path.stat().st_size >= size:
            left_out[name] = "it is not smaller than the original"
        else:
            made[name] = path
    return made, left_out


def _fp16(graph: Path, target: Path, calls: Sequence[Tensors]) -> Path:
    """Write the graph in half precision; inputs and outputs keep their types."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    del calls
    onnx.save(
        convert_float_to_float16(onnx.load(str(graph)), keep_io_types=True), str(target)
    )
    return target


_MAKERS: Mapping[str, Callable[[Path, Path, Sequence[Tensors]], Path]] = {
    "dynamic": lambda graph, target, _: quantize.dynamic(graph, target),
    "static": lambda graph, target, calls: quantize.static(
        graph, target, "minmax", calls
    ),
    "fp16": _fp16,
}


def _open(
    manifest: Manifest, variant: Variant, files: Mapping[str, Path]
) -> LoadedModel:
    paths = {name: files[name] for name in manifest.needed_files}
    paths["graph"] = files[variant.file]
    return loader.open_variant(manifest, variant.name, paths, 1, _OPEN_S)


def _measured(
    manifest: Manifest,
    models: Mapping[str, LoadedModel],
    files: Mapping[str, Path],
    data: Examples,
    folder: Path,
) -> Manifest:
    """Return the manifest with each variant's size, speed, agreement and quality."""
    try:
        answers = {
            name: [model.predict([given])[0] for given in data.inputs]
            for name, model in models.items()
        }
    except Problem as problem:
        raise UnclearError(f"an input does not fit: {problem}") from None
    requests: list[tuple[Any, dict[str, Any]]] = [(one, {}) for one in data.inputs]
    times = latency_memory.latency(models, list(islice(cycle(requests), _TIMED)))
    first, labels = manifest.variants[0].name, manifest.signature.labels
    variants = [
        replace(
            variant,
            metrics={
                **variant.metrics,
                "bytes": sum(files[name].stat().st_size for name in variant.files),
                "milliseconds": round(times[variant.name], 4),
                "speed": round(times[first] / times[variant.name], 3),
                **latency_memory.fresh_process(
                    manifest, variant.name, folder, requests
                ),
                "cpu": cpu(),
                **agreement.compare(
                    answers[variant.name], answers[first], data.targets, labels
                ),
            },
        )
        for variant in manifest.variants
    ]
    return replace(manifest, variants=tuple(variants))


def _golden(
    manifest: Manifest,
    models: dict[str, LoadedModel],
    files: Mapping[str, Path],
    folder: Path,
    left_out: dict[str, str],
) -> dict[str, Path]:
    """Write the version's golden rows with the tolerances of all variants.

    Takes variants whose answers have another form out of `models`.
    """
    if manifest.golden is None:
        return {}
    before = json.loads(files[manifest.golden].read_bytes())
    rows = [(row["input"], row.get("options") or {}) for row in before["rows"]]
    document = golden_rows.of(rows, models)
    for name, tolerance in list(document["tolerance"].items()):
        if not isfinite(tolerance):
            left_out[name] = "its answers have another form than the original's"
            del models[name], document["tolerance"][name]
        elif name in before["tolerance"]:
            document["tolerance"][name] = max(tolerance, before["tolerance"][name])
    path = folder / "compressed-golden.json"
    golden_rows.write(path, document)
    return {manifest.golden: path}
