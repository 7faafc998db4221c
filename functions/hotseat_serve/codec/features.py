"""Convert objects of named features to the columns of a tensor."""

from typing import Any

from hotseat_registry.signature import Field, Input
from hotseat_serve.codec import ranges
from hotseat_serve.codec.elements import Array, elements, is_number
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.codec.rows import Rows, is_object
from hotseat_serve.wording import expected, inside, invalid, place


def columns(item: Input, rows: Rows) -> Array:
    """Return the tensor ``[rows, fields]`` of objects that name the fields.

    A missing or null value becomes the field's default; a number without a default
    becomes NaN where the signature allows NaN.
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
            if value is None:
                flat.append(_missing(field, pointer, non_finite=non_finite))
            elif field.type == "category":
                flat.append(_category(value, field, pointer, rows.warnings))
            else:
                flat.append(_number(value, field, pointer, rows.warnings))

    def where(at: int) -> str:
        row, column = divmod(at, len(fields))
        return inside(rows.pointers[row], fields[column].name)

    array = elements(flat, item.datatype, where, non_finite=non_finite)
    return array.reshape(len(rows.inputs), len(fields))


def _missing(field: Field, pointer: str, *, non_finite: bool) -> Any:
    if field.default is not None:
        default = field.default
        return int(default) if isinstance(default, bool) else default
    if field.type == "category" or not non_finite:
        kind = "string" if field.type == "category" else "number"
        where = inside(pointer, field.name)
        raise invalid(f"expected a {kind}{place(where)}, got nothing", where)
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


def _has_codes(field: Field) -> bool:
    """Whether whole numbers are among the field's categories."""
    words = (*(field.categories or ()), *(field.known or ()))
    return any(word.removeprefix("-").isdecimal() for word in words)
