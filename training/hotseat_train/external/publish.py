"""From a model's file to a version: described, run, measured, published."""

import json
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import LIVE, Manifest, Registry, Variant, graph
from hotseat_registry.errors import IntegrityError
from hotseat_registry.names import check_name
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_registry.signature import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import loader
from hotseat_serve.runtime.session import Session
from hotseat_train.evaluation import golden_rows, latency_memory
from hotseat_train.external import card, description, examples, source, zipmap
from hotseat_train.external.description import Description
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.wishes import Wishes

VARIANT = "original"
_RANDOM = 16
"""Random examples, where none are given."""
_GOLDEN_ROWS, _GOLDEN_BYTES = 8, 200_000
_TIMED_S, _TIMED = 2.0, 200
"""Seconds and runs for the latency, whichever comes first."""
_OPEN_S = 600
_WAYS = {
    "bfloat16": "the runtime has none on a CPU: export in float32 or float16",
    "Could not find an implementation": "export with another opset or data type",
    "is not known": "only ONNX Runtime's own operators are served: export without "
    "custom ones; a tokenizer.json or --image takes the place of preprocessing",
    "Unsupported model IR": "export with an older version of onnx",
    "opset": "export with an opset that the runtime knows, 7 to 24",
    "undefined": "every output needs its dimensions: export with static ranks",
}
"""What the registry or the runtime refuses, by its words, and the way out."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version before it is published."""

    manifest: Manifest
    files: Mapping[str, Path]
    described: Description
    random: bool
    """Whether the examples are random."""
    examples: int


def inspect(path: Path, wishes: Wishes, folder: Path) -> Description:
    """Return what a model is, without measuring it; raises `TrainError`."""
    found = source.find(path)
    cut, session = open_graph(found, folder)
    return description.describe(session, found, wishes, cut.outputs)


def prepare(
    path: Path,
    model: str,
    wishes: Wishes,
    folder: Path,
    *,
    example: Path | None = None,
    seed: int = 0,
) -> Prepared:
    """Describe, run and measure a model; `folder` takes the version's files.

    Raises `SourceError` for what cannot be served and `UnclearError` for what a flag
    has to say.
    """
    check_name(model)
    found = source.find(path)
    cut, session = open_graph(found, folder)
    described = description.describe(session, found, wishes, cut.outputs)
    files = {"model.onnx": cut.graph, **found.data}
    for name in described.signature.files:
        assert found.tokenizer is not None
        files[name] = found.tokenizer
    paths = {"graph": cut.graph, **{n: files[n] for n in described.signature.files}}
    opened = loader.open_files(described.signature, paths)
    if example is None:
        given, scores = _random_examples(session, described.signature, opened, seed)
    else:
        given = named(examples.read(example, described.signature), described.signature)
        scores = _scores(session, described.signature, given, opened)
    described = description.with_activation(described, scores, wishes.activation)
    manifest = Manifest(
        model=model,
        kind=described.kind,
        signature=described.signature,
        variants=(Variant(VARIANT, "model.onnx", data=tuple(found.data) or None),),
        default_variant=VARIANT,
        golden="golden.json",
        lineage={"source": path.name, "tool": "publish"},
    )
    manifest = _measured(manifest, paths, files, given, folder)
    files["golden.json"] = folder / "golden.json"
    manifest = replace(
        manifest,
        card=card.of(manifest, path.name, described.notes, random=example is None),
    )
    loader.open_variant(
        manifest, VARIANT, {**paths, "golden": files["golden.json"]}, 1, _OPEN_S
    )
    return Prepared(manifest, files, described, example is None, len(given))


def publish(
    prepared: Prepared,
    registry: Registry,
    *,
    by: str,
    progress: StartProgress = no_progress,
) -> Manifest:
    """Publish what was prepared as the model's next version."""
    live = registry.aliases(prepared.manifest.model).get(LIVE)
    parent = f"{prepared.manifest.model}@{live}" if live else None
    lineage = {**prepared.manifest.lineage, "parent": parent}
    manifest = replace(prepared.manifest, lineage=lineage)
    return registry.publish(manifest, prepared.files, by=by, progress=progress)


