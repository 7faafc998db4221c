"""Publishes a measured run as a version if it passes the quality gate."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from hotseat_registry import LIVE, Manifest, Registry, Variant
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_registry.wrapping_keys import WrappingKey
from hotseat_train import tasks
from hotseat_train.errors import GateError, ParityError
from hotseat_train.evaluation import explanation_files, quality_gate
from hotseat_train.reports import model_card
from hotseat_train.run import Run

MAX_LOSS = quality_gate.MAX_DROP
"""Maximum quality drop in percent of the first variant's quality."""


def publish(
    run: Run,
    registry: Registry,
    *,
    by: str,
    max_loss: float = MAX_LOSS,
    variants: tuple[str, ...] = (),
    background: Path | None = None,
    reasons: Path | None = None,
    encrypt: WrappingKey | None = None,
    watch: StartProgress = no_progress,
    report: Callable[[str], None] = lambda _line: None,
) -> Manifest:
    """Publish a run's `variants` (default: those that pass) and return the manifest.

    The default variant is the smallest one that is not much slower than the first. A
    variant whose quality may be more than `max_loss` percent below the first one's is
    left out, and `report` gets the reason. Raises `RunError`, and `GateError` if it was
    named in `variants`. `background` and `reasons` replace the run's own files. Raises
    `IntegrityError` if one of them cannot be read. With `encrypt` the files are stored
    encrypted.
    """
    manifest = read(run)
    first = manifest.variants[0]
    chosen = tuple(v for v in manifest.variants if not variants or v.name in variants)
    if unknown := set(variants) - {v.name for v in chosen}:
        raise GateError(f"{run.folder} has no variant {min(unknown)!r}")
    for variant in chosen:
        try:
            quality_gate.check(variant, first, max_loss)
        except GateError as error:
            if variant.name in variants:
                raise
            chosen = tuple(v for v in chosen if v is not variant)
            manifest = _without(run, manifest, variant)
            report(f"left out: {error}")
    for variant in chosen:
        _check(Path(run.folder, variant.file))
    live = registry.aliases(manifest.model).get(LIVE)
    parent = f"{manifest.model}@{live}" if live else None
    names = {name for variant in chosen for name in variant.files} | {
        run.golden.name,
        run.curve.name,
        *manifest.signature.files,
        *([run.report.name] if run.report.exists() else []),
    }
    files = {name: Path(run.folder, name) for name in sorted(names)}
    files |= explanation_files.checked(
        manifest.signature, background or run.background, reasons or run.reasons
    )
    return registry.publish(
        replace(
            manifest,
            variants=chosen,
            default_variant=quality_gate.default(chosen).name,
            lineage={**manifest.lineage, "parent": parent},
        ),
        files,
        by=by,
        progress=watch,
        encrypt=encrypt,
    )


def _without(run: Run, manifest: Manifest, variant: Variant) -> Manifest:
    """Return the manifest without a variant, whose figures stay in its card."""
    refused: Sequence[object] = manifest.lineage.get("refused", ())
    manifest = replace(
        manifest,
        variants=tuple(v for v in manifest.variants if v.name != variant.name),
        lineage={**manifest.lineage, "refused": [*refused, variant.to_json()]},
    )
    card = model_card.write(manifest, tasks.of(run.read()))
    return replace(manifest, card=card)


def _check(path: Path) -> None:
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise ParityError(f"{path} is not a valid ONNX graph: {error}") from None


def read(run: Run) -> Manifest:
    """Return the manifest that `evaluate` wrote; raises `RunError`."""
    run.needs(run.manifest, "evaluate")
    return run.measured()
