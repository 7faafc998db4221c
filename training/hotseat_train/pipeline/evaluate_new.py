"""Measures a run's variants on rows that it never had: those of a later month, say."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat_registry import Signature
from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_serve.runtime.loader import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.batch import rows
from hotseat_train.batch.predictors import LocalPredictor, outcomes
from hotseat_train.data import table_files
from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation import labelled
from hotseat_train.pipeline.evaluate import measured
from hotseat_train.run import Run

_BATCH = 10_000
_LEAST = 20
"""Rows below which a measurement says nothing."""


@dataclass(frozen=True, slots=True)
class MeasuredAnew:
    """What was measured on new rows."""

    metrics: Mapping[str, Mapping[str, Any]]
    """By variant; those of `evaluation.labelled.quality`."""
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
    if manifest.kind != "classification":
        raise DatasetError(
            f"a run of kind {manifest.kind} is not measured on a table of labels"
        )
    column = target or _target(source.read())
    inputs, truth, notes = _read(manifest.signature, path, column, text)
    metrics: dict[str, Mapping[str, Any]] = {}
    for variant in manifest.variants:
        session = Session(
            source.folder / variant.file, optimized=bool(variant.optimized)
        )
        model = LoadedModel(manifest, variant.name, session)
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
        part = Split(tuple(inputs[at] for at in kept), tuple(truth[at] for at in kept))
        answers = [found[at].answer for at in kept]
        labels = manifest.signature.labels
        metrics[variant.name] = labelled.quality(answers, part, labels)
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


def _read(
    signature: Signature, path: Path, target: str, text: str | None
) -> tuple[list[Any], list[int], list[str]]:
    """Return inputs, the numbers of their labels, and notes."""
    numbers = {label: at for at, label in enumerate(signature.labels)}
    inputs: list[Any] = []
    truth: list[int] = []
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
            label = None if cell is None else cells.category(cell, Reading(whole=True))
            if label is None:
                missing += 1
            elif label not in numbers:
                strange[label] += 1
            else:
                inputs.append(given)
                truth.append(numbers[label])
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
