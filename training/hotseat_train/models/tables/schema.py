"""A studio's own table: read whole, and each column's type told from its values.

Nothing is guessed away: what is neither one type nor another is refused with the line
where it stands, and every column that is left out is named with the reason.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from hotseat_train.errors import DatasetError

TYPES = ("number", "category", "out")
"""What a column may be said to be."""
_NOTHING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_TRUTHS = {"true": 1.0, "false": 0.0}
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d.*)?|\d\d?[./]\d\d?[./]\d{2,4}")
_MOSTLY = 0.8
"""Of a column's values: from here on those of another type look like mistakes."""
_FEW = 10
"""Values that a column has to have."""
_IDS = re.compile(r"(^|_|-)(id|uuid|guid|key|index)$|[a-z]I[dD]$", re.ASCII)
_DENSE = 20
"""Whole numbers, all different, within so many times their count are dealt out."""

Values = list[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is learned from."""

    name: str
    type: str
    """number or category."""
    values: tuple[Any, ...]
    """Floats or strings; None: missing."""
    truth: bool = False
    """A number that is only ever true or false."""


def read(path: Path) -> dict[str, Values]:
    """Return a table's columns by name, values as text (None: missing), or typed.

    CSV in UTF-8 (comma, semicolon or tab), or Parquet. Raises `DatasetError` that names
    the line for what is no table.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: there is no such file")
    if path.suffix == ".parquet":
        return _parquet(path)
    lines = csv.reader(io.StringIO(_text(path), newline=""), _delimiter(path))
    try:
        rows = [row for row in lines if row]
    except csv.Error as error:
        raise DatasetError(f"{path}, line {lines.line_num}: {error}") from None
    if not rows:
        raise DatasetError(f"{path} is empty: its first line has to name the columns")
    header = [name.strip() for name in rows[0]]
    _check_header(path, header)
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise DatasetError(
                f"{path}, row {number}: {len(row)} values, and the header names "
                f"{len(header)} columns"
            )
    columns = zip(*rows[1:], strict=True) if rows[1:] else [()] * len(header)
    return {
        name: [None if v.strip().lower() in _NOTHING else v.strip() for v in values]
        for name, values in zip(header, columns, strict=True)
    }


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        maybe = "UTF-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "WINDOWS-1252"
        raise DatasetError(
            f"{path}, line {line}: byte 0x{data[error.start]:02X} is no UTF-8; save it "
            f"as UTF-8, for example: iconv -f {maybe} -t UTF-8"
        ) from None


def _delimiter(path: Path) -> type[csv.Dialect]:
    first = _text(path).partition("\n")[0]

    class Found(csv.excel):
        delimiter = max(",;\t", key=first.count)
        strict = True

    return Found


def _check_header(path: Path, header: Sequence[str]) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1]
    if "" in header:
        raise DatasetError(
            f"{path}: column {header.index('') + 1} has no name in the first line"
        )
    if twice:
        raise DatasetError(f"{path}: the header names {twice[0]!r} more than once")


def _parquet(path: Path) -> dict[str, Values]:
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise DatasetError(f"{path} is no Parquet file: {error}") from None
    _check_header(path, table.column_names)
    return {
        name: [_told(value) for value in table.column(name).to_pylist()]
        for name in table.column_names
    }


def _told(value: Any) -> Any:
    if isinstance(value, float):
        if isnan(value):
            return None
        # a column of whole numbers became floats where one value was missing
        return int(value) if value.is_integer() else value
    return value if value is None or isinstance(value, bool | int) else str(value)


def infer(name: str, values: Sequence[Any], said: str | None = None) -> Column | str:
    """Return the column with its type, or why it is left out.

    `said` is one of `TYPES` where somebody said it, and is taken at its word. Raises
    `DatasetError` for a column without a value, and for one of mixed types.
    """
    there = [value for value in values if value is not None]
    if said == "out":
        return "as was said"
    if not there:
        raise DatasetError(
            f"column {name!r} has no value at all: remove it, or say so: "
            f"--column {name}=out"
        )
    if said == "category":
        return _category(name, values)
    if len(there) < _FEW:
        return f"only {len(there)} rows have a value"
    return _told_apart(name, values, there, said)


def _told_apart(
    name: str, values: Sequence[Any], there: Sequence[Any], said: str | None
) -> Column | str:
    numbers = [_number(value) for value in values]
    found = sum(number is not None for number in numbers)
    if found == len(there):
        return _numeric(name, numbers, there, said)
    if said == "number" or found >= _MOSTLY * len(there):
        row = next(
            at for at, value in enumerate(values)
            if value is not None and numbers[at] is None
        )  # fmt: skip
        raise DatasetError(
            f"column {name!r} is of mixed types: {found} of {len(there)} values are "
            f"numbers, and row {row + 2} holds {str(values[row])[:20]!r}. Mend it, or "
            f"say what it is: --column {name}=category"
        )
    texts = [str(value) for value in there]
    if all(map(_DATE.fullmatch, texts)):
        return "it holds dates, which a game would have to count: give days as a number"
    if len(set(texts)) == 1:
        return f"all its values are {texts[0][:20]!r}"
    if len(set(texts)) == len(texts):
        return (
            "every row has a value of its own, as an id has, which tells nothing of "
            f"the next player; --column {name}=category takes it all the same"
        )
    return _category(name, values)


def _category(name: str, values: Sequence[Any]) -> Column:
    texts = tuple(None if value is None else str(value) for value in values)
    return Column(name, "category", texts)


def _numeric(
    name: str, numbers: Sequence[float | None], there: Sequence[Any], said: str | None
) -> Column | str:
    values = [number for number in numbers if number is not None]
    if said is None and len(set(values)) == 1:
        return f"all its values are {values[0]:g}"
    if said is None and _dealt(name, values):
        return (
            "every row has a whole number of its own, as an id has, which tells "
            f"nothing of the next player; --column {name}=number takes it all the same"
        )
    truth = all(str(value).lower() in _TRUTHS for value in there)
    return Column(name, "number", tuple(numbers), truth)


def _dealt(name: str, values: Sequence[float]) -> bool:
    """Whether numbers look like ids: whole, all different, and named or packed so."""
    if len(set(values)) < len(values) or not all(v.is_integer() for v in values):
        return False
    wide = max(values) - min(values) >= _DENSE * len(values)
    return bool(_IDS.search(name)) or not wide


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value.lower() in _TRUTHS:
            return _TRUTHS[value.lower()]
        if "_" in value:  # which Python reads as a number
            return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def said(pairs: Sequence[str], known: Mapping[str, Any]) -> dict[str, str]:
    """Read ``NAME=TYPE`` of columns that there are; raises `DatasetError`."""
    found = {}
    for pair in pairs:
        name, _, kind = pair.rpartition("=")
        if kind not in TYPES:
            raise DatasetError(f"--column {pair}: NAME=TYPE, of {', '.join(TYPES)}")
        if name not in known:
            raise DatasetError(f"--column {pair}: there is no column {name!r}")
        found[name] = kind
    return found
