"""Measures a run's variants on rows that it never had: those of a later month, say."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hotseat_registry import Manifest, Signature
from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.batch import rows
from hotseat_train.batch.predictors import LocalPredictor, outcomes
from hotseat_train.data import table_files
from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation import labelled, numbers
from hotseat_train.evaluation.run_model import open_variant
from hotseat_train.models.tables.number_losses import NumberLoss
from hotseat_train.pipeline.evaluate import measured
from hotseat_train.run import Run

_BATCH = 10_000
_LONGEST = 40
_LEAST = 20
"""Rows below which a measurement says nothing."""


@dataclass(frozen=True, slots=True)
class MeasuredAnew:
    """What was measured on new rows."""

    metrics: Mapping[str, Mapping[str, Any]]
    """By variant; those of `evaluation.labelled`, or of `evaluation.numbers`."""
    before: Mapping[str, Mapping[str, Any]]
    """By variant, what the run's own evaluation measured."""
    notes: tuple[str, ...]
    """What was left out, and how the rows differ from those of training."""


def evaluate(
    source: Run, path: Path, target: str | None = None, text: str | None = None
) -> MeasuredAnew:
    """Measure a run on the rows of a table, and change nothing in the run.

    A run that is not evaluated yet is evaluated first. `target` is the column with the
    labels (default: that of the training), `text` that of the texts. Raises
    `DatasetError` for a table without them, and the errors of `evaluate.evaluate`.
    """
    if not source.manifest.exists():
        measured(source)
    manifest = source.measured()
    record = source.read()
    column = target or _target(record)
    measure = _measure_of(manifest, record, column)
    inputs, truth, notes = _read(manifest.signature, path, column, text, measure)
    metrics: dict[str, Mapping[str, Any]] = {}
    for variant in manifest.variants:
        model = open_variant(source, manifest, variant)
        found = outcomes(LocalPredictor(model, variant.name), inputs)
        kept = [at for at, item in enumerate(found) if item.error is None]
        if len(kept) < _LEAST:
            reason = next((item.error for item in found if item.error), "")
            raise DatasetError(
                f"{path}: only {len(kept)} rows have an answer and a label; at least "
                f"{_LEAST} are needed. {reason}"
            )
        if not metrics:
            notes += _differences([found[at].answer for at in kept], len(found))
        metrics[variant.name] = measure.quality(
            [found[at].answer for at in kept],
            [inputs[at] for at in kept],
            [truth[at] for at in kept],
        )
    before = {variant.name: variant.metrics for variant in manifest.variants}
    return MeasuredAnew(metrics, before, tuple(notes))


def _target(record: Mapping[str, Any]) -> str:
    table = record.get("streamed") or record.get("table")
    if table is None:
        raise DatasetError(
            f"{record['task']} has data of its own: name the column of labels with "
            "--target"
        )
    return str(table["target"])


class _Measure(Protocol):
    """What a kind of model is measured by."""

    def read(self, cell: Any) -> Any:
        """Return a target's value, None if it is missing; raises ValueError."""

    def quality(
        self,
        answers: Sequence[Mapping[str, Any]],
        inputs: Sequence[Any],
        truth: Sequence[Any],
    ) -> Mapping[str, Any]:
        """Return the metrics of answers."""


