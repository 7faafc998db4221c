"""Open a version: fetched, checked, warm."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, Reference, Registry, graph, signature_check
from hotseat_registry.cache import Cache
from hotseat_registry.graph_types import Tensor
from hotseat_registry.manifest import Variant
from hotseat_serve.codec import long_texts
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import dispatch
from hotseat_serve.kinds.inference_request import Ask
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import Turn
from hotseat_serve.limits import MAX_ROWS, check_rows
from hotseat_serve.runtime import batching, golden_rows, probe
from hotseat_serve.runtime.session import Session
from hotseat_serve.settings import Settings


@dataclass(slots=True, eq=False)
class Loaded:
    """A version that answers."""

    manifest: Manifest
    variant: str
    session: Session
    bytes: int = 0
    """What it is thought to take of memory."""
    slots: Any = None
    """What each input takes, as `infer_inputs.slots` makes it at the first request."""
    texts: str | None = None
    """The name of its one input of texts, found at the first request."""
    used: float = 0.0
    """When it was asked last, on the clock of `Models`."""

    def predict(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str] | None = None,
        options: Options | None = None,
        turn: Turn | None = None,
    ) -> list[dict[str, Any]]:
        """Return one answer an input; raises `Problem` for what does not fit."""
        turn, signature = turn or Turn(), self.manifest.signature
        check_rows(signature, len(inputs))
        pointers = pointers or [f"/{row}" for row in range(len(inputs))]
        item = long_texts.rule(signature)
        if item is None:
            return self._answers(inputs, pointers, options, turn)
        expanded = long_texts.expand(item, inputs, pointers, turn.warnings)
        if expanded is None:
            return self._answers(inputs, pointers, options, turn)
        answers: list[dict[str, Any]] = []
        rows = signature.max_rows or MAX_ROWS
        for at in range(0, len(expanded.inputs), rows):
            some, places = (
                part[at : at + rows] for part in (expanded.inputs, expanded.pointers)
            )
            answers += self._answers(some, places, options, turn)
        return long_texts.fold(signature, expanded, answers)

    def _answers(
        self,
        inputs: Sequence[Any],
        pointers: Sequence[str],
        options: Options | None,
        turn: Turn,
    ) -> list[dict[str, Any]]:
        def run(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
            return self.run(tensors, turn)

        asked = Ask(
            self.manifest.signature, run, inputs, pointers, options or Options(), turn
        )
        return dispatch.KINDS[self.manifest.kind](asked)

    def run(
        self,
        tensors: Mapping[str, Array],
        turn: Turn,
        outputs: Sequence[str] | None = None,
    ) -> Mapping[str, Array]:
        """Run the graph, texts in batches of like length; raises `Problem`."""

        def one(some: Mapping[str, Array]) -> Mapping[str, Array]:
            turn.check()
            return self.session.run(some, outputs, seconds=turn.left)

        name = self._texts()
        if name is None or len(tensors[name]) < 2:
            return self.session.run(tensors, outputs, seconds=turn.left)
        return batching.run(name, tensors, one)

    def _texts(self) -> str | None:
        """Return the one input of a graph that reads texts, each for itself."""
        if self.texts is None:
            inputs = self.manifest.signature.inputs
            rows = all(
                shape[:1] == (-1,) for _, shape in self.session.output_types.values()
            )
            alone = len(inputs) == 1 and (inputs[0].form, inputs[0].shape) == (
                "text",
                (-1,),
            )
            apart = self.manifest.kind in {"classification", "regression"}
            self.texts = inputs[0].name if alone and rows and apart else ""
        return self.texts or None

    def explain(
        self,
        given: Any,
        pointer: str,
        options: Options | None = None,
        turn: Turn | None = None,
    ) -> dict[str, Any]:
        """Return the answer to one input and what each part of it weighs."""
        from hotseat_serve.kinds.explain import explain  # late: most functions never do

        turn = turn or Turn()

        def predict(inputs: list[Any]) -> list[dict[str, Any]]:
            answers = self.predict(inputs, [pointer] * len(inputs), options, turn)
            turn.warnings.closed = True  # the first is the caller's, others are ours
            return answers

        return explain(self.manifest.signature, given, predict)


def load(
    registry: Registry,
    reference: Reference,
    settings: Settings,
    make_room: Callable[[str, int], bool] = lambda _model, _bytes: False,
    *,
    apart: bool = False,
) -> Loaded:
    """Fetch a version, check its digests and golden rows, and return it warm.

    `make_room` gets the model and the memory that it will take before anything is
    fetched, may refuse, and says whether there is room to try it `apart`, in a process
    of its own, before it is opened in this one. Raises `RegistryError`.
    """
    cache = Cache.private(settings.cache_folder, settings.cache_bytes)
    manifest = registry.resolve(reference, cache)
    dispatch.check(manifest)
    variant = manifest.variant(settings.variant or manifest.default_variant)
    size = weight(manifest, variant)
    spare = make_room(manifest.model, size)
    registry.check_trust(manifest)
    names = [*variant.files, *([manifest.golden] if manifest.golden else [])]
    paths = registry.fetch(manifest, cache, names)
    for name in names:
        if name.endswith((".onnx", ".ort")):
            graph.check(paths[name], manifest.files)
    found = {"graph": _together(variant, paths, cache.folder)}
    if manifest.golden:
        found["golden"] = paths[manifest.golden]
    seconds = settings.open_seconds
    if apart and spare:
        from hotseat_serve.runtime import (
            trial,  # late: no cold start tries a version apart
        )

        trial.run(
            manifest,
            variant.name,
            found,
            seconds=seconds,
            threads=settings.threads,
            memory=2 * size + trial.MEMORY,
        )
    loaded = opened(manifest, variant.name, found, settings.threads, seconds)
    for name, path in paths.items():
        cache.check(path, manifest.files[name])  # what was opened is what was hashed
    loaded.bytes = size
    return loaded


def opened(
    manifest: Manifest,
    name: str,
    paths: Mapping[str, Path],
    threads: int,
    seconds: float,
) -> Loaded:
    """Open a variant and hold it against signature and golden rows.

    `paths` are ``graph`` and, where there are any, ``golden`` rows. Raises
    `IntegrityError`, also where an answer takes longer than `seconds`.
    """
    variant = manifest.variant(name)
    session = Session(paths["graph"], threads, optimized=bool(variant.optimized))
    signature_check.check(
        manifest, _tensors(session.inputs), _tensors(session.output_types)
    )
    loaded = Loaded(manifest, variant.name, session)
    turn = Turn()
    turn.until = turn.started + int(seconds * 1e9)

    def run(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        return session.run(tensors, seconds=turn.left)

    def predict(inputs: list[Any], options: Options) -> list[dict[str, Any]]:
        answers = loaded.predict(inputs, options=options, turn=turn)
        probe.answers(manifest, answers, len(inputs))
        return answers

    if "golden" in paths:
        data = paths["golden"].read_bytes()
        golden_rows.check(data, variant.name, predict, run, manifest.reference)
    else:
        probe.check(manifest, run)
    return loaded


def _tensors(items: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Tensor]:
    return {name: Tensor(*item) for name, item in items.items()}


def weight(manifest: Manifest, variant: Variant) -> int:
    """Return the bytes of memory that a variant is thought to take.

    What was measured at training, or twice its files: the weights as the file has them
    and as the runtime arranges them.
    """
    measured = variant.metrics.get("memory_bytes")
    if isinstance(measured, int):
        return measured
    return 2 * sum(manifest.files[name].size for name in variant.files)


def _together(variant: Variant, paths: Mapping[str, Path], folder: Path) -> Path:
    """Return the graph's path, with its weights beside it under their own names.

    The cache names files by their digests; the graph asks for its weights by name.
    """
    graph = paths[variant.file]
    if not variant.data:
        return graph
    beside = folder / "together" / graph.stem
    beside.mkdir(parents=True, exist_ok=True)
    for name in variant.files:
        place, part = beside / name, beside / f".{os.getpid()}-{name}"
        with suppress(FileNotFoundError):
            if place.samefile(paths[name]):
                continue
        try:
            os.link(paths[name], part)  # the same bytes: nothing is copied
        except OSError:  # another file system, or one without links
            shutil.copyfile(paths[name], part)
        part.replace(place)
    return beside / variant.file
