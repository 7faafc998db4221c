"""The description of a table: what each column is, and why."""

from collections.abc import Mapping
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.json_dataclass import (
    JsonDataclass,
    from_json_list,
    set_frozen_field,
)
from hotseat_registry.reading import Reading

REQUESTED = "as requested"
"""Why a column is dropped that the caller names: nothing to remark."""


@dataclass(frozen=True, slots=True)
class ColumnType(JsonDataclass):
    """What a column is."""

    name: str
    type: str
    """number, category, boolean, date, text, list, id, constant or empty."""
    why: str
    """What the type was inferred from."""
    dropped: str | None = None
    """Why the column is no feature; None: it is one."""
    rows: int = 0
    missing: int = 0
    distinct: int = 0
    """Different values; an estimate from 65,536 on."""
    examples: tuple[str, ...] = ()
    reading: Reading | None = None
    notes: tuple[str, ...] = ()
    """What may surprise: a notation that was guessed, words read as missing."""
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        """Take JSON's lists for tuples, and read the nested record."""
        for name in ("examples", "notes"):
            set_frozen_field(self, name, tuple(getattr(self, name)))
        if isinstance(self.reading, Mapping):
            set_frozen_field(self, "reading", Reading.from_json(self.reading))

    @property
    def used(self) -> bool:
        """Whether the column is a feature."""
        return self.dropped is None


@dataclass(frozen=True, slots=True)
class Description(JsonDataclass):
    """A table: its file, and its columns in their order."""

    name: str
    """The file's name, without its folder."""
    format: str
    """csv, jsonl, parquet, feather or xlsx, with compression and encoding."""
    rows: int
    sha256: str
    columns: tuple[ColumnType, ...]
    notes: tuple[str, ...] = ()
    """About the file: encoding, header, skipped lines."""

    def __post_init__(self) -> None:
        """Take JSON's lists for tuples, and read the nested records."""
        set_frozen_field(self, "columns", from_json_list(ColumnType, self.columns))
        set_frozen_field(self, "notes", tuple(self.notes))

    def column(self, name: str) -> ColumnType:
        """Return the column of that name; raises `KeyError`."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def remarks(self) -> list[str]:
        """Return the notes of the file and of every column, as sentences."""
        found = list(self.notes)
        for column in self.columns:
            if column.dropped not in {None, REQUESTED}:
                found.append(f"column {column.name!r} is left out: {column.dropped}")
            found += [f"column {column.name!r}: {note}" for note in column.notes]
        return found

    def public(self) -> dict[str, Any]:
        """Return JSON without examples and extremes, which are single rows' values.

        Runs and cards hold this form: a value of a player stands in neither.
        """
        document = self.to_json()
        for column in document["columns"]:
            if column["type"] != "boolean":
                column["examples"] = []
                column.pop("minimum", None)
                column.pop("maximum", None)
        return document