@dataclass(frozen=True, slots=True)
class _Labels:
    """Measures a classification."""

    labels: Sequence[str]

    def read(self, cell: Any) -> int | None:
        """See `_Measure`."""
        label = None if cell is None else cells.category(cell, Reading(whole=True))
        return None if label is None else self.labels.index(label)

    def quality(
        self,
        answers: Sequence[Mapping[str, Any]],
        inputs: Sequence[Any],
        truth: Sequence[Any],
    ) -> Mapping[str, Any]:
        """See `_Measure`."""
        part = Split(tuple(inputs), tuple(truth))
        return labelled.quality(answers, part, self.labels)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Measures a regression."""

    loss: NumberLoss
    simplest: float
    """What the simplest rule answers, from the training rows."""
    reading: Reading

    def read(self, cell: Any) -> float | None:
        """See `_Measure`."""
        if cell is None or isinstance(cell, str):
            return cells.number(cell or "", self.reading)
        number = float(cell)
        return number if math.isfinite(number) else None

    def quality(
        self,
        answers: Sequence[Mapping[str, Any]],
        inputs: Sequence[Any],
        truth: Sequence[Any],
    ) -> Mapping[str, Any]:
        """See `_Measure`."""
        del inputs
        values, true = np.array([a["value"] for a in answers]), np.array(truth)
        rule = self.loss.of_rows(true, np.full(len(true), self.simplest))
        off = values - true
        return {
            **numbers.quality(self.loss.of_rows(true, values), rule),
            "mean_absolute_error": round(float(np.abs(off).mean()), 6),
            "root_mean_squared_error": round(float(np.sqrt((off**2).mean())), 6),
            "mean_difference": round(float(off.mean()), 6),
            "rows": len(true),
        }


def _measure_of(manifest: Manifest, record: Mapping[str, Any], target: str) -> _Measure:
    if manifest.kind == "classification":
        return _Labels(manifest.signature.labels)
    objective = record.get("table", {}).get("objective")
    if manifest.kind != "regression" or objective is None:
        raise DatasetError(
            f"a run of kind {manifest.kind} is not measured on a table: only those of "
            "labels and of own tables' numbers are"
        )
    found = (c for c in record["columns"] if c["name"] == target)
    column: Mapping[str, Any] = next(found, {})
    reading = column.get("reading")
    return _Numbers(
        NumberLoss.read(objective),
        manifest.variants[0].metrics["simplest_rule"],
        Reading() if reading is None else Reading.from_json(reading),
    )


def _read(
    signature: Signature, path: Path, target: str, text: str | None, measure: _Measure
) -> tuple[list[Any], list[Any], list[str]]:
    """Return inputs, their targets, and notes."""
    inputs: list[Any] = []
    truth: list[Any] = []
    notes: list[str] = []
    strange: Counter[str] = Counter()
    missing = 0
    mapping = None
    for batch in table_files.batches(path, _BATCH):
        if target not in batch.schema.names:
            raise DatasetError(
                f"{path} has no column {target!r} of labels; it has "
                f"{', '.join(batch.schema.names[:20])}. hotseat predict --input {path} "
                "--output FILE needs none"
            )
        if mapping is None:
            mapping = rows.mapped(signature, batch.schema.names, text)
            if mapping.defaults:
                names = ", ".join(mapping.defaults)
                notes.append(f"the table lacks {names}: the model's default is there")
        labels = batch.column(target).to_pylist()
        for given, cell in zip(rows.inputs(batch, mapping), labels, strict=True):
            try:
                value = measure.read(cell)
            except ValueError:
                strange[str(cell)[:_LONGEST]] += 1
                continue
            if value is None:
                missing += 1
            else:
                inputs.append(given)
                truth.append(value)
    if missing:
        notes.append(f"{missing:,} rows have no {target}, and are left out")
    if strange:
        shown = ", ".join(f"{k!r} ({n:,})" for k, n in strange.most_common(5))
        notes.append(
            f"{strange.total():,} rows have a {target} that training never saw, and "
            f"are left out: {shown}"
        )
    return inputs, truth, notes


def _differences(answers: list[Mapping[str, Any]], rows_: int) -> list[str]:
    """Return notes on rows without an answer and on values unlike those of training."""
    notes = []
    if gone := rows_ - len(answers):
        notes.append(f"{gone:,} rows have no answer, and are left out")
    codes = Counter(
        (warning["code"], warning["pointer"].rpartition("/")[2])
        for answer in answers
        for warning in answer.get("warnings", ())
        if warning["code"] in {"out_of_range", "unknown_category"}
    )
    notes += [
        f"column {name!r}: some values are {_CODES[code]}"
        for (code, name), _ in codes.most_common(10)
    ]
    return notes


_CODES = {
    "out_of_range": "outside the range that training saw",
    "unknown_category": "categories that training did not see",
}
