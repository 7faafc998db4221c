"""Candidates side by side: quality, speed and size, and which one to take.

What is compared was measured when each version was made; nothing is measured anew, so
figures from different machines are told apart by their CPU.
"""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from hotseat_registry import Manifest, Registry
from hotseat_registry.names import Reference
from hotseat_train.errors import TrainError

QUALITIES = ("accuracy", "won_against_chance_hard", "solvable_of_returned")
"""What says how good a model is, by its kind; the first that is there is taken."""
_SPEEDS = ("milliseconds", "milliseconds_hard", "milliseconds_median")


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What the one that is taken has to keep to; None: anything."""

    max_ms: float | None = None
    max_mb: float | None = None
    min_quality: float | None = None

    def fit(self, item: Candidate) -> bool:
        """Whether a candidate keeps to them all."""
        return (
            (self.max_ms is None or item.milliseconds <= self.max_ms)
            and (self.max_mb is None or item.megabytes <= self.max_mb)
            and (self.min_quality is None or item.quality >= self.min_quality)
        )


def candidates(
    registry: Registry, model: str, versions: Sequence[int] = ()
) -> list[Candidate]:
    """Return the variants of these versions of a model, or of all.

    Raises `RegistryError`, and `TrainError` when nothing was measured.
    """
    chosen = versions or registry.versions(model)
    found = [
        item
        for number in chosen
        for item in _of(registry.resolve(Reference(model, version=number)))
    ]
    if not found:
        raise TrainError(f"{model} has no version with measured quality")
    return [replace(item, best=not _beaten(item, found)) for item in found]


def recommend(found: Iterable[Candidate], limits: Limits) -> Candidate | None:
    """Return the best candidate within the limits; None when there is none.

    The highest quality; of those whose interval it does not leave, the fastest.
    """
    fitting = [item for item in found if limits.fit(item)]
    if not fitting:
        return None
    top = max(fitting, key=lambda item: item.quality)
    alike = [item for item in fitting if item.quality >= top.low]
    return min(alike, key=lambda item: (item.milliseconds, item.megabytes))


def _of(manifest: Manifest) -> list[Candidate]:
    found = []
    for variant in manifest.variants:
        metrics = dict(variant.metrics)
        quality = next((metrics[n] for n in QUALITIES if n in metrics), None)
        speed = next((metrics[n] for n in _SPEEDS if n in metrics), None)
        if quality is None or speed is None:
            continue
        low, high = metrics.get("interval", (quality, quality))
        found.append(
            Candidate(
                f"{manifest.reference} {variant.name}", quality, low, high, speed,
                metrics.get("bytes", 0) / 1e6, metrics.get("cpu", ""), metrics,
            )
        )  # fmt: skip
    return found


def _beaten(item: Candidate, others: Iterable[Candidate]) -> bool:
    def place(one: Candidate) -> tuple[float, float, float]:
        return -one.quality, one.milliseconds, one.megabytes

    mine = place(item)
    return any(
        place(other) != mine
        and all(a <= b for a, b in zip(place(other), mine, strict=True))
        for other in others
    )


def report(
    model: str, found: Sequence[Candidate], taken: Candidate | None, limits: Limits
) -> str:
    """Return one HTML page with everything in it: table, pictures, recommendation."""
    rows = "".join(
        f"<tr class='{'best' if item.best else ''}'><td>{html.escape(item.name)}</td>"
        f"<td>{item.quality:.4f}</td><td>{item.low:.4f} to {item.high:.4f}</td>"
        f"<td>{item.milliseconds:.3f}</td><td>{item.megabytes:.2f}</td>"
        f"<td>{html.escape(item.cpu)}</td></tr>"
        for item in found
    )
    wanted = ", ".join(
        f"{name} {value:g}"
        for name, value in (
            ("at most ms", limits.max_ms),
            ("at most MB", limits.max_mb),
            ("quality at least", limits.min_quality),
        )
        if value is not None
    )
    said = (
        f"Take <b>{html.escape(taken.name)}</b>: the fastest of those whose quality "
        "is not told apart from the highest."
        if taken
        else "None keeps to the limits."
    )
    details = "".join(_details(item) for item in found)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(model)}: candidates</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }}
.best td:first-child::after {{ content: " \2605"; color: #b8860b; }}
img {{ max-width: 100%; }} p.said {{ background: #eef6ee; padding: .8rem; }}
</style>
<h1>{html.escape(model)}: candidates</h1>
<p class="said">{said} {f"Limits: {wanted}." if wanted else ""}</p>
<table><tr><th>version, variant</th><th>quality</th><th>95 %</th><th>ms a request</th>
<th>MB</th><th>measured on</th></tr>{rows}</table>
<p>&#9733;: no other is at least as good, as fast and as small.</p>
<img alt="quality against time" src="data:image/png;base64,{_picture(found)}">
{details}</html>
"""


def _details(item: Candidate) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td>"
        f"<td>{html.escape(str(value))}</td></tr>"
        for name, value in item.metrics.items()
    )
    return (
        f"<details><summary>{html.escape(item.name)}</summary>"
        f"<table>{rows}</table></details>"
    )


def _picture(found: Sequence[Candidate]) -> str:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for item in found:
        axes.errorbar(
            item.milliseconds,
            item.quality,
            yerr=[[item.quality - item.low], [item.high - item.quality]],
            marker="*" if item.best else "o",
            markersize=12 if item.best else 7,
            capsize=3,
            label=f"{item.name} ({item.megabytes:.2f} MB)",
        )
    axes.set(xlabel="milliseconds a request", ylabel="quality, 95 % interval")
    axes.set_xscale("log")
    axes.legend(fontsize="small")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return base64.b64encode(data.getvalue()).decode()
