"""A run: the folder of one training, with its model and measurements.

::

    run.json            task, plan, data, curve, reason for the end
    checkpoint.pt       state to resume an interrupted training from
    model.onnx          the variant fp32
    model.int8.onnx     the variant int8-dynamic
    model.NAME.onnx     another variant
    refused.json        refused variants with their metrics
    variants.png        chart of the variants
    curve.png           the loss, epoch by epoch
    report.json         curves that `compare` draws: confusion, calibration, ROC
    behaviour.html      behaviour tests by category, with masked errors
    golden.json         the golden rows
    tokenizer.json      what cuts texts into tokens, of a model with an encoder
    background.json     invented rows that explanations refer to
    reasons.json        codes and texts of reasons, to be edited before publishing
    manifest.json       the manifest to publish, with all metrics
"""

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, metric_names
from hotseat_registry.checksummed_json import to_bytes
from hotseat_train.errors import RunError

RUNS = Path(".hotseat/runs")
FP32 = "fp32"
_FILES = (
    "checkpoint.pt", "pruned.pt", "distilled.pt", "model.onnx", "model.*.onnx",
    "refused.json", "variants.png", "curve.png", "report.json", "behaviour.html",
    "golden.json", "manifest.json", "held_out.parquet", "background.json",
    "reasons.json", "tokenizer.json",
)  # fmt: skip
"""What a run writes, beside its record."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The state to resume an interrupted training from."""
        return self.folder / "checkpoint.pt"

    @property
    def curve(self) -> Path:
        """The picture of the loss."""
        return self.folder / "curve.png"

    @property
    def model(self) -> Path:
        """The trained graph, variant fp32."""
        return self.folder / "model.onnx"

    @property
    def quantized(self) -> Path:
        """The graph with int8 weights."""
        return self.graph("int8-dynamic")

    @property
    def variants(self) -> Path:
        """The chart of the variants."""
        return self.folder / "variants.png"

    @property
    def behaviour(self) -> Path:
        """The page of the behaviour tests."""
        return self.folder / "behaviour.html"

    @property
    def refused(self) -> Path:
        """The metrics of the variants that the gate removed."""
        return self.folder / "refused.json"

    def graph(self, name: str) -> Path:
        """Return the path of the variant of that name."""
        if name == FP32:
            return self.model
        short = "int8" if name == "int8-dynamic" else name
        return self.folder / f"model.{short}.onnx"

    def graphs(self) -> dict[str, Path]:
        """Return the existing variants; fp32 comes first.

        A pretrained graph may exist as int8 alone. Raises `RunError`.
        """
        found = {FP32: self.model} if self.model.exists() else {}
        for path in sorted(self.folder.glob("model.*.onnx")):
            short = path.name.removeprefix("model.").removesuffix(".onnx")
            if not short.endswith(".fast"):  # the same graph, optimised
                found["int8-dynamic" if short == "int8" else short] = path
        found.pop("fast", None)
        if not found:
            self.needs(self.model, "train")
        return found

    def clear(self) -> None:
        """Remove a finished run's files, so that none outlives its model.

        The record goes first: an interruption then leaves an unfinished run.
        """
        self.record.unlink(missing_ok=True)
        for pattern in _FILES:
            for path in self.folder.glob(pattern):
                path.unlink()

    def gone(self) -> list[dict[str, Any]]:
        """Return refused variants that no longer exist, with their metrics."""
        if not self.refused.exists():
            return []
        found: list[dict[str, Any]] = json.loads(self.refused.read_bytes())
        there = self.graphs()
        return [
            {**variant, "metrics": metric_names.current(variant["metrics"])}
            for variant in found
            if variant["name"] not in there
        ]

    @property
    def golden(self) -> Path:
        """The golden rows."""
        return self.folder / "golden.json"

    @property
    def background(self) -> Path:
        """The background of explanations."""
        return self.folder / "background.json"

    @property
    def reasons(self) -> Path:
        """The codes and texts of reasons."""
        return self.folder / "reasons.json"

    @property
    def report(self) -> Path:
        """The curves that `compare` draws."""
        return self.folder / "report.json"

    @property
    def manifest(self) -> Path:
        """The manifest to publish."""
        return self.folder / "manifest.json"

    def measured(self) -> Manifest:
        """Return the manifest that evaluation wrote, metrics by their present names."""
        manifest = Manifest.from_json(json.loads(self.manifest.read_bytes()))
        variants = (
            replace(variant, metrics=metric_names.current(variant.metrics))
            for variant in manifest.variants
        )
        return replace(manifest, variants=tuple(variants))

    @property
    def record(self) -> Path:
        """The record of the training."""
        return self.folder / "run.json"

    def read(self) -> dict[str, Any]:
        """Return the record, with the run's `folder`.

        Raises `RunError` if the training is not finished.
        """
        try:
            record: dict[str, Any] = json.loads(self.record.read_bytes())
        except FileNotFoundError:
            raise RunError(
                f"{self.folder} is no finished run: hotseat train TASK --run "
                f"{self.folder}"
            ) from None
        except ValueError as error:
            raise RunError(f"{self.record} cannot be read: {error}") from None
        return {**record, "folder": str(self.folder)}

    def needs(self, path: Path, verb: str) -> Path:
        """Return `path`; raises `RunError` with the command that creates it."""
        if not path.exists():
            raise RunError(f"{path} is missing: hotseat {verb} {self.folder}")
        return path


def find(name: str) -> Run:
    """Return the run in that folder, or the newest of the task of that name.

    Raises `RunError`.
    """
    if (Path(name) / "run.json").exists() or os.sep in name:
        return Run(Path(name))
    done = (RUNS / name).glob("*/run.json")
    newest = max(done, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        raise RunError(f"no run {name!r}: give a run's folder, or hotseat train {name}")
    return Run(newest.parent)


def write(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    part = path.with_suffix(".part")
    part.write_bytes(to_bytes(value))
    part.replace(path)


def commit() -> str | None:
    """Return the code's commit, if it is in a git checkout."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 (wherever git is)
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
