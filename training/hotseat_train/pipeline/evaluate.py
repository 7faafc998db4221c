"""Measure every variant of a run through the code that serves it.

How good it is tells a judge: `fitted` by the labels of rows, `made` by what is played
or built. What a variant loses against the first has an interval of its own (`loss`).
How long an answer takes, and how much memory, is for `footprint`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from hotseat_registry import Manifest, Signature, Variant
from hotseat_serve.load import Loaded
from hotseat_serve.session import Session
from hotseat_train import run, tasks
from hotseat_train.compression import graph_optimization
from hotseat_train.data.dataset import Asked
from hotseat_train.evaluation import golden_rows, latency_memory
from hotseat_train.evaluation.labelled import Fitted
from hotseat_train.evaluation.unlabelled import Made
from hotseat_train.machine import cpu, features
from hotseat_train.reports import variant_chart
from hotseat_train.run import Run


class Judge(Protocol):
    """What knows a run's question: what is asked, and how good the answers are."""

    task: Any
    signature: Signature
    timed: Asked
    """What an answer's time and memory are taken from."""
    golden: Asked
    """What the version is asked at every start."""

    def measure(
        self, models: Mapping[str, Loaded]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """Return the metrics of every variant, and curves by variant, if any.

        What the others lost is lost against the first.
        """

    def card(self, manifest: Manifest) -> str:
        """Return the card, in Markdown."""


def judge(record: Mapping[str, Any]) -> Judge:
    """Return who judges the run of that record; raises `TrainError`."""
    return Made(record) if record["task"] in tasks.MADE else Fitted(record)


def evaluate(source: Run) -> Manifest:
    """Measure a run's variants; write and return the manifest to publish.

    Raises `RunError`, and `ParityError` when the graph in fp32 does not answer as
    the model did when it was trained.
    """
    record = source.read()
    who = judge(record)
    files = source.graphs()
    first = next(iter(files))
    manifest = Manifest(
        model=who.task.name,
        kind=who.task.kind,
        signature=who.signature,
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
        item.name: Loaded(
            manifest,
            item.name,
            Session(source.folder / item.file, optimized=bool(item.optimized)),
        )
        for item in manifest.variants
    }
    found, curves = who.measure(loaded)
    times = latency_memory.latency(loaded, who.timed)
    measured = tuple(
        replace(
            variant,
            metrics={
                **found[variant.name],
                "bytes": sum(
                    (source.folder / name).stat().st_size for name in variant.files
                ),
                "milliseconds": round(times[variant.name], 4),
                "speed": round(times[first] / times[variant.name], 2),
                **latency_memory.memory(
                    manifest, variant.name, source.folder, who.timed
                ),
                "cpu": cpu(),
                "cpu_features": features(),
            },
        )
        for variant in manifest.variants
    )
    manifest = replace(manifest, variants=measured)
    if len(measured) > 1:
        variant_chart.draw(measured, f"{who.task.name}: variants", source.variants)
    manifest = replace(manifest, card=who.card(manifest))
    golden_rows.write(source.golden, who.golden, loaded)
    run.write(source.report, {"curve": record.get("curve", ()), "variants": curves})
    run.write(source.manifest, manifest.to_json())
    return manifest


def refuse(source: Run, manifest: Manifest, refused: Sequence[Variant]) -> Manifest:
    """Remove measured variants from a run; what was measured of them stays told.

    Writes and returns the manifest of those that are left.
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
    manifest = replace(manifest, card=judge(source.read()).card(manifest))
    run.write(source.manifest, manifest.to_json())
    return manifest


def _lineage(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "task",
        "family",
        "plan",
        "data",
        "began_at",
        "seconds",
        "commit",
    )
    more = ("best", "reason", "settings", "families")
    return {key: record[key] for key in (*kept, *more) if key in record}
