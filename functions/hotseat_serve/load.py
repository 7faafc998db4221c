"""Open a version: fetched, checked, warm."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, Reference, Registry
from hotseat_registry.cache import Cache
from hotseat_registry.manifest import Variant
from hotseat_serve import golden, kinds
from hotseat_serve.ask import Ask
from hotseat_serve.options import Options
from hotseat_serve.session import Session
from hotseat_serve.settings import Settings
from hotseat_serve.turn import Turn


@dataclass(slots=True, eq=False)
class Loaded:
    """A version that answers."""

    manifest: Manifest
    variant: str
    session: Session
    bytes: int = 0
    """What it is thought to take of memory."""
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
        asked = Ask(
            self.manifest.signature,
            self.session.run,
            inputs,
            pointers or [f"/{row}" for row in range(len(inputs))],
            options or Options(),
            turn or Turn(),
        )
        return kinds.KINDS[self.manifest.kind](asked)

    def explain(
        self,
        given: Any,
        pointer: str,
        options: Options | None = None,
        turn: Turn | None = None,
    ) -> dict[str, Any]:
        """Return the answer to one input and what each part of it weighs."""
        from hotseat_serve.explain import explain  # late: most functions never do

        def predict(inputs: list[Any]) -> list[dict[str, Any]]:
            return self.predict(inputs, [pointer] * len(inputs), options, turn)

        return explain(self.manifest.signature, given, predict)


def load(
    registry: Registry,
    reference: Reference,
    settings: Settings,
    make_room: Callable[[str, int], None] = lambda _model, _bytes: None,
) -> Loaded:
    """Fetch a version, check its digests and golden rows, and return it warm.

    `make_room` is told the model and the memory it will take before anything is
    fetched, and may refuse. Raises `RegistryError`.
    """
    cache = Cache(settings.cache_folder, settings.cache_bytes)
    manifest = registry.resolve(reference, cache)
    kinds.check(manifest)
    variant = manifest.variant(settings.variant or manifest.default_variant)
    size = weight(manifest, variant)
    make_room(manifest.model, size)
    registry.check_trust(manifest)
    names = [*variant.files, *([manifest.golden] if manifest.golden else [])]
    paths = registry.fetch(manifest, cache, names)
    graph = _together(variant, paths, cache.folder)
    session = Session(graph, settings.threads, optimized=bool(variant.optimized))
    loaded = Loaded(manifest, variant.name, session, size)
    if manifest.golden:
        golden.check(
            paths[manifest.golden].read_bytes(),
            variant.name,
            lambda inputs, options: loaded.predict(inputs, options=options),
            session.run,
            manifest.reference,
        )
    return loaded


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
