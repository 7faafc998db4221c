"""Runs that are not fitted to rows: measured by their task, published as others.

A maker trains in its own way, or takes the graph that came with the package, and leaves
a run that `hotseat publish` takes: graph, golden rows, manifest, picture.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any, Protocol

from matplotlib.figure import Figure

from hotseat_registry import Manifest, Signature, Variant
from hotseat_serve.load import Loaded
from hotseat_serve.options import Options
from hotseat_serve.session import Session
from hotseat_train import card
from hotseat_train import run as runs
from hotseat_train.errors import RunError
from hotseat_train.machine import cpu
from hotseat_train.run import Run

TRAINED = Path(__file__).with_name("trained")
Asked = Sequence[tuple[Any, Mapping[str, Any]]]
"""Inputs with their options."""


class Maker(Protocol):
    """A game question that is learned by playing or from whole items."""

    name: str
    kind: str
    intended_use: str
    limits: str
    data: Mapping[str, Any]

    def train(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Leave ``model.onnx`` in the folder; return (seconds, loss) of each round."""

    def signature(self) -> Signature:
        """Say what the graph eats and answers."""

    def measure(self, loaded: Loaded) -> dict[str, Any]:
        """Return what was measured through the serving code."""

    def golden(self) -> Asked:
        """Return what the version is asked at every start."""


def make(
    task: Maker,
    result: Run,
    *,
    minutes: float,
    trained: bool = False,
    report: Callable[[str], None] = lambda _line: None,
) -> Manifest:
    """Train, or with `trained` take the graph that came along; measure; leave a run.

    Raises `RunError` when no graph came along.
    """
    result.folder.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC)
    if trained:
        there = TRAINED / task.name / "model.onnx"
        if not there.exists():
            raise RunError(f"no graph of {task.name} came along: train it")
        copyfile(there, result.model)
        curve: Sequence[tuple[float, float]] = [(0.0, 0.0)]
    else:
        curve = task.train(result.folder, minutes, report)
    _plot(curve, task.name, result.curve)
    seconds = (datetime.now(UTC) - began).total_seconds()
    lineage = {
        "run": result.folder.name,
        "task": task.name,
        "data": task.data,
        "plan": {"minutes": minutes, "trained": trained},
        "began_at": began.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "commit": runs.commit(),
    }
    manifest = Manifest(
        model=task.name,
        kind=task.kind,
        signature=task.signature(),
        variants=(Variant("fp32", result.model.name),),
        default_variant="fp32",
        golden=result.golden.name,
        lineage=lineage,
    )
    loaded = Loaded(manifest, "fp32", Session(result.model))
    report("measuring through the serving code ...")
    metrics = {
        **task.measure(loaded),
        "bytes": result.model.stat().st_size,
        "cpu": cpu(),
    }
    variant = Variant("fp32", result.model.name, metrics)
    manifest = replace(manifest, variants=(variant,))
    manifest = replace(manifest, card=_card(task, manifest))
    _write_golden(result.golden, loaded, task.golden())
    runs.write(result.record, lineage)
    runs.write(result.manifest, manifest.to_json())
    return manifest


def _write_golden(path: Path, loaded: Loaded, asked: Asked) -> None:
    rows = []
    for given, options in asked:
        (answer,) = loaded.predict([given], options=Options(**options))
        kept = {
            key: value
            for key, value in answer.items()
            if key in {"item", "probability", "value", "actions"}
        }
        rows.append({"input": given, "options": dict(options), "expected": kept})
    golden = {"rows": rows, "tolerance": {"fp32": 1e-3}}
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _plot(curve: Sequence[tuple[float, float]], title: str, path: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([s / 60 for s, _ in curve], [loss for _, loss in curve])
    axes.set(xlabel="minutes", ylabel="loss", title=title)
    figure.savefig(path, dpi=110)


def _card(task: Maker, manifest: Manifest) -> str:
    metrics = manifest.variants[0].metrics
    lines = [
        *card.head(manifest, task.intended_use, task.limits),
        "## Data",
        "",
        f"{task.data['source']} (licence: {task.data['licence']}).",
        "",
        "## Measured, through the serving code",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {name.replace('_', ' ')} | {value} |" for name, value in metrics.items()),
    ]
    return "\n".join(lines) + "\n"
