"""A sample of a stream of rows, and columns as arrays."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]

SAMPLE = 200_000
"""Rows of the sample: what LightGBM itself takes to find the edges of bins."""


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
        while self.count > self._most:
            self._bar /= 2
            kept, self._kept = self._kept, []
            for some, numbers in kept:
                self._keep(some, numbers)

    @property
    def count(self) -> int:
        """The number of rows in the sample."""
        return sum(len(numbers) for _, numbers in self._kept)

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


def numbers_of(column: pa.Array) -> Array:
    """Return a column of numbers as float32 [rows], NaN where one is missing."""
    floats = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        values = floats.astype(np.float32)
    values[~np.isfinite(values)] = np.nan  # also what is beyond float32
    return np.asarray(values)


def texts_of(column: pa.Array) -> pa.Array:
    """Return a column of categories as texts, "" where one is missing."""
    return pc.fill_null(column, "")
