"""Measures every variant of a run through the serving code.

The task's evaluator measures quality: on labelled rows, or by scores of moves and
items. The quality drop against the first variant has its own interval
(`paired_bootstrap`). `latency_memory` measures latency and memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hotseat_registry import Manifest, Variant
from hotseat_serve.kinds.background import Background
from hotseat_train import run, tasks
from hotseat_train.compression import graph_optimization
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation import (
    golden_rows,
    latency_memory,
    quality_gate,
    reason_texts,
)
from hotseat_train.evaluation.run_model import open_variant
from hotseat_train.machine import cpu, features
from hotseat_train.pipeline.train import PRETRAINED
from hotseat_train.reports import behaviour_page, model_card, variant_chart
from hotseat_train.run import Run
from hotseat_train.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measurements of a run; `write` writes them to the run's folder."""

    task: Task
    manifest: Manifest
    """The manifest to publish, without its card."""
    curves: Mapping[str, Any]
    """By variant, for labelled rows: confusion, calibration, ROC."""
    golden: Mapping[str, Any]
    """The golden rows; see `golden_rows.of`."""
    learning_curve: Sequence[Any]
    background: Background | None = None
    """Of explanations."""


def evaluate(source: Run, task: Task | None = None) -> Evaluation:
    """Measure a run's variants; write nothing.

    `task` is the run's, if it has been read already.

    Raises `RunError`, and `ParityError` if the answers of the fp32 graph and the
    trained model differ.
    """
    record = source.read()
    task = task or tasks.of(record)
    evaluator = task.evaluator(record)
    files = source.graphs()
    first = next(iter(files))
    manifest = Manifest(
        model=task.name,
        kind=task.kind,
        signature=evaluator.signature,
        variants=tuple(
            graph_optimization.variant(source, *item) for item in files.items()
        ),
        default_variant=first,
        golden=source.golden.name,
        lineage={
            "run": source.folder.name,
            **_lineage(record),
            **({"refused": refused} if (refused := source.gone()) else {}),
        },
    )
    loaded = {
        item.name: open_variant(source, manifest, item) for item in manifest.variants
    }
    quality, curves = evaluator.measure(loaded)
    times = latency_memory.latency(loaded, evaluator.timed)
    measured = tuple(
        replace(
            variant,
            metrics={
                **quality[variant.name],
                "bytes": sum(
                    (source.folder / name).stat().st_size for name in variant.files
                ),
                "milliseconds": round(times[variant.name], 4),
                "speed": round(times[first] / times[variant.name], 2),
                **latency_memory.fresh_process(
                    manifest, variant.name, source.folder, evaluator.timed
                ),
                "cpu": cpu(),
                "cpu_features": features(),
            },
        )
        for variant in manifest.variants
    )
    return Evaluation(
        task=task,
        # an evaluator may have chosen the threshold of the answers
        manifest=replace(manifest, signature=evaluator.signature, variants=measured),
        curves=curves,
        golden=golden_rows.of(evaluator.golden, loaded),
        learning_curve=record.get("curve", ()),
        background=task.background(),
    )


def measured(source: Run) -> tuple[Manifest, str]:
    """Evaluate a run and write the result; return the manifest and a note.

    If the data set of a pretrained graph is missing, return the measurements that are
    installed with the graph, and a note about them; otherwise the note is empty. Raises
    the errors of `evaluate`.
    """
    try:
        return write(source, evaluate(source)), ""
    except DatasetError as error:
        if not (source.manifest.exists() and _is_pretrained(source)):
            raise
        manifest = source.measured()
        if {variant.name for variant in manifest.variants} != set(source.graphs()):
            raise
        return (
            manifest,
            f"{error}. These measurements were installed with the pretrained graph",
        )


def _is_pretrained(source: Run) -> bool:
    """Return whether every graph of a run is the pretrained one, byte for byte."""
    folder = PRETRAINED / source.read()["task"]
    return all(
        (folder / path.name).exists()
        and (folder / path.name).read_bytes() == path.read_bytes()
        for path in source.graphs().values()
    )


def write(source: Run, result: Evaluation) -> Manifest:
    """Write card, golden rows, curves and chart; return the manifest to publish."""
    measured = result.manifest.variants
    if len(measured) > 1:
        variant_chart.draw(measured, f"{result.task.name}: variants", source.variants)
    serving = quality_gate.default(measured)
    if "behaviour" in serving.metrics:
        errors = result.curves[serving.name]["behaviour_errors"]
        source.behaviour.write_text(
            behaviour_page.page(
                result.task.name, serving.name, serving.metrics, errors
            ),
            "utf-8",
        )
    card = model_card.write(result.manifest, result.task)
    manifest = replace(result.manifest, card=card)
    golden_rows.write(source.golden, result.golden)
    if result.background is not None:
        source.background.write_bytes(result.background.to_bytes())
        if not source.reasons.exists():  # somebody may have edited it
            source.reasons.write_bytes(
                reason_texts.default(manifest.signature, result.background.groups)
            )
    run.write(
        source.report, {"curve": result.learning_curve, "variants": result.curves}
    )
    run.write(source.manifest, manifest.to_json())
    return manifest


def refuse(source: Run, manifest: Manifest, refused: Sequence[Variant]) -> Manifest:
    """Remove measured variants from a run; their measurements stay in the card.

    Return the manifest of the other variants, after writing it.
    """
    for variant in refused:
        source.graph(variant.name).unlink()
    run.write(source.refused, [variant.to_json() for variant in refused])
    names = {variant.name for variant in refused}
    manifest = replace(
        manifest,
        variants=tuple(v for v in manifest.variants if v.name not in names),
        lineage={**manifest.lineage, "refused": source.gone()},
    )
    card = model_card.write(manifest, tasks.of(source.read()))
    manifest = replace(manifest, card=card)
    run.write(source.manifest, manifest.to_json())
    return manifest


def _lineage(record: Mapping[str, Any]) -> dict[str, Any]:
    always = (
        "task",
        "family",
        "plan",
        "data",
        "began_at",
        "seconds",
        "commit",
    )
    more = ("best", "reason", "settings", "families", "nested", "columns", "federated")
    return {key: record[key] for key in (*always, *more) if key in record}
