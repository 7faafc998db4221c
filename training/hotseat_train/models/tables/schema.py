"""Schema inference: reads a table and infers each column's type from its values.

A column of mixed types is an error with the row; an excluded column has a reason.
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
"""Explicit types of a column; ``out`` excludes it."""
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_BOOLEANS = {"true": 1.0, "false": 0.0}
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d.*)?|\d\d?[./]\d\d?[./]\d{2,4}")
_MOSTLY = 0.8
"""Minimum share of numbers in a column that makes its other values errors."""
_MIN_VALUES = 10
"""Minimum number of values of a column."""
_IDS = re.compile(r"(^|_|-)(id|uuid|guid|key|index)$|[a-z]I[dD]$", re.ASCII)
_DENSE = 20
"""Distinct integers look like ids if their range is below so many times their count."""

Values = list[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A feature, target or id column."""

    name: str
    type: str
    """number or category."""
    values: tuple[Any, ...]
    """Floats or strings; None: missing."""
    boolean: bool = False
    """Whether the numbers stand for true and false."""


def read(path: Path) -> dict[str, Values]:
    """Return a table's columns by name: text values of CSV, typed ones of Parquet.

    None is a missing value. CSV is UTF-8 with commas, semicolons or tabs. Raises
    `DatasetError` with the line of the error.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    if path.suffix == ".parquet":
        return _parquet(path)
    lines = csv.reader(io.StringIO(_text(path), newline=""), _delimiter(path))
    try:
        rows = [row for row in lines if row]
    except csv.Error as error:
        raise DatasetError(f"{path}, line {lines.line_num}: {error}") from None
    if not rows:
        raise DatasetError(f"{path} is empty: the first line names the columns")
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
        name: [None if v.strip().lower() in _MISSING else v.strip() for v in values]
        for name, values in zip(header, columns, strict=True)
    }


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        encoding = (
            "UTF-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "WINDOWS-1252"
        )
        raise DatasetError(
            f"{path}, line {line}: byte 0x{data[error.start]:02X} is no UTF-8; save it "
            f"as UTF-8, for example: iconv -f {encoding} -t UTF-8"
        ) from None


def _delimiter(path: Path) -> type[csv.Dialect]:
    first = _text(path).partition("\n")[0]

    class Dialect(csv.excel):
        delimiter = max(",;\t", key=first.count)
        strict = True

    return Dialect


def _check_header(path: Path, header: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if "" in header:
        raise DatasetError(
            f"{path}: column {header.index('') + 1} has no name in the first line"
        )
    if repeated:
        raise DatasetError(f"{path}: the header names {repeated[0]!r} more than once")


def _parquet(path: Path) -> dict[str, Values]:
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise DatasetError(f"{path} is no Parquet file: {error}") from None
    _check_header(path, table.column_names)
    return {
        name: [_python(value) for value in table.column(name).to_pylist()]
        for name in table.column_names
    }


def _python(value: Any) -> Any:
    if isinstance(value, float):
        if isnan(value):
            return None
        # integers become floats in a column with missing values
        return int(value) if value.is_integer() else value
    return value if value is None or isinstance(value, bool | int) else str(value)


def infer(
    name: str, values: Sequence[Any], explicit: str | None = None
) -> Column | str:
    """Return the column with its type, or the reason for its exclusion.

    `explicit` is one of `TYPES` and overrides the inferred type. Raises `DatasetError`
    for a column without values, and for one of mixed types.
    """
    present = [value for value in values if value is not None]
    if explicit == "out":
        return "as requested"
    if not present:
        raise DatasetError(
            f"column {name!r} has no value at all: remove it, or leave it out with "
            f"--column {name}=out"
        )
    if explicit == "category":
        return _category(name, values)
    if len(present) < _MIN_VALUES:
        return f"only {len(present)} rows have a value"
    return _inferred(name, values, present, explicit)


def _inferred(
    name: str, values: Sequence[Any], present: Sequence[Any], explicit: str | None
) -> Column | str:
    numbers = [_number(value) for value in values]
    count = sum(number is not None for number in numbers)
    if count == len(present):
        return _numeric(name, numbers, present, explicit)
    if explicit == "number" or count >= _MOSTLY * len(present):
        row = next(
            i for i, value in enumerate(values)
            if value is not None and numbers[i] is None
        )  # fmt: skip
        raise DatasetError(
            f"column {name!r} is of mixed types: {count} of {len(present)} values are "
            f"numbers, and row {row + 2} holds {str(values[row])[:20]!r}. Correct the "
            f"value, or give the type: --column {name}=category"
        )
    texts = [str(value) for value in present]
    if all(map(_DATE.fullmatch, texts)):
        return "it holds dates: replace them by a number of days"
    if len(set(texts)) == 1:
        return f"all its values are {texts[0][:20]!r}"
    if len(set(texts)) == len(texts):
        return (
            "every row has a different value, like an id, which cannot generalise to "
            f"other players; --column {name}=category includes it nevertheless"
        )
    return _category(name, values)


def _category(name: str, values: Sequence[Any]) -> Column:
    texts = tuple(None if value is None else str(value) for value in values)
    return Column(name, "category", texts)


def _numeric(
    name: str,
    numbers: Sequence[float | None],
    present: Sequence[Any],
    explicit: str | None,
) -> Column | str:
    values = [number for number in numbers if number is not None]
    if explicit is None and len(set(values)) == 1:
        return f"all its values are {values[0]:g}"
    if explicit is None and _like_ids(name, values):
        return (
            "every row has a different integer, like an id, which cannot generalise to "
            f"other players; --column {name}=number includes it nevertheless"
        )
    boolean = all(str(value).lower() in _BOOLEANS for value in present)
    return Column(name, "number", tuple(numbers), boolean)


def _like_ids(name: str, values: Sequence[float]) -> bool:
    """Whether numbers look like ids: distinct integers with such a name or range."""
    if len(set(values)) < len(values) or not all(v.is_integer() for v in values):
        return False
    wide = max(values) - min(values) >= _DENSE * len(values)
    return bool(_IDS.search(name)) or not wide


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value.lower() in _BOOLEANS:
            return _BOOLEANS[value.lower()]
        if "_" in value:  # Python would read 1_000 as a number
            return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def explicit_types(pairs: Sequence[str], columns: Mapping[str, Any]) -> dict[str, str]:
    """Parse ``NAME=TYPE`` options; raises `DatasetError` for unknown ones."""
    types = {}
    for pair in pairs:
        name, _, kind = pair.rpartition("=")
        if kind not in TYPES:
            raise DatasetError(
                f"--column {pair}: expected NAME=TYPE with a type of {', '.join(TYPES)}"
            )
        if name not in columns:
            raise DatasetError(f"--column {pair}: the table has no column {name!r}")
        types[name] = kind
    return types
