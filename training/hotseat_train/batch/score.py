"""Scores a table row by row with one version of a model."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from hotseat_train.batch import rows
from hotseat_train.batch.parts import Parts
from hotseat_train.batch.predictors import Outcome, Predictor, outcomes
from hotseat_train.data import table_files
from hotseat_train.errors import DatasetError

PART = 10_000
"""Rows of a part: what an interruption costs at most."""
_MOST_ERRORS = 3


@dataclass(slots=True)
class Summary:
    """What became of the rows."""

    rows: int = 0
    errors: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)
    """The first errors, each with the number of its row, counted from 1."""
    warnings: Counter[str] = field(default_factory=Counter)
    """Codes of warnings with their field, as ``out_of_range /level``."""
    resumed: int = 0
    """Rows that an earlier, interrupted run had scored."""

    def add(self, results: Sequence[Outcome]) -> None:
        """Count the outcomes of some rows."""
        for at, item in enumerate(results, self.rows + 1):
            if item.error is not None:
                self.errors += 1
                if len(self.examples) < _MOST_ERRORS:
                    self.examples.append((at, item.error))
            for warning in item.answer.get("warnings", ()):
                place = str(warning.get("pointer", "")).rpartition("/")[2]
                self.warnings[f"{warning.get('code')} {place}".strip()] += 1
        self.rows += len(results)


@dataclass(frozen=True, slots=True)
class Job:
    """A table to score."""

    source: Path
    kind: str
    """The model's kind: classification or regression."""
    text: str | None = None
    """The column of texts, for a model that reads one text."""
    prefix: str = ""
    """Before the name of each column of answers."""


Report = Callable[[int], None]
"""Receives the number of rows that are done."""


def to_file(
    job: Job,
    predictor: Predictor,
    output: Path,
    *,
    note: Callable[[str], None] = lambda _text: None,
    report: Report = lambda _rows: None,
    part: int = PART,
) -> Summary:
    """Score a table into a file and return what became of the rows.

    The output has the columns of the table in their order, then those of the answers,
    and a row for each row. It appears when it is complete; after an interruption the
    same call continues behind the last finished part. Raises `DatasetError` for a table
    that lacks a needed column.
    """
    table_files.suffix(output)
    if output.resolve() == job.source.resolve():
        raise DatasetError(f"{output} is the input: name another output")
    parts, summary, count, schema = Parts(output), Summary(), 0, None
    finished = parts.begin(_state(job, predictor, part))
    for batch, mapping, columns in _batches(job, predictor, part, note):
        if count < finished:
            scored = parts.read(count)
            summary.add(_outcomes_again(scored, columns))
            summary.resumed += len(batch)
        else:
            scored = _scored(batch, mapping, columns, predictor, summary)
            parts.write(count, scored)
        schema = scored.schema
        count += 1
        report(summary.rows)
    if schema is None:
        raise DatasetError(f"{job.source} has no rows")
    parts.finish(count, schema)
    return summary


def stream(
    job: Job,
    predictor: Predictor,
    *,
    note: Callable[[str], None] = lambda _text: None,
    rows_at_once: int = 1_000,
    summary: Summary | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the scored rows, for a pipe; counts them in `summary`."""
    counted = Summary() if summary is None else summary
    for batch, mapping, columns in _batches(job, predictor, rows_at_once, note):
        yield _scored(batch, mapping, columns, predictor, counted)


def _batches(
    job: Job, predictor: Predictor, size: int, note: Callable[[str], None]
) -> Iterator[tuple[pa.RecordBatch, rows.Mapped, rows.Answers]]:
    mapping = columns = None
    for batch in table_files.batches(job.source, size):
        if mapping is None or columns is None:
            names = batch.schema.names
            mapping = rows.mapped(predictor.signature, names, job.text)
            columns = rows.Answers.of(predictor.signature, job.kind, names, job.prefix)
            _notes(mapping, note)
        yield batch, mapping, columns


def _notes(mapping: rows.Mapped, note: Callable[[str], None]) -> None:
    if mapping.defaults:
        note(
            f"the table lacks {', '.join(mapping.defaults)}: every row has the model's "
            "default there"
        )
    if mapping.ignored:
        note(f"kept, and not read by the model: {', '.join(mapping.ignored)}")


def _scored(
    batch: pa.RecordBatch,
    mapping: rows.Mapped,
    columns: rows.Answers,
    predictor: Predictor,
    summary: Summary,
) -> pa.RecordBatch:
    results = outcomes(predictor, rows.inputs(batch, mapping))
    summary.add(results)
    return pa.RecordBatch.from_arrays(
        [*batch.columns, *columns.columns(results)],
        schema=pa.schema([*batch.schema, *columns.schema]),
    )


def _outcomes_again(scored: pa.RecordBatch, columns: rows.Answers) -> list[Outcome]:
    """Return the outcomes of a finished part, for the count of errors alone."""
    errors = scored.column(f"{columns.prefix}error").to_pylist()
    return [Outcome({}, error) for error in errors]


def _state(job: Job, predictor: Predictor, part: int) -> Mapping[str, Any]:
    """Return what finished parts depend on."""
    try:
        status = job.source.stat()
    except FileNotFoundError:
        raise DatasetError(f"{job.source}: no such file") from None
    return {
        "source": str(job.source.resolve()),
        "bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "version": predictor.version,
        "text": job.text,
        "prefix": job.prefix,
        "rows_of_a_part": part,
    }
