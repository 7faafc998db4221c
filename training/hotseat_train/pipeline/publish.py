"""Publish a measured run as a version, if the gate lets it."""

from dataclasses import replace
from pathlib import Path

import onnx

from hotseat_registry import LIVE, Manifest, Registry, Variant
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_train.errors import GateError, ParityError
from hotseat_train.evaluation.paired_bootstrap import quality
from hotseat_train.run import Run

MAX_LOSS = 0.5
"""Percent of the first variant's accuracy, or of its quality by its kind."""
_SLOW = 0.67
"""Of the first one's speed: what is smaller and slower than that is no default."""


def publish(
    run: Run,
    registry: Registry,
    *,
    by: str,
    max_loss: float = MAX_LOSS,
    variants: tuple[str, ...] = (),
    watch: StartProgress = no_progress,
) -> Manifest:
    """Publish a run's `variants` (all, if none are named) and return the manifest.

    The default variant is the smallest that is not much slower than the first. Raises
    `RunError`, and `GateError` when a variant may have lost more than `max_loss`
    percent of the first one's quality.
    """
    manifest = read(run)
    first = manifest.variants[0]
    chosen = tuple(v for v in manifest.variants if not variants or v.name in variants)
    if unknown := set(variants) - {v.name for v in chosen}:
        raise GateError(f"{run.folder} has no variant {min(unknown)!r}")
    for variant in chosen:
        gate(variant, first, max_loss)
    quick = [v for v in chosen if v.metrics.get("speed", 1.0) >= _SLOW] or chosen
    smallest = min(quick, key=lambda variant: variant.metrics["bytes"])
    for variant in chosen:
        _check(Path(run.folder, variant.file))
    live = registry.aliases(manifest.model).get(LIVE)
    parent = f"{manifest.model}@{live}" if live else None
    names = {name for variant in chosen for name in variant.files} | {
        run.golden.name,
        run.curve.name,
        *([run.report.name] if run.report.exists() else []),
    }
    files = {name: Path(run.folder, name) for name in sorted(names)}
    return registry.publish(
        replace(
            manifest,
            variants=chosen,
            default_variant=smallest.name,
            lineage={**manifest.lineage, "parent": parent},
        ),
        files,
        by=by,
        progress=watch,
    )


def _check(path: Path) -> None:
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise ParityError(f"{path} is no valid ONNX graph: {error}") from None


def gate(variant: Variant, first: Variant, max_loss: float) -> None:
    """Refuse a variant that may have lost too much; raises `GateError`.

    It is the upper end of the loss's interval that is held against `max_loss` percent:
    too small a test set proves nothing, and so does not pass.
    """
    if variant.name == first.name:
        return
    lost, (_, most) = (
        variant.metrics["quality_drop"],
        variant.metrics["quality_drop_interval"],
    )
    if not 100 * most <= max_loss:
        raise GateError(
            f"{variant.name} lost {100 * lost:.2f} % of {first.name}'s "
            f"{quality(variant.metrics)}, and on the {variant.metrics['rows']} that "
            f"were asked it may be {100 * most:.2f} %; the "
            f"gate allows {max_loss:g} %. Publish without it (--variant {first.name}) "
            "or allow more (--max-quality-drop)"
        )


def read(run: Run) -> Manifest:
    """Return what `evaluate` measured; raises `RunError`."""
    run.needs(run.manifest, "evaluate")
    return run.measured()
