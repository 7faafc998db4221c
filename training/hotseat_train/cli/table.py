"""Prints what the columns of a table are."""

from hotseat_registry.cli.common import print_table
from hotseat_train.data.tables.description import ColumnType, Description

COLUMNS = ("column", "type", "why", "distinct", "missing", "examples")
_LONGEST = 40


def show(description: Description) -> None:
    """Print a description as a table: a line a column, dropped ones with the reason."""
    print(f"{description.name}: {description.rows} rows, {description.format}")
    print_table(COLUMNS, map(_row, description.columns))


def _row(column: ColumnType) -> tuple[str, ...]:
    dropped = column.dropped is not None
    return (
        _cut(column.name),
        f"{column.type}, out" if dropped else column.type,
        _cut(column.why),
        f"{column.distinct:,}",
        f"{column.missing:,}",
        _cut(", ".join(column.examples)),
    )


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
