"""Nested lists to tensors on the device: rows of tensors, whole arrays, one value."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from hotseat._device import columns
from hotseat._device.elements import DTYPES, Array, elements
from hotseat._device.wording import bad, expected, json_type, number, place
from hotseat.errors import StatusError

Json = Mapping[str, Any]
Values = Sequence[tuple[Any, str]]
"""Values, each with its JSON pointer; errors name the first invalid one."""


def tensor(item: Json, values: Values, *, non_finite: bool) -> Array:
    """Return the tensor [rows, ...] of nested lists; raises `BadInputError`."""
    if item.get("default") is not None:
        values = _with_default(item, values)
    shape = _shape(values[0][0], item["shape"][1:])
    loose = [length == -1 for length in item["shape"][1:]]
    flat: list[Any] = []
    for value, at in values:
        _flatten(value, shape, loose, at, flat)
    length = prod(shape)

    def where(at: int) -> str:
        indices = np.unravel_index(at % length, shape) if shape else ()
        return "".join([values[at // length][1], *(f"/{index}" for index in indices)])

    array = elements(flat, item["datatype"], where, non_finite=non_finite)
    low, high = item.get("minimum"), item.get("maximum")
    if array.dtype.kind not in "Ob":
        for place_, value in enumerate(array.tolist()):
            if not columns.within(value, low, high):
                raise bad(
                    f"expected a number {columns.span(low, high)}"
                    f"{place(where(place_))}, got {number(flat[place_])}",
                    where(place_),
                )
    if not item["shape"]:
        return one(item, array, values)
    return array.reshape(len(values), *shape)


def _with_default(item: Json, values: Values) -> Values:
    """Return the values, with the signature's default for those that are left out."""
    first = next((value for value, _ in values if value is not None), None)
    shape = [abs(length) for length in item["shape"][1:]]
    if first is not None:
        shape = list(_shape(first, item["shape"][1:]))
    default = np.full(shape, item["default"]).tolist()
    return [(default if value is None else value, at) for value, at in values]


def array(item: Json, values: Values, *, non_finite: bool) -> Array:
    """Return a whole tensor from the nested list of the one row."""
    ((value, at),) = values
    if value is None and item.get("default") is not None:
        lengths = [abs(length) for length in item["shape"]]
        return np.full(lengths, item["default"], DTYPES[item["datatype"]])
    shape, flat = _shape(value, item["shape"]), list[Any]()
    _flatten(value, shape, [length == -1 for length in item["shape"]], at, flat)

    def where(index: int) -> str:
        indices = np.unravel_index(index, shape) if shape else ()
        return "".join([at, *(f"/{number}" for number in indices)])

    return elements(flat, item["datatype"], where, non_finite=non_finite).reshape(shape)


def _shape(value: Any, dimensions: Sequence[int]) -> tuple[int, ...]:
    shape = []
    for length in dimensions:
        is_list = isinstance(value, list)
        shape.append((len(value) if is_list else 0) if length == -1 else length)
        value = value[0] if is_list and value else None
    return tuple(shape)


def _flatten(
    value: Any,
    shape: Sequence[int],
    loose: Sequence[bool],
    pointer: str,
    flat: list[Any],
) -> None:
    if not shape:
        flat.append(value)
    elif not isinstance(value, list) or len(value) != shape[0]:
        raise _no_list(value, shape[0], pointer, loose=loose[0])
    else:
        for at, inner in enumerate(value):
            _flatten(inner, shape[1:], loose[1:], f"{pointer}/{at}", flat)


def _no_list(value: Any, length: int, pointer: str, *, loose: bool) -> StatusError:
    if not loose:
        return expected(f"a list of {length}", pointer, value)
    if not isinstance(value, list):
        return expected("a list", pointer, value)
    return bad(
        f"expected a list of {length}{place(pointer)}, as in the lists before it, "
        f"got {json_type(value)}",
        pointer,
    )


def one(item: Json, array: Array, values: Values) -> Array:
    """Return the single value of an input without dimensions."""
    first = array[0]
    for value, (_, at) in zip(array, values, strict=True):
        if value != first and (value == value or first == first):  # noqa: PLR0124 (NaN)
            raise bad(
                f"{item['name']!r} is one value for all inputs of a request: expected "
                f"{first}{place(at)} as in the first, got {value}",
                at,
            )
    return array[:1].reshape(())
