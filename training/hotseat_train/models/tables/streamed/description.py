"""The first pass over a table: its size, its labels, and a sample of its rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]

SAMPLE = 200_000
"""Rows of the sample: what LightGBM itself takes to find the edges of bins."""
MOST_CATEGORIES = 20_000
"""Distinct values that are counted exactly; beyond, the rarest are dropped."""


class Sampler:
    """Keeps a sample of at most `most` rows of a stream of unknown length.

    Each row draws a number, and those below a bar are kept; the bar is halved when too
    many are, so that every row has the same chance.
    """

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._random, self._bar = most, np.random.default_rng(seed), 1.0
        self._kept: list[tuple[pa.RecordBatch, Array]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Offer rows."""
        self._keep(batch, self._random.random(len(batch)))
        while sum(len(numbers) for _, numbers in self._kept) > self._most:
            self._bar /= 2
            kept, self._kept = self._kept, []
            for some, numbers in kept:
                self._keep(some, numbers)

    def _keep(self, batch: pa.RecordBatch, numbers: Array) -> None:
        below = numbers < self._bar
        if below.all():
            self._kept.append((batch, numbers))
        elif below.any():
            # `take` copies: a filtered slice would hold all of the batch
            rows = pa.array(np.flatnonzero(below))
            self._kept.append((batch.take(rows), numbers[below]))

    def rows(self, schema: pa.Schema) -> pa.Table:
        """Return the sample."""
        return pa.Table.from_batches([batch for batch, _ in self._kept], schema)


@dataclass(frozen=True, slots=True)
class Description:
    """What the first pass found."""

    rows: int
    bytes: int
    """Bytes of the columns in Arrow's memory format."""
    schema: pa.Schema
    sample: pa.Table
    targets: Counter[str]
    """Rows by the target's value; rows without one are under None."""


def describe(
    batches: Iterable[pa.RecordBatch],
    target: str,
    seed: int,
    *,
    report: Callable[[int], None] = lambda _rows: None,
    most: int = SAMPLE,
) -> Description:
    """Read a table once; `report` receives the number of rows so far."""
    sampler, targets, schema = Sampler(most, seed), Counter[Any](), pa.schema([])
    rows = size = 0
    for batch in batches:
        schema = batch.schema
        sampler.add(batch)
        for pair in pc.value_counts(batch.column(target)):
            targets[pair["values"].as_py()] += pair["counts"].as_py()
        if len(targets) > MOST_CATEGORIES:
            targets = Counter(dict(targets.most_common(MOST_CATEGORIES // 2)))
        rows += len(batch)
        size += batch.nbytes
        report(rows)
    return Description(rows, size, schema, sampler.rows(schema), targets)


def numbers_of(column: pa.Array, missing: Sequence[str]) -> tuple[Array, Array]:
    """Return a column as float32 [rows], NaN where a number is missing, and faults.

    Texts may have spaces around them; those of `missing` (in lower case) are missing.
    The faults are the numbers of rows whose text is no number; they are NaN too.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    faults = np.zeros(0, np.int64)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = pc.cast(column, pa.float64())
        except pa.ArrowInvalid:
            column, faults = _parsed(column, missing)
    elif pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    floats = pc.cast(column, pa.float64(), safe=False)
    values = floats.to_numpy(zero_copy_only=False).astype(np.float32)
    values[~np.isfinite(values)] = np.nan  # also what is beyond float32
    return values, faults


def _parsed(column: pa.Array, missing: Sequence[str]) -> tuple[pa.Array, Array]:
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    texts = pc.if_else(pc.equal(texts, "true"), "1", texts)
    texts = pc.if_else(pc.equal(texts, "false"), "0", texts)
    known = pc.is_in(texts, value_set=pa.array(list(missing)))
    texts = pc.if_else(known, pa.scalar(None, texts.type), texts)
    try:
        return pc.cast(texts, pa.float64()), np.zeros(0, np.int64)
    except pa.ArrowInvalid:
        cells: list[float | None] = []
        faults = []
        for at, text in enumerate(texts.to_pylist()):
            try:
                cells.append(None if text is None else float(text))
            except ValueError:
                cells.append(None)
                faults.append(at)
        return pa.array(cells, pa.float64()), np.array(faults, np.int64)


def texts_of(column: pa.Array) -> pa.Array:
    """Return a column of categories as texts, "" where one is missing."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        whole = pc.equal(pc.floor(column), column)
        if pc.all(whole, skip_nulls=True).as_py():
            column = pc.cast(column, pa.int64())  # codes, beside missing ones
    texts = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
    return pc.fill_null(pc.utf8_trim_whitespace(texts), "")
