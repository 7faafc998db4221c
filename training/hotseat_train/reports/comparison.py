"""Compares candidates by quality, speed, size and cost, and recommends one.

The measurements are those of each version's evaluation; nothing is measured again, so
the CPU distinguishes figures from different machines.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, Registry, metric_names
from hotseat_registry.cache import Cache
from hotseat_registry.names import Reference
from hotseat_train.errors import TrainError
from hotseat_train.evaluation import pareto

QUALITIES = ("accuracy", "quality")
"""The metric of quality: by labels, or by scores of moves and items."""
REPORT = "report.json"
_CACHE = 1 << 30


@dataclass(frozen=True, slots=True)
class Candidate:
    """One variant of one version."""

    name: str
    quality: float
    low: float
    high: float
    milliseconds: float
    megabytes: float
    cpu: str
    metrics: dict[str, Any]
    best: bool = False
    """Whether no other is at least as good, as fast and as small."""
    curves: Mapping[str, Any] = field(default_factory=dict)
    """Of its variant: see `calibration_error.curves`; empty if not measured."""
    learning_curve: tuple[Mapping[str, float], ...] = ()
    """Its version's training, epoch by epoch."""
    labels: tuple[str, ...] = ()
    rows: str = ""
    """Digest of the test rows, or of the data; empty if neither was recorded."""

    @property
    def robust(self) -> dict[str, float]:
        """Return the accuracy on corrupted inputs, by the way of corruption."""
        ways = dict(self.metrics.get("corrupted", {}))
        if "obfuscated" in self.metrics:
            ways["obfuscated"] = self.metrics["obfuscated"]
        return {way: part["accuracy"] for way, part in ways.items()}

    @property
    def dollars(self) -> dict[int, float]:
        """Return dollars for a million answers on Lambda, by memory in MB."""
        return million(self.milliseconds)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the recommended candidate; None: no limit."""

    max_ms: float | None = None
    max_mb: float | None = None
    min_quality: float | None = None

    def fit(self, item: Candidate) -> bool:
        """Whether a candidate is within all limits."""
        return (
            (self.max_ms is None or item.milliseconds <= self.max_ms)
            and (self.max_mb is None or item.megabytes <= self.max_mb)
            and (self.min_quality is None or item.quality >= self.min_quality)
        )

    def describe(self) -> str:
        """Return the limits in words; empty without any."""
        bounds = (
            ("at most ms", self.max_ms),
            ("at most MB", self.max_mb),
            ("quality at least", self.min_quality),
        )
        return ", ".join(f"{name} {v:g}" for name, v in bounds if v is not None)


def candidates(
    registry: Registry,
    model: str,
    versions: Sequence[int] = (),
    by: str | None = None,
) -> list[Candidate]:
    """Return the variants of these versions of a model, or of all.

    Quality is the metric `by`, or the usual one of the model's kind. Raises
    `RegistryError`, and `TrainError` when it was not measured.
    """
    chosen = versions or registry.versions(model)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder), _CACHE)
        for number in chosen:
            manifest = registry.resolve(Reference(model, version=number))
            drawn: dict[str, Any] = {}
            if REPORT in manifest.files and manifest.encryption is None:
                path = registry.fetch(manifest, cache, [REPORT])[REPORT]
                drawn = json.loads(path.read_bytes())
            found += _of(manifest, drawn, by)
    if not found:
        what = by or "quality"
        raise TrainError(f"{model} has no version with measured {what}")
    return [
        replace(item, best=not beaten(item, (o for o in found if o.rows == item.rows)))
        for item in found
    ]


def comparable(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that were measured on the same rows as the last one."""
    return [item for item in found if item.rows == found[-1].rows]


def different_rows(found: Sequence[Candidate]) -> str:
    """Return a note if candidates were measured on different rows; else nothing."""
    same = comparable(found)
    others = [item.name for item in found if item not in same]
    if not others:
        return ""
    return (
        f"{', '.join(others)}: measured on other test rows than {same[-1].name}, so "
        "their qualities cannot be ranked together; the front is drawn within equal "
        f"rows, and the recommendation is among {', '.join(i.name for i in same)}"
    )


def recommend(found: Iterable[Candidate], limits: Limits) -> Candidate | None:
    """Return the best candidate within the limits; None when there is none.

    Of those measured on the same rows as the last one: the highest quality; of those
    whose interval it does not leave, the fastest.
    """
    fitting = [item for item in comparable(list(found)) if limits.fit(item)]
    if not fitting:
        return None
    top = max(fitting, key=lambda item: item.quality)
    alike = [item for item in fitting if item.quality >= top.low]
    return min(alike, key=lambda item: (item.milliseconds, item.megabytes))


def _of(
    manifest: Manifest, drawn: Mapping[str, Any], by: str | None
) -> list[Candidate]:
    found = []
    for variant in manifest.variants:
        metrics = metric_names.current(variant.metrics)
        names = (by,) if by else QUALITIES
        name = next((n for n in names if n in metrics), "")
        if name not in metrics or "milliseconds" not in metrics:
            continue
        value = metrics[name]
        interval = "interval" if name in QUALITIES else f"{name}_interval"
        low, high = metrics.get(interval, (value, value))
        found.append(
            Candidate(
                f"{manifest.reference} {variant.name}", value, low, high,
                metrics["milliseconds"], metrics.get("bytes", 0) / 1e6,
                metrics.get("cpu", ""),
                metrics,
                curves=metric_names.current(
                    drawn.get("variants", {}).get(variant.name, {})
                ),
                learning_curve=tuple(drawn.get("curve", ())),
                labels=manifest.signature.labels,
                rows=metrics.get("test_sha256")
                or manifest.lineage.get("data", {}).get("sha256", ""),
            )
        )  # fmt: skip
    return found


def beaten(item: Candidate, others: Iterable[Candidate]) -> bool:
    """Whether another is at least as good, as fast and as small, and not the same."""

    def place(one: Candidate) -> tuple[float, float, float]:
        return -one.quality, one.milliseconds, one.megabytes

    return pareto.beaten(place(item), map(place, others))


def million(milliseconds: float) -> dict[int, float]:
    """Return dollars for a million answers, by memory in MB; empty without prices.

    The entry point group ``hotseat.prices`` names the function that knows the prices.
    """
    for entry in entry_points(group="hotseat.prices", name="cost_per_million"):
        found: dict[int, float] = entry.load()(milliseconds)
        return found
    return {}