def open_graph(found: source.Source, folder: Path) -> tuple[zipmap.Cut, Session]:
    """Check and open the graph; raises `SourceError` with the reason."""
    try:
        described = graph.check(found.graph, found.data)
        if described is not None:
            _check_types(described, found.graph.name)
        cut = zipmap.cut(found.graph, folder)
        if cut.graph != found.graph:
            for name, path in found.data.items():
                shutil.copyfile(path, folder / name)
        return cut, Session(cut.graph)
    except IntegrityError as error:
        raise SourceError(_reason(str(error))) from None


def _check_types(described: graph.Interface, name: str) -> None:
    """Refuse what no answer can carry; the runtime's words for it lead nowhere."""
    for part in (described.inputs, described.outputs):
        for tensor, (kind, _) in part.items():
            if kind == "bfloat16":
                raise SourceError(f"{name}: {tensor!r} is {kind}: {_WAYS[kind]}")


def _reason(text: str) -> str:
    """Add the way out to what the registry or the runtime refuses."""
    for words, way in _WAYS.items():
        if words in text:
            return f"{text}: {way}"
    return text


def named(given: Sequence[Any], signature: Signature) -> list[Any]:
    """Put the one input's name around examples that are bare."""
    keys = list(dict.fromkeys(item.key for item in signature.inputs))
    if len(keys) != 1 or signature.inputs[0].form == "features":
        return list(given)
    return [
        one if isinstance(one, dict) and keys[0] in one else {keys[0]: one}
        for one in given
    ]


def _random_examples(
    session: Session, signature: Signature, opened: Mapping[str, Any], seed: int
) -> tuple[list[Any], list[np.ndarray]]:
    """Return random examples that the graph takes, and its scores for them.

    Raises `UnclearError` where it takes none.
    """
    for length in examples.LENGTHS:
        rng = np.random.default_rng(seed)
        given = examples.random(signature, _RANDOM, rng, length)
        try:
            return given, _scores(session, signature, given, opened)
        except UnclearError as error:
            refused = error
    raise UnclearError(f"no random input fits: {refused}")


def _scores(
    session: Session,
    signature: Signature,
    given: Sequence[Any],
    opened: Mapping[str, Any],
) -> list[np.ndarray]:
    """Run the examples one by one; raises `UnclearError` for those that do not fit."""
    output = signature.output("scores")
    found = []
    for number, one in enumerate(given):
        try:
            tensors = game_json.encode(signature, [one], files=opened)
            outputs = session.run(tensors)
        except Problem as problem:
            raise UnclearError(
                f"example {number + 1} does not fit: {problem}; --example FILE gives "
                "inputs"
            ) from None
        if output is not None:
            found.append(outputs[output.name])
    return found


def _measured(
    manifest: Manifest,
    paths: Mapping[str, Path],
    files: Mapping[str, Path],
    given: Sequence[Any],
    folder: Path,
) -> Manifest:
    """Write the golden rows and add what was measured to the variant."""
    model = loader.open_variant(manifest, VARIANT, paths, 1, _OPEN_S)
    try:
        golden = golden_rows.of([(one, {}) for one in given[:_GOLDEN_ROWS]],
                                {VARIANT: model})  # fmt: skip
    except Problem as problem:
        raise UnclearError(f"the examples do not fit: {problem}") from None
    while len(golden["rows"]) > 1 and len(json.dumps(golden)) > _GOLDEN_BYTES:
        golden["rows"].pop()
    largest = max(map(_largest, (row["expected"] for row in golden["rows"])), default=1)
    golden["tolerance"][VARIANT] = max(
        golden["tolerance"][VARIANT], float(f"{1e-3 * max(1.0, largest):.3g}")
    )
    golden_rows.write(folder / "golden.json", golden)
    for name in ("model.onnx", *files):
        if not (folder / name).exists():
            (folder / name).symlink_to(files[name].resolve())
    size = sum(files[name].stat().st_size for name in manifest.variants[0].files)
    metrics = {
        "bytes": size,
        "milliseconds": round(_latency(model, given), 4),
        **latency_memory.fresh_process(
            manifest, VARIANT, folder, [(one, {}) for one in given]
        ),
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


def _latency(model: loader.LoadedModel, given: Sequence[Any]) -> float:
    """Return the median milliseconds of an answer to one input, reading included."""
    times: list[float] = []
    until = time.perf_counter() + _TIMED_S
    while len(times) < _TIMED and (
        len(times) < len(given) or time.perf_counter() < until
    ):
        one = given[len(times) % len(given)]
        start = time.perf_counter()
        model.predict([one])
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
