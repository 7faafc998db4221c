"""Encoded rows on disk: what a training reads instead of the table.

A part of a split is two files, ``train.x`` (float32 [rows, columns], row by row) and
``train.y`` (float32 [rows]), and ``train.w`` where rows have weights. They are read
with `pread`, not mapped: mapped pages would count as the process's memory. LightGBM
reads a part as a `lightgbm.Sequence`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lightgbm
import numpy as np

Array = np.ndarray[Any, Any]
CHUNK = 50_000
"""Rows that are read at a time."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one split."""

    path: Path
    columns: int

    @property
    def _x(self) -> Path:
        return self.path.with_suffix(".x")

    @property
    def _y(self) -> Path:
        return self.path.with_suffix(".y")

    @property
    def _w(self) -> Path:
        return self.path.with_suffix(".w")

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._y.stat().st_size // 4 if self._y.exists() else 0

    def rows(self, start: int, stop: int) -> Array:
        """Return float32 [stop - start, columns]."""
        size = 4 * self.columns
        with self._x.open("rb") as file:
            file.seek(start * size)
            data = file.read((stop - start) * size)
        return np.frombuffer(data, np.float32).reshape(-1, self.columns)

    def targets(self) -> Array:
        """Return float32 [rows]."""
        return np.fromfile(self._y, np.float32)

    def weights(self) -> Array | None:
        """Return float32 [rows] with the mean 1; None: all rows count the same."""
        if not self._w.exists():
            return None
        found: Array = np.fromfile(self._w, np.float32)
        return np.asarray(found / found.mean())

    def chunks(self) -> Iterator[Array]:
        """Yield all rows in order."""
        for start in range(0, len(self), CHUNK):
            yield self.rows(start, min(start + CHUNK, len(self)))

    def writer(self, *, weighted: bool = False) -> "Writer":
        """Return what appends rows to an empty part."""
        return Writer(self, weighted=weighted)


class Writer:
    """Appends rows to a part; a context manager."""

    def __init__(self, part: Part, *, weighted: bool = False) -> None:
        paths = [part._x, part._y, *([part._w] if weighted else [])]  # noqa: SLF001 (its own)
        self._files = [path.open("wb") for path in paths]

    def add(self, x: Array, y: Array, weights: Array | None = None) -> None:
        """Append float32 [rows, columns], their targets and weights [rows]."""
        arrays = (x, y) if weights is None else (x, y, weights)
        for file, array in zip(self._files, arrays, strict=True):
            file.write(np.ascontiguousarray(array, np.float32).data)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


class Rows(lightgbm.Sequence):
    """Rows `start` to `stop` of a part, as LightGBM reads them: once for a sample of
    single rows, then in batches that are binned and forgotten.
    """  # noqa: D205

    batch_size = CHUNK

    def __init__(self, part: Part, start: int = 0, stop: int | None = None) -> None:
        self._part, self._start = part, start
        self._stop = len(part) if stop is None else stop
        self._file = part.path.with_suffix(".x").open("rb", buffering=0)

    def __del__(self) -> None:
        """Close the file: LightGBM drops a sequence when its rows are binned."""
        self._file.close()

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, index: Any) -> Array:
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return self._part.rows(self._start + start, self._start + stop)
        # 200,000 single rows are the sample: no file is opened for each
        size = 4 * self._part.columns
        data = os.pread(self._file.fileno(), size, (self._start + int(index)) * size)
        # the sample has to be float64, the batches need not
        return np.frombuffer(data, np.float32).astype(np.float64)
