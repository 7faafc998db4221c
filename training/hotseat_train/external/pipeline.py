"""Describes, measures and publishes a pipeline: several graphs as one version."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx

from hotseat_registry import Manifest, Reference, Registry, Variant, graph
from hotseat_registry.errors import IntegrityError, RegistryError
from hotseat_registry.names import check_name
from hotseat_registry.signature import Input, Output, Signature
from hotseat_registry.steps import ANSWERS, REGIONS, TRANSCRIPTION, Step, Transcription
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import loader
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.external import agreement, card, examples, pipeline_file
from hotseat_train.external.description import Description
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.pipeline_file import PipelineFile, StepEntry
from hotseat_train.external.publish import OPEN_S, VARIANT, Prepared, measured
from hotseat_train.external.version import fetch
from hotseat_train.onnx_graph import int8_weights

_MAX_ROWS = 8
"""Pictures of one request."""
_MOST = 500
"""Examples that the accuracy is measured on."""
_WORDS = ("good game", "well played everyone", "ONE MORE ROUND?", "see you tomorrow")
_ROLES = {REGIONS: "probabilities", TRANSCRIPTION: "characters"}
_SHAPES = {
    REGIONS: ((-1, 3, -1, -1), (-1, 1, -1, -1)),
    TRANSCRIPTION: ((-1, 3, -1, -1), (-1, -1, -1)),
}


class _Part(NamedTuple):
    """One step, and the files that it brings."""

    step: Step
    files: Mapping[str, Path]
    data: tuple[str, ...] = ()
    """Names of files with the graph's weights."""
    is_int8: bool = False


def prepare(
    path: Path,
    model: str | None,
    registry: Registry,
    folder: Path,
    *,
    example: Path | None = None,
    target: str | None = None,
) -> Prepared:
    """Read a pipeline's file, run and measure it; write its files to `folder`.

    Steps that name a version take it from `registry`. `example` has inputs; with the
    true labels in its field `target`, the accuracy is measured, which a gate compares.

    Raises `SourceError` if it cannot be served, and `RegistryError`.
    """
    described = pipeline_file.read(path)
    name = check_name(model or described.model or path.stem)
    parts = [_part(entry, registry, folder) for entry in described.steps]
    files = _files(parts)
    graphs = {part.step.name: f"{part.step.name}.onnx" for part in parts}
    data = tuple(name for part in parts for name in part.data)
    signature = Signature(
        inputs=(Input(described.form, "BYTES", (-1,), described.form,
                      max_bytes=described.max_bytes),),
        outputs=(),
        labels=described.labels,
        max_rows=_MAX_ROWS,
    )  # fmt: skip
    first = next(iter(graphs.values()))
    try:
        manifest = Manifest(
            model=name, kind="pipeline", signature=signature,
            variants=(Variant(VARIANT, first, data=data or None, graphs=graphs),),
            default_variant=VARIANT, golden="golden.json",
            lineage={"source": path.name, "tool": "publish",
                     "steps": {p.step.name: p.step.origin or "a graph" for p in parts}},
            steps=tuple(part.step for part in parts),
        )  # fmt: skip
        for file in graphs.values():
            graph.check(files[file], files)
    except IntegrityError as error:
        raise SourceError(f"{path.name}: {error}") from None
    inputs, targets = _inputs(described, signature, example, target)
    is_int8 = any(part.is_int8 for part in parts)
    manifest = measured(manifest, files, files, inputs, folder, is_int8=is_int8)
    files["golden.json"] = folder / "golden.json"
    if targets is not None:
        manifest = _with_accuracy(manifest, files, inputs, targets)
    manifest = replace(
        manifest, card=card.of(manifest, path.name, (), random=example is None)
    )
    loader.open_variant(
        manifest, VARIANT, {**files, "golden": files["golden.json"]}, 1, OPEN_S
    )
    described_version = Description(manifest.kind, manifest.signature)
    return Prepared(manifest, files, described_version, random=example is None)


def _files(parts: Sequence[_Part]) -> dict[str, Path]:
    """Return the files of all steps by name; raises `SourceError` for a clash."""
    files: dict[str, Path] = {}
    for part in parts:
        for name, path in part.files.items():
            if name in files and files[name].read_bytes() != path.read_bytes():
                raise SourceError(
                    f"two steps have a file {name!r}: write their weights into the "
                    "graphs"
                )
            files[name] = path
    return files


def _part(entry: StepEntry, registry: Registry, folder: Path) -> _Part:
    check_name(entry.name, "step")
    if entry.version:
        return _published(entry, registry, folder)
    assert entry.graph is not None
    assert entry.image is not None
    if not entry.graph.is_file():
        raise SourceError(f"step {entry.name!r}: there is no file {entry.graph}")
    try:
        found = graph.check(entry.graph, ())
    except IntegrityError as error:
        raise SourceError(f"step {entry.name!r}: {error}") from None
    if found is None or len(found.inputs) != 1 or len(found.outputs) != 1:
        raise SourceError(
            f"step {entry.name!r}: expected an ONNX graph of one input and one output"
        )
    (given,), (answered,) = found.inputs, found.outputs
    shape, out = _SHAPES[entry.kind]
    signature = Signature(
        inputs=(Input(given, "FP32", shape, "image", image=entry.image),),
        outputs=(Output(answered, "FP32", out, role=_ROLES[entry.kind]),),
    )
    files = {f"{entry.name}.onnx": entry.graph}
    transcription = None
    if entry.kind == TRANSCRIPTION:
        name = f"{entry.name}-characters.json"
        classes = (found.outputs[answered].shape or (-1,))[-1]
        files[name] = folder / name
        files[name].write_text(json.dumps(_characters(entry, classes)))
        transcription = Transcription(name, entry.least_width, entry.least_probability)
    step = Step(entry.name, entry.kind, signature, entry.source, entry.regions,
                transcription)  # fmt: skip
    return _Part(step, files)


