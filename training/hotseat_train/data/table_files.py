"""Tables as streams of record batches as they stand in a file, and into a file.

The suffix of an output names its format: .csv, .tsv, .jsonl, .parquet, .feather or
.arrow; text formats may end in .gz.
"""

import csv as standard_csv
import gzip
import io
import json as standard_json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
from pyarrow import ipc, parquet

from hotseat_train.data.tables import Options, formats
from hotseat_train.errors import DatasetError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".feather", ".arrow")


class Writer(Protocol):
    """Writes batches."""

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Write one batch."""


def suffix(path: Path) -> str:
    """Return the suffix that names the format; raises `DatasetError`."""
    found = [part for part in path.suffixes if part != ".gz"][-1:]
    if not found or found[0].lower() not in SUFFIXES:
        raise DatasetError(
            f"{path}: the format follows from the file's name, which ends in "
            f"{', '.join(SUFFIXES)}; .csv, .tsv and .jsonl also with .gz"
        )
    return found[0].lower()


def batches(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows as they stand there, in batches of `rows`.

    Any format that training reads; cells of a text format stay texts. Raises
    `DatasetError` for a file that is missing or broken, and at its end for one with
    rows that do not fit the header.
    """
    try:
        raw = formats.open_file(path, Options())
        yield from _sized(raw.batches, rows)
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from None
    if raw.faults:
        raise DatasetError("\n  - ".join([f"{path}:", *raw.faults]))


def _sized(source: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of `rows` rows, whatever the sizes that arrive."""
    kept: list[pa.RecordBatch] = []
    count = 0
    for batch in source:
        rest = batch
        while count + len(rest) >= rows:
            kept.append(rest.slice(0, rows - count))
            yield _joined(kept)
            rest = rest.slice(rows - count)
            kept, count = [], 0
        if len(rest):
            kept.append(rest)
            count += len(rest)
    if kept:
        yield _joined(kept)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


@contextmanager
def writer(path: Path, kind: str, schema: pa.Schema) -> Iterator[Writer]:
    """Open a file of the format `kind`, a suffix of `SUFFIXES`."""
    if kind == ".parquet":
        with parquet.ParquetWriter(path, schema, compression="zstd") as file:
            yield file
    elif kind in {".feather", ".arrow"}:
        with pa.OSFile(str(path), "wb") as sink, ipc.new_file(sink, schema) as file:
            yield file
    else:
        packed = path.name.removesuffix(".part").endswith(".gz")
        with gzip.open(path, "wb") if packed else path.open("wb") as sink:
            yield (
                _JsonLines(sink)
                if kind == ".jsonl"
                else _Csv(sink, schema, "\t" if kind == ".tsv" else ",")
            )


class _Csv:
    """Writes CSV: quotes only where they are needed."""

    def __init__(self, sink: Any, schema: pa.Schema, delimiter: str) -> None:
        self._sink, self._delimiter = sink, delimiter
        self._write([schema.names])

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """See `Writer`."""
        columns = [map(_cell, column.to_pylist()) for column in batch.columns]
        self._write(zip(*columns, strict=True))

    def _write(self, rows: Iterable[Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        standard_csv.writer(
            text, delimiter=self._delimiter, lineterminator="\n"
        ).writerows(rows)
        self._sink.write(text.getvalue().encode())


def csv_writer(sink: IO[bytes], schema: pa.Schema) -> Writer:
    """Return what writes CSV to an open file; the header is written at once."""
    return _Csv(sink, schema, ",")


def _cell(value: Any) -> Any:
    """Return what CSV writes: the shortest text of a float32, truth values as words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.7g}" if isinstance(value, float) else value


class _JsonLines:
    """Writes one JSON object a line; missing cells are null."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """See `Writer`."""
        for row in batch.to_pylist():
            line = standard_json.dumps(row, ensure_ascii=False, default=str)
            self._sink.write(f"{line}\n".encode())
