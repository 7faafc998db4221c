"""Tables as streams of record batches, from a file and into one.

The suffix names the format: .csv, .tsv, .jsonl, .parquet, .feather or .arrow; text
formats may end in .gz. Cells of CSV stay texts: the model's signature says what they
are.
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
from pyarrow import csv, ipc, json, parquet

from hotseat_train.errors import DatasetError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".feather", ".arrow")
_BLOCK = 1 << 22
"""Bytes of text that are parsed at a time."""


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
    """Yield the table's rows in batches of `rows`, the last one shorter.

    Raises `DatasetError` for a file that is missing or broken.
    """
    try:
        with _reader(path) as source:
            yield from _sized(source, rows)
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from None


@contextmanager
def _reader(path: Path) -> Iterator[Iterable[pa.RecordBatch]]:
    kind = suffix(path)
    if kind == ".parquet":
        with parquet.ParquetFile(path) as file:
            yield file.iter_batches()
        return
    if kind in {".feather", ".arrow"}:
        with pa.OSFile(str(path)) as file, ipc.open_file(file) as reader:
            yield (reader.get_batch(at) for at in range(reader.num_record_batches))
        return
    with _opened(path) as file:
        if kind == ".jsonl":
            options = json.ReadOptions(block_size=_BLOCK)
            with json.open_json(file, read_options=options) as reader:
                yield reader
        else:
            with _opened(path) as first:
                header = first.readline().decode("utf-8-sig").rstrip("\r\n")
            delimiter = max(",;\t", key=header.count)
            names = next(standard_csv.reader([header], delimiter=delimiter), [])
            with csv.open_csv(
                file,
                csv.ReadOptions(block_size=_BLOCK),
                csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            ) as reader:
                yield reader


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path) as packed:
            yield packed  # type: ignore[misc] # a reader of bytes like any other
    else:
        with path.open("rb") as file:
            yield file


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


def rows_of(path: Path) -> int | None:
    """Return the number of rows, if the format has it; else None."""
    if suffix(path) != ".parquet":
        return None
    with parquet.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


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
