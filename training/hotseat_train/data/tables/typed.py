"""Gives the values of a column their types."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.data.tables.description import ColumnType
from hotseat_train.data.tables.profile import as_text, is_plain, kind_of

FLOAT, STRING = pa.float64(), pa.string()
TYPES = {
    "number": FLOAT, "boolean": FLOAT, "date": FLOAT, "list": pa.list_(STRING),
}  # fmt: skip
"""Arrow's type of each of our types; of the others it is a string."""


def arrow_type(column: ColumnType) -> pa.DataType:
    """Return the Arrow type of a column's values."""
    return TYPES.get(column.type, STRING)


def convert(array: pa.Array, column: ColumnType) -> pa.Array:
    """Return values as floats, texts or lists of texts; null is missing.

    A date is in days since 1970, whatever its text's form. Raises `ValueError` with the
    text that has another type than the column.
    """
    reading = column.reading or Reading()
    kind = kind_of(array.type)
    if kind == "empty":
        return pa.nulls(len(array), arrow_type(column))
    if column.type in {"number", "boolean"}:
        return _numbers(array, kind, reading)
    if column.type == "date":
        return _dates(array, kind, reading)
    if column.type == "list":
        return _lists(array, reading)
    if column.type == "text":
        texts = array if kind == "text" else as_text(array)
        return pc.if_else(pc.equal(pc.utf8_trim_whitespace(texts), ""), None, texts)
    return _categories(array, kind, reading)


def _numbers(array: pa.Array, kind: str, reading: Reading) -> pa.Array:
    if kind in {"number", "boolean"}:
        if kind == "boolean":
            array = array.cast(pa.int8())
        return _finite(array.cast(FLOAT, safe=False))
    if is_plain(array):
        return _finite(pc.utf8_trim_whitespace(array).cast(FLOAT))
    return _mapped(array, lambda text: cells.number(text, reading), FLOAT)


def _finite(array: pa.Array) -> pa.Array:
    """Return the numbers; NaN and infinity are missing."""
    return pc.if_else(pc.is_finite(array), array, pa.scalar(None, FLOAT))


def _dates(array: pa.Array, kind: str, reading: Reading) -> pa.Array:
    if kind == "date":
        seconds = array.cast(pa.timestamp("ms")).cast(pa.int64()).cast(FLOAT)
        return pc.divide(seconds, 1_000 * cells.SECONDS_PER_DAY)
    if kind == "number" and reading.date in cells.PACKED:
        array = array.cast(pa.string())
    elif kind == "number":
        scale = cells.date(1.0, reading)
        return pc.multiply(_finite(array.cast(FLOAT, safe=False)), scale)
    return _mapped(array, lambda text: cells.date(text, reading), FLOAT)


def _categories(array: pa.Array, kind: str, reading: Reading) -> pa.Array:
    if kind == "number" and pa.types.is_floating(array.type):
        values = array.to_pylist()
        return pa.array([_category(value, reading) for value in values], STRING)
    texts = array if kind == "text" else as_text(array)
    return _mapped(texts, lambda text: cells.category(text, reading), STRING)


def _category(value: float | None, reading: Reading) -> str | None:
    return None if value is None or np.isnan(value) else cells.category(value, reading)


def _lists(array: pa.Array, reading: Reading) -> pa.Array:
    values = [
        None if value is None else _items(value, reading) for value in array.to_pylist()
    ]
    return pa.array(values, pa.list_(STRING))


def _items(value: Any, reading: Reading) -> list[str]:
    joined = cells.items(value, reading)
    return joined.split(cells.BETWEEN) if joined else []


def _mapped(array: pa.Array, read: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """Return the value of each text; each distinct text is read once."""
    coded = array.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    values = pa.array([read(text) for text in coded.dictionary.to_pylist()], kind)
    return values.take(coded.indices)
