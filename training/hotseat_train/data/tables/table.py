"""Reads a table: first what its columns are, then their values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.data.tables import delimited, files, formats, ids, typed
from hotseat_train.data.tables.description import ColumnType, Description
from hotseat_train.data.tables.infer import infer
from hotseat_train.data.tables.options import Options, explicit
from hotseat_train.data.tables.profile import Profile
from hotseat_train.data.tables.remarks import Fault
from hotseat_train.errors import DatasetError

_NAMES = 20


@dataclass(frozen=True, slots=True)
class Table:
    """A table's typed values, and what its columns are."""

    arrow: pa.Table
    """The columns that are no ids and not dropped, and those the caller named: numbers,
    truth values and dates (days since 1970) are float64, lists are lists of strings,
    the others strings. Null is missing."""
    description: Description

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.description.rows

    def values(self, name: str) -> list[Any]:
        """Return a column's values; None is missing."""
        found: list[Any] = self.arrow.column(name).to_pylist()
        return found

    def rows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows as objects with these columns, as a request has them.

        Where a column has seconds since 1970, the objects have them, too.
        """
        selected = self.arrow.select(list(names))
        for at, name in enumerate(names):
            column = self.description.column(name)
            if column.type == "date" and column.reading is not None:
                days = cells.date(1.0, column.reading) or 1.0
                if days != 1.0:
                    scaled = pc.divide(selected.column(at), days)
                    selected = selected.set_column(at, name, scaled)
        found: list[dict[str, Any]] = selected.to_pylist()
        return found


@dataclass(slots=True)
class _Pass:
    """What one pass over all files found, beside the batches."""

    format: str = ""
    comma: bool = False
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)


def describe(source: str | Path, *, options: Options | None = None) -> Description:
    """Return what the columns of a table are, from a pass over all its rows.

    Memory does not depend on the number of rows. Raises `DatasetError` with every fault
    of the table at once.
    """
    options = options or Options()
    return _describe(_files(source, options), options)


def read(source: str | Path, *, options: Options | None = None) -> Table:
    """Return a table with its description; raises the errors of `describe`."""
    options = options or Options()
    found = _files(source, options)
    description = _describe(found, options)
    schema = _schema(description, options)
    batches = list(_typed(found, options, description))
    return Table(pa.Table.from_batches(batches, schema), description)


def batches(
    source: str | Path,
    *,
    options: Options | None = None,
    description: Description | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield a table's typed values in batches of at most some ten thousand rows.

    The columns are those of `Table.arrow`. `description` saves the pass of `describe`,
    and reads other rows as it says: those of a later month, say. Raises `DatasetError`.
    """
    options = options or Options()
    found = _files(source, options)
    yield from _typed(found, options, description or _describe(found, options))


def _files(source: str | Path, options: Options) -> files.Files:
    found = files.find(source, sha256=options.sha256, offline=options.offline)
    if options.sha256 not in {None, found.sha256}:
        raise DatasetError(
            f"{found.name} has changed since it was trained on: its SHA-256 is "
            f"{found.sha256[:16]}, and was {str(options.sha256)[:16]}"
        )
    return found


def _describe(found: files.Files, options: Options) -> Description:
    notes = _Pass()
    profiles: dict[str, Profile] = {}
    missing = tuple(word.strip().lower() for word in options.missing) or None
    rows = 0
    for batch in _raw(found, options, notes):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name not in profiles:
                profiles[name] = Profile(name, Reading(missing=missing))
                profiles[name].skip(rows)
            profiles[name].add(column)
        rows += batch.num_rows
        for name in profiles.keys() - set(batch.schema.names):
            profiles[name].skip(batch.num_rows)
    if not rows and not notes.faults:
        raise DatasetError(f"{found.name} has no row below its header")
    columns, faults = _columns(profiles, options, notes)
    faults = [*notes.faults, *_unknown(options, profiles), *faults]
    if faults:
        raise DatasetError(_message(found.name, faults))
    return Description(
        name=found.name, format=notes.format, rows=rows, sha256=found.sha256,
        columns=tuple(columns), notes=(*found.notes, *dict.fromkeys(notes.notes)),
    )  # fmt: skip


def _columns(
    profiles: dict[str, Profile], options: Options, notes: _Pass
) -> tuple[list[ColumnType], list[str]]:
    columns, faults = [], []
    for name, profile in profiles.items():
        kind, form = explicit(options, name)
        column = infer(
            profile, kind, form, target=name in options.targets, comma=notes.comma
        )
        if isinstance(column, Fault):
            faults.append(f"column {name!r} {column.text}")
        else:
            columns.append(column)
    named = [c for c in columns if options.columns.get(c.name) == "id"]
    return [ids.beside(column, named) for column in columns], faults


def _message(name: str, faults: Sequence[str]) -> str:
    """Return the message of all faults."""
    if len(faults) == 1:
        return f"{name}: {faults[0]}"
    return "\n  - ".join([f"{name} has {len(faults)} faults:", *faults])


def _unknown(options: Options, names: dict[str, Any]) -> list[str]:
    """Return a fault for each name of the caller that is no column."""
    found = []
    for name in dict.fromkeys([*options.targets, *options.columns]):
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"; do you mean {near[0]!r}?" if near else ""
            listed = ", ".join(list(names)[:_NAMES])
            found.append(f"no column {name!r}{hint} It has: {listed}")
    return found


def _raw(
    found: files.Files, options: Options, notes: _Pass
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of all files as they stand there, at most `options.rows`."""
    left = options.rows
    first: list[str] | None = None
    for part in found.parts:
        raw = formats.open_file(part.path, options)
        notes.format = notes.format or raw.format
        notes.comma |= raw.comma
        for batch in raw.batches:
            delimited.check_names(batch.schema.names, str(part.path))
            for name, value in part.folders:
                if name in batch.schema.names:
                    continue
                text = pa.array([value] * batch.num_rows, pa.string())
                batch = batch.append_column(name, text)  # noqa: PLW2901
            if left is not None:
                batch = batch.slice(0, left)  # noqa: PLW2901
                left -= batch.num_rows
            if first is None:
                first = list(batch.schema.names)
            elif missing := [n for n in first if n not in batch.schema.names]:
                notes.notes.append(f"{part.path.name} has no column {missing[0]!r}")
            yield batch
            if left == 0:
                return
        notes.notes += raw.notes
        where = f"{part.path.name}, " if len(found.parts) > 1 else ""
        notes.faults += [f"{where}{fault}" for fault in raw.faults]


def _kept(description: Description, options: Options) -> list[ColumnType]:
    """Return the columns whose values are read."""
    named = {*options.targets, *options.keep}
    return [c for c in description.columns if c.used or c.name in named]


def _schema(description: Description, options: Options) -> pa.Schema:
    kept = _kept(description, options)
    return pa.schema([(c.name, typed.arrow_type(c)) for c in kept])


def _typed(
    found: files.Files, options: Options, description: Description
) -> Iterator[pa.RecordBatch]:
    schema = _schema(description, options)
    kept = _kept(description, options)
    for batch in _raw(found, options, _Pass()):
        arrays = [
            _converted(batch, column, found.name)
            if column.name in batch.schema.names
            else pa.nulls(batch.num_rows, typed.arrow_type(column))
            for column in kept
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _converted(batch: pa.RecordBatch, column: ColumnType, name: str) -> pa.Array:
    try:
        return typed.convert(batch.column(column.name), column)
    except ValueError as error:
        raise DatasetError(
            f"{name}: column {column.name!r} is a {column.type}, and holds "
            f"{str(error)[:40]!r}"
        ) from None
