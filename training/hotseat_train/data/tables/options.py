"""What a caller says about a table: types of columns, ids, the file's form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hotseat_train.errors import DatasetError

TYPES = ("number", "category", "boolean", "date", "text", "list", "id", "out")
"""Explicit types of a column; ``out`` excludes it, ``id`` also keeps it private."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a table is read; the defaults infer everything from the file."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Explicit types by column, one of `TYPES`; ``date:FORMAT`` gives the format of
    `datetime.strptime`."""
    targets: Sequence[str] = ()
    """Columns that are kept whatever their values: the target, say."""
    keep: Sequence[str] = ()
    """Columns whose values are read although they are no features: ids, weights."""
    missing: Sequence[str] = ()
    """Further texts of a missing value."""
    encoding: str | None = None
    """Of a text file; None: found."""
    delimiter: str | None = None
    """Of a text file; None: found."""
    header: bool = True
    """Whether a text file's first line names the columns."""
    rows: int | None = None
    """Only so many rows are read; None: all."""
    sha256: str | None = None
    """Digest that the file must have; None: any."""
    offline: bool = False
    """Whether addresses (s3, https) are refused."""


def explicit(options: Options, name: str) -> tuple[str | None, str | None]:
    """Return a column's explicit type and date format, None each if there is none."""
    kind, _, form = options.columns.get(name, "").partition(":")
    return kind or None, form or None


def column_types(pairs: Sequence[str]) -> dict[str, str]:
    """Parse ``NAME=TYPE`` options; raises `DatasetError` for an unknown type."""
    types = {}
    for pair in pairs:
        name, _, kind = pair.rpartition("=")
        if "=date:" in pair:  # a format may hold an equals sign
            name, _, form = pair.partition("=date:")
            kind = f"date:{form}"
        if not name or kind.partition(":")[0] not in TYPES:
            raise DatasetError(
                f"--column {pair}: expected NAME=TYPE with a type of {', '.join(TYPES)}"
            )
        types[name] = kind
    return types