def _characters(entry: StepEntry, classes: int) -> list[str]:
    """Return the characters of all classes but the blank; raises `SourceError`."""
    assert entry.graph is not None
    if entry.characters is not None:
        found = entry.characters.read_text("utf-8").splitlines()
    else:
        metadata = onnx.load(entry.graph, load_external_data=False).metadata_props
        texts = [item.value for item in metadata if item.key == "character"]
        if not texts:
            raise SourceError(
                f"step {entry.name!r}: the graph does not name its characters: "
                'characters = "FILE" gives them, one a line'
            )
        # a line may hold a character at which str.splitlines() splits
        found = texts[0].removesuffix("\n").split("\n")
    if classes == len(found) + 2:
        found.append(" ")  # PaddleOCR's readers have the space as their last class
    if classes not in {-1, len(found) + 1}:
        raise SourceError(
            f"step {entry.name!r}: {len(found):,} characters and the blank, for "
            f"{classes:,} classes of the graph"
        )
    return found


def _published(entry: StepEntry, registry: Registry, folder: Path) -> _Part:
    """Take graph and signature of a published version; raises `SourceError`."""
    where = f"step {entry.name!r}"
    own = folder / f"from-{entry.name}"
    own.mkdir()
    try:
        version = fetch(registry, Reference.parse(entry.version), own)
        manifest = version.manifest
        variant = manifest.variant(entry.variant or manifest.default_variant)
    except RegistryError as error:
        raise SourceError(f"{where}: {error}") from None
    if manifest.kind not in ANSWERS:
        raise SourceError(
            f"{where}: {manifest.reference} is of kind {manifest.kind}; a step takes "
            f"{', '.join(ANSWERS)}"
        )
    signature = manifest.signature
    files = {f"{entry.name}.onnx": version.files[variant.file]}
    inputs = []
    for item in signature.inputs:
        if item.tokens is not None:
            name = f"{entry.name}-{item.tokens.file}"
            files[name] = version.files[item.tokens.file]
            item = replace(item, tokens=replace(item.tokens, file=name))  # noqa: PLW2901
        inputs.append(item)
    data = tuple(variant.data or ())
    files |= {name: version.files[name] for name in data}
    step = Step(
        entry.name, manifest.kind, replace(signature, inputs=tuple(inputs)),
        entry.source, flags=entry.flags, threshold=entry.threshold,
        origin=manifest.reference,
    )  # fmt: skip
    is_int8 = int8_weights.multiplies_integers(version.files[variant.file])
    return _Part(step, files, data, is_int8)


def _inputs(
    described: PipelineFile,
    signature: Signature,
    example: Path | None,
    target: str | None,
) -> tuple[list[Any], list[Any] | None]:
    """Return the inputs to measure with, and their true labels, if there are any."""
    if example is None:
        if target is not None:
            raise UnclearError("--target names a field of the file of --example")
        if described.form == "text":
            return [{"text": words} for words in _WORDS], None
        return [{"image": picture(words)} for words in _WORDS], None
    read = examples.read_labelled(example, signature, target, _MOST)
    key = signature.inputs[0].key
    inputs = [one if isinstance(one, Mapping) else {key: one} for one in read.inputs]
    if read.targets is not None:
        for label in read.targets:
            if label not in signature.labels:
                raise UnclearError(
                    f"{example.name}: {label!r} is none of the labels "
                    f"{', '.join(signature.labels) or '(the pipeline has none)'}"
                )
    return inputs, read.targets


def picture(words: str) -> str:
    """Return a picture of 320 x 180 pixels that shows words, as a PNG in base64."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    shown = PIL.Image.new("RGB", (320, 180), (54, 70, 82))
    drawing = PIL.ImageDraw.Draw(shown)
    drawing.rectangle((10, 50, 310, 130), fill=(232, 226, 208))
    font = PIL.ImageFont.load_default(24)
    drawing.text((24, 74), words, fill=(30, 26, 20), font=font)
    buffer = io.BytesIO()
    shown.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _with_accuracy(
    manifest: Manifest,
    files: Mapping[str, Path],
    inputs: Sequence[Any],
    targets: Sequence[Any],
) -> Manifest:
    """Return the manifest with the accuracy on examples, and its 95 % interval."""
    model = loader.open_variant(manifest, VARIANT, files, 1, OPEN_S)
    answers = [_answer(model, given, at) for at, given in enumerate(inputs)]
    found = agreement.compare(answers, answers, targets, manifest.signature.labels)
    kept = {name: found[name] for name in ("rows", "accuracy", "interval")}
    (variant,) = manifest.variants
    neutral = manifest.signature.labels[0]
    is_neutral = np.array([target == neutral for target in targets])
    raised = np.array([answer["label"] != neutral for answer in answers])
    if is_neutral.any() and not is_neutral.all():
        kept["caught"] = round(float(raised[~is_neutral].mean()), 5)
        kept["false_alarms"] = round(float(raised[is_neutral].mean()), 5)
    return replace(
        manifest, variants=(replace(variant, metrics={**variant.metrics, **kept}),)
    )


def _answer(model: LoadedModel, given: Any, at: int) -> dict[str, Any]:
    try:
        return model.predict([given])[0]
    except Problem as problem:
        raise UnclearError(f"example {at + 1} does not fit: {problem}") from None
