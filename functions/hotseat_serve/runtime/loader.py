"""Fetch, check and open a version."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hotseat_registry import Manifest, Reference, Registry, signature_check
from hotseat_registry.ahead import start_ahead
from hotseat_registry.cache import Cache
from hotseat_registry.graph_types import Tensor
from hotseat_registry.manifest import Variant
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import dispatch
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.runtime import golden_rows, probe
from hotseat_serve.runtime.codec_files import open_files
from hotseat_serve.runtime.files_to_open import decrypt, files_to_open
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import open_session
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from hotseat_registry.encrypted_file import EncryptedFile
    from hotseat_serve.runtime.golden_record import GoldenRecord

    VersionFile = Path | EncryptedFile


def load(
    registry: Registry,
    reference: Reference,
    settings: Settings,
    reserve_memory: Callable[[str, int], bool] = lambda _model, _bytes: False,
    *,
    in_subprocess: bool = False,
    start_files: Mapping[str, int] | None = None,
) -> LoadedModel:
    """Fetch a version, check its digests and golden rows, and return it warm.

    `reference` is a version's number, `start_files` what its head says of its files.

    `reserve_memory` receives the model and its memory before the fetch. It may refuse,
    and returns whether the memory also allows to open the version `in_subprocess`
    first. Raises `RegistryError`.
    """
    cache = Cache.private(settings.cache_folder, settings.cache_bytes)
    ahead = start_ahead(
        registry.store, cache, reference, files=start_files or {}, trust=registry.trust
    )
    manifest = registry.resolve(reference, cache)
    dispatch.check(manifest)
    variant = manifest.variant(settings.variant or manifest.default_variant)
    size = manifest.memory_bytes(variant)
    has_spare_memory = reserve_memory(manifest.model, size)
    registry.check_trust(manifest, ahead)
    names = [
        *variant.files,
        *([manifest.golden] if manifest.golden else []),
        *manifest.needed_files,
    ]
    paths = registry.fetch(manifest, cache, names, in_place=True, ahead=ahead)
    decrypted = decrypt(manifest, paths, settings)
    paths_to_open = files_to_open(manifest, variant, paths, decrypted, cache.folder)
    seconds = settings.open_seconds
    if in_subprocess and has_spare_memory:
        # late: a cold start never opens a version in a subprocess
        from hotseat_serve.runtime import trial

        trial.run(
            manifest,
            variant.name,
            paths_to_open,
            seconds=seconds,
            threads=settings.threads,
            memory=2 * size + trial.MEMORY,
        )
    record = None
    if manifest.golden and not settings.recheck:
        # late: as much time as a small version's rows
        from hotseat_serve.runtime.golden_record import GoldenRecord

        record = GoldenRecord(cache, manifest, variant.name, settings.threads)
    loaded = open_variant(
        manifest, variant.name, paths_to_open, settings.threads, seconds, record
    )
    for name, path in paths.items():
        cache.check(path, manifest.files[name])  # the hashed files are the opened files
    if record is not None:
        record.keep()
    loaded.bytes = size
    loaded.decrypted = decrypted
    if decrypted is not None:
        decrypted.release()  # the session has its own copy

    def fetch(name: str) -> "VersionFile":
        path = registry.fetch(manifest, cache, [name], in_place=True)[name]
        return path if decrypted is None else decrypted.file(name, path)

    loaded.fetch = fetch
    _mask(loaded, settings)
    return loaded


def _mask(loaded: LoadedModel, settings: Settings) -> None:
    """Let a version's texts be masked, if the settings name its model."""
    if settings.mask:
        from hotseat_serve.privacy.masking import is_masked

        loaded.masks = is_masked(loaded.manifest.model, settings.mask)
        for step in loaded.steps:
            if step.model is not None:
                step.model.masks = loaded.masks


def open_variant(
    manifest: Manifest,
    name: str,
    paths: Mapping[str, "VersionFile"],
    threads: int,
    seconds: float,
    record: "GoldenRecord | None" = None,
) -> LoadedModel:
    """Open a variant and check it against signature and golden rows.

    Of golden rows that passed before, by `record`, the first alone is checked.

    `paths` are ``graph``, ``golden`` rows if there are any, and by their names the
    signature's files, the graphs of a pipeline, and of an encrypted version the weights
    beside them. Raises `IntegrityError`, also if an answer takes longer than `seconds`.
    """
    variant = manifest.variant(name)
    loaded = _opened(manifest, variant, paths, threads)
    session = loaded.session
    if manifest.kind == "text":
        # late: few functions have a language model
        from hotseat_serve.runtime.open_text import open_text_model

        loaded.text = open_text_model(manifest, session, paths, name)
        return loaded
    context = RequestContext()
    context.deadline = context.started + int(seconds * 1e9)

    def run(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        return session.run(tensors, seconds=context.remaining)

    def predict(inputs: list[Any], options: Options) -> list[dict[str, Any]]:
        answers = loaded.predict(inputs, options=options, context=context)
        probe.check_answers(manifest, answers, len(inputs))
        return answers

    if "golden" in paths:
        data = paths["golden"].read_bytes()
        known = record is not None and record.holds()
        began = time.perf_counter()
        golden_rows.check(
            data, variant.name, predict, run, manifest.reference, first=known
        )
        if record is not None and not known:
            record.passed(time.perf_counter() - began)
        loaded.sample_input = golden_rows.first_input(data)
    elif manifest.steps is None:
        probe.check(manifest, run)
    return loaded


def _opened(
    manifest: Manifest,
    variant: Variant,
    paths: Mapping[str, "VersionFile"],
    threads: int,
) -> LoadedModel:
    """Open the graph of a variant, or those of a pipeline's steps."""
    files = open_files(manifest.signature, paths)
    if manifest.steps is not None:
        # late: most versions have one graph
        from hotseat_serve.runtime import pipeline

        steps = tuple(pipeline.open_steps(manifest, variant, paths, threads))
        return LoadedModel(
            manifest, variant.name, pipeline.NoGraph(), files=files, steps=steps
        )
    session = open_session(paths["graph"], variant, paths, threads)
    signature_check.check(
        manifest, _tensors(session.inputs), _tensors(session.output_types)
    )
    return LoadedModel(
        manifest,
        variant.name,
        session,
        files=files,
        graph=paths["graph"],
        threads=threads,
    )


def _tensors(items: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Tensor]:
    return {name: Tensor(*item) for name, item in items.items()}
