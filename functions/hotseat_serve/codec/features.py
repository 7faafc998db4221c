"""Convert objects of named features to the columns of a tensor."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from hotseat_registry.signature import Field, Input
from hotseat_serve.codec import cells, ranges
from hotseat_serve.codec.elements import Array, elements, is_number
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.rows import Rows, is_object
from hotseat_serve.wording import expected, inside, invalid, place

NOW = "now"
"""The default of a date that is the time of the request."""
_WHAT = {
    "number": "a number", "category": "a string", "date": "a date", "text": "a string",
    "list": "a list of strings",
}  # fmt: skip


def columns(item: Input, rows: Rows, clock: Callable[[], float] = time.time) -> Array:
    """Return the tensor ``[rows, fields]`` of objects that name the fields.

    A missing or null value becomes the field's default; a number without a default
    becomes NaN where the signature allows NaN. `clock` returns the seconds since 1970.
    Raises `Problem` (invalid_input) with a pointer to the first fault.
    """
    fields = item.fields or ()
    non_finite = bool(rows.signature.non_finite)
    flat: list[Any] = []
    for given, pointer in zip(rows.inputs, rows.pointers, strict=True):
        if not is_object(given):
            raise expected("an object", pointer, given)
        for field in fields:
            value = given.get(field.name)
            if field.reading is not None and value is not None:
                value = _read(value, field, pointer)
            if value is None:
                flat.append(_missing(field, pointer, clock, non_finite=non_finite))
            elif field.type == "number":
                flat.append(_number(value, field, pointer, rows.warnings))
            elif field.type == "category":
                flat.append(_category(value, field, pointer, rows.warnings))
            else:
                flat.append(_READERS[field.type](value, field, pointer, rows.warnings))

    def where(at: int) -> str:
        row, column = divmod(at, len(fields))
        return inside(rows.pointers[row], fields[column].name)

    array = elements(flat, item.datatype, where, non_finite=non_finite)
    return array.reshape(len(rows.inputs), len(fields))


def _read(value: Any, field: Field, pointer: str) -> Any:
    """Return the value of a table's text, None if it is missing.

    Only a number is left as it is: training reads the others as they are read here.
    """
    reading = field.reading
    assert reading is not None
    try:
        if field.type == "number":
            return cells.number(value, reading) if type(value) is str else value
        if field.type == "category":
            return cells.category(value, reading)
        if field.type == "date":
            return None if value == NOW else cells.date(value, reading)
        if field.type == "list":
            return cells.items(value, reading) or None
        if field.type == "text" and isinstance(value, str):
            return cells.words(value) or None
    except (ValueError, TypeError, OverflowError):
        pass
    raise expected(_WHAT[field.type], inside(pointer, field.name), value)


def _missing(
    field: Field, pointer: str, clock: Callable[[], float], *, non_finite: bool
) -> Any:
    if field.default is not None:
        default = field.default
        if field.type == "date" and default == NOW:
            return clock() / cells.SECONDS_PER_DAY
        return int(default) if isinstance(default, bool) else default
    is_number_ = field.type in {"number", "date"}
    if not is_number_ or not non_finite:
        where = inside(pointer, field.name)
        raise invalid(f"expected {_WHAT[field.type]}{place(where)}, got nothing", where)
    return None


def _number(value: Any, field: Field, pointer: str, warnings: Warnings | None) -> Any:
    if type(value) is not float and not is_number(value):
        if not isinstance(value, bool):
            raise expected("a number", inside(pointer, field.name), value)
        value = int(value)
    if not ranges.within(value, field.minimum, field.maximum):
        raise ranges.beyond(value, field, inside(pointer, field.name))
    if warnings is not None and field.observed is not None:
        low, high = field.observed
        if not ranges.within(value, low, high):
            ranges.warn(value, field, inside(pointer, field.name), warnings)
    return value


def _category(value: Any, field: Field, pointer: str, warnings: Warnings | None) -> str:
    if type(value) is int and _has_codes(field):
        value = str(value)  # a category code, stored as a number in a table
    if not isinstance(value, str):
        raise expected("a string", inside(pointer, field.name), value)
    if field.categories is not None and value not in field.categories:
        raise ranges.no_category(value, field, inside(pointer, field.name))
    if warnings is not None and field.known is not None and value not in field.known:
        ranges.warn_category(value, field, inside(pointer, field.name), warnings)
    return value


def _date(value: Any, field: Field, pointer: str, warnings: Warnings | None) -> Any:
    """Return days since 1970; a date that training did not see is nothing to report.

    Time goes on, so that every new player's date is later than those of training.
    """
    del warnings
    return _number(value, field, pointer, None)


def _text(value: Any, field: Field, pointer: str, warnings: Warnings | None) -> str:
    del warnings
    if not isinstance(value, str):
        raise expected("a string", inside(pointer, field.name), value)
    return value


_READERS: Mapping[str, Callable[[Any, Field, str, Warnings | None], Any]] = {
    "date": _date, "text": _text, "list": _text,
}  # fmt: skip


def _has_codes(field: Field) -> bool:
    """Whether whole numbers are among the field's categories."""
    words = (*(field.categories or ()), *(field.known or ()))
    return any(word.removeprefix("-").isdecimal() for word in words)
