"""Reads the batches of a file: its format is found by its first bytes."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from hotseat_train.data.tables import delimited, workbook
from hotseat_train.data.tables.options import Options
from hotseat_train.errors import DatasetError

BROKEN = (pa.ArrowException, OSError, EOFError, zlib.error)
"""Errors of files that are damaged, or of another format."""
_ROWS = 1 << 16
_MAGIC = {
    b"PAR1": "parquet", b"ARROW1": "feather", b"FEA1": "feather", b"PK\x03\x04": "xlsx",
    b"\xd0\xcf\x11\xe0": "xls", b"SQLite": "sqlite", b"Obj\x01": "avro", b"ORC": "orc",
}  # fmt: skip
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2",
           b"\x04\x22\x4d\x18": "lz4"}  # fmt: skip


@dataclass(slots=True)
class Raw:
    """The batches of one file, with texts as they stand there."""

    format: str
    batches: Iterator[pa.RecordBatch]
    notes: list[str] = field(default_factory=list)
    """Complete when the last batch is read."""
    faults: list[str] = field(default_factory=list)
    """Likewise: rows that do not fit the header."""
    comma: bool = False
    """Whether the file's marks make decimal commas probable."""


def open_file(path: Path, options: Options) -> Raw:
    """Return the batches of one file; raises `DatasetError`."""
    with path.open("rb") as file:
        start = file.read(16)
    packing = next((p for m, p in _PACKED.items() if start.startswith(m)), None)
    if packing is not None:
        with _stream(path, packing) as file:
            start = _first(file, path)
    if not start:
        raise DatasetError(f"{path} is empty: the first line names the columns")
    kind = next((k for m, k in _MAGIC.items() if start.startswith(m)), None)
    if kind in {"sqlite", "avro", "orc"}:
        raise DatasetError(f"{path}: {kind} is not read; export it as Parquet or CSV")
    if kind is None and start.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in {b"{", b"["}:
        kind = "jsonl"
    title = "Parquet" if kind == "parquet" else kind or "CSV"
    try:
        found = _open(path, kind, packing, options)
    except BROKEN as error:
        raise DatasetError(f"{path} is no {title} file: {error}") from None
    found.batches = _guarded(found.batches, path, title)
    if packing:
        found.format = f"{found.format}, {packing}"
    return found


def _guarded(
    batches: Iterator[pa.RecordBatch], path: Path, title: str
) -> Iterator[pa.RecordBatch]:
    """Yield the batches; raise `DatasetError` where the file breaks off."""
    try:
        yield from batches
    except BROKEN as error:
        raise DatasetError(f"{path} is a broken {title} file: {error}") from None


def _first(file: IO[bytes], path: Path) -> bytes:
    try:
        return file.read(16)
    except BROKEN as error:
        raise DatasetError(f"{path} cannot be unpacked: {error}") from None


def _stream(path: Path, packing: str | None) -> IO[bytes]:
    """Open a file, unpacked."""
    if packing == "gzip":  # Arrow's reader stops behind the first of several members
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return cast("IO[bytes]", pa.input_stream(str(path), compression=packing))


def _open(path: Path, kind: str | None, packing: str | None, options: Options) -> Raw:
    if kind in {"xlsx", "xls"}:
        return _one(workbook.read(path), kind)
    if kind == "parquet":
        return Raw("parquet", _parquet(path, packing))
    if kind == "feather":
        from pyarrow import feather

        table = feather.read_table(path)
        return Raw("feather", _without_index(table.to_batches(max_chunksize=_ROWS)))
    if kind == "jsonl":
        return Raw("jsonl", _json_lines(path, packing))
    opened = delimited.Delimited(path, lambda: _stream(path, packing), options)
    return Raw(
        opened.format, opened.batches(), opened.notes, opened.faults, comma=opened.comma
    )


def _one(read: tuple[pa.RecordBatch, list[str]], kind: str) -> Raw:
    batch, notes = read
    return Raw(kind, iter([batch]), notes)


def _parquet(path: Path, packing: str | None) -> Iterator[pa.RecordBatch]:
    from pyarrow import parquet

    source = pa.BufferReader(_stream(path, packing).read()) if packing else str(path)
    file = parquet.ParquetFile(source)
    return _without_index(file.iter_batches(batch_size=_ROWS))


def _without_index(batches: Any) -> Iterator[pa.RecordBatch]:
    """Leave out the index that pandas stores as a column."""
    for batch in batches:
        names = [n for n in batch.schema.names if not n.startswith("__index_level_")]
        yield batch if len(names) == batch.num_columns else batch.select(names)


def _json_lines(path: Path, packing: str | None) -> Iterator[pa.RecordBatch]:
    """Read an object a line, or one list of objects; inner objects become a.b."""
    rows: list[dict[str, Any]] = []
    with io.BufferedReader(cast("io.RawIOBase", _stream(path, packing))) as file:
        for row in _objects(file, path):
            rows.append(row)
            if len(rows) == _ROWS:
                yield from_rows(rows)
                rows = []
    if rows:
        yield from_rows(rows)


def _objects(file: IO[bytes], path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise DatasetError(
                f"{path}, line {number}: byte 0x{line[error.start]:02X} is no UTF-8; "
                "JSON is written in UTF-8"
            ) from None
        if number == 1 and text.startswith("["):
            try:
                listed = json.loads(text + file.read().decode())
            except ValueError as error:
                raise DatasetError(f"{path} is no JSON: {error}") from None
            yield from (_flat(item, path, at) for at, item in enumerate(listed, 1))
            return
        if text:
            try:
                value = json.loads(text)
            except ValueError as error:
                raise DatasetError(f"{path}, line {number}: no JSON: {error}") from None
            yield _flat(value, path, number)


def _flat(value: Any, path: Path, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError(f"{path}, row {number}: expected an object with the columns")
    found: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            found |= {f"{name}.{k}": v for k, v in _flat(item, path, number).items()}
        else:
            found[name] = item
    return found


def from_rows(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return objects as a batch; a column of several types becomes text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.RecordBatch.from_pydict(
        {name: column([row.get(name) for row in rows]) for name in names}
    )


def column(values: list[Any]) -> pa.Array:
    """Return values as an Arrow array; values of several types become text."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=str)
