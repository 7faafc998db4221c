"""Reads a sheet of an Excel workbook."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from hotseat_train.errors import DatasetError


def read(path: Path) -> tuple[pa.RecordBatch, list[str]]:
    """Return the first sheet with rows, and notes; raises `DatasetError`.

    Its first row with values names the columns.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    from hotseat_train.data.tables.delimited import named
    from hotseat_train.data.tables.formats import column

    try:
        book = CalamineWorkbook.from_path(path)
        sheets = {n: book.get_sheet_by_name(n).to_python() for n in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        raise DatasetError(
            f"{path} is no workbook that can be read ({error}): open it in Excel and "
            "save it as 'CSV UTF-8'"
        ) from None
    filled = {name: rows for name, rows in sheets.items() if len(rows) > 1}
    if not filled:
        raise DatasetError(f"{path}: no sheet has a row below its first one")
    name, rows = next(iter(filled.items()))
    titles = [str(_value(cell) or "") for cell in rows[0]]
    header, notes = named(titles, rows[1:], str(path))
    if len(filled) > 1:
        notes.append(f"sheet {name!r} is read; {', '.join(list(filled)[1:])} are not")
    filled_rows = [row for row in rows[1:] if any(cell != "" for cell in row)]
    columns = {
        title: column([_value(row[at]) for row in filled_rows])
        for at, title in enumerate(header)
        if title is not None
    }
    return pa.RecordBatch.from_pydict(columns), notes


def _value(cell: Any) -> Any:
    """Return a cell's value for Arrow: a date as ISO 8601, an empty cell as null."""
    if cell == "":
        return None
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    return cell
