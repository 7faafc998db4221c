"""Publishes a measured run as a version if it passes the quality gate."""

from dataclasses import replace
from pathlib import Path

import onnx

from hotseat_registry import LIVE, Manifest, Registry, Variant
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_train.errors import GateError, ParityError
from hotseat_train.evaluation.paired_bootstrap import quality
from hotseat_train.run import Run

MAX_LOSS = 0.5
"""Maximum quality drop in percent of the first variant's quality."""
_SLOW = 0.67
"""Minimum share of the first variant's speed that a default variant needs."""


def publish(
    run: Run,
    registry: Registry,
    *,
    by: str,
    max_loss: float = MAX_LOSS,
    variants: tuple[str, ...] = (),
    watch: StartProgress = no_progress,
) -> Manifest:
    """Publish a run's `variants` (default: all) and return the manifest.

    The default variant is the smallest one that is not much slower than the first.
    Raises `RunError`, and `GateError` if the quality of a variant may be more than
    `max_loss` percent below the first one's.
    """
    manifest = read(run)
    first = manifest.variants[0]
    chosen = tuple(v for v in manifest.variants if not variants or v.name in variants)
    if unknown := set(variants) - {v.name for v in chosen}:
        raise GateError(f"{run.folder} has no variant {min(unknown)!r}")
    for variant in chosen:
        gate(variant, first, max_loss)
    fast = [v for v in chosen if v.metrics.get("speed", 1.0) >= _SLOW] or chosen
    smallest = min(fast, key=lambda variant: variant.metrics["bytes"])
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
        raise ParityError(f"{path} is not a valid ONNX graph: {error}") from None


def gate(variant: Variant, first: Variant, max_loss: float) -> None:
    """Refuse a variant with too large a quality drop; raises `GateError`.

    The upper end of the drop's interval must not exceed `max_loss` percent: with too
    few test rows the interval is wide, and the variant does not pass.
    """
    if variant.name == first.name:
        return
    drop, (_, most) = (
        variant.metrics["quality_drop"],
        variant.metrics["quality_drop_interval"],
    )
    if not 100 * most <= max_loss:
        raise GateError(
            f"{variant.name} lost {100 * drop:.2f} % of {first.name}'s "
            f"{quality(variant.metrics)}; with {variant.metrics['rows']} measurements "
            f"the drop may be {100 * most:.2f} %, and the gate allows {max_loss:g} %. "
            f"Publish without it (--variant {first.name}) or raise the limit "
            "(--max-quality-drop)"
        )


def read(run: Run) -> Manifest:
    """Return the manifest that `evaluate` wrote; raises `RunError`."""
    run.needs(run.manifest, "evaluate")
    return run.measured()
