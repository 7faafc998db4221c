"""Convert nested lists to tensors: boards, grids, numbers, strings, one number."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from hotseat_registry.signature import Input
from hotseat_serve.codec import ranges
from hotseat_serve.codec.elements import Array, elements
from hotseat_serve.codec.rows import Rows
from hotseat_serve.codec.tensors import DTYPES
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid, json_type, place


def tensor(item: Input, rows: Rows) -> Array:
    """Return the tensor ``[rows, ...]`` that the rows' nested lists fill.

    A dimension of -1 takes a list of any length, the same in all rows of a request; an
    input of no dimension takes one value, the same in all rows. In a row that leaves it
    out, the signature's default fills it; a dimension of any length is then as long as
    in the other rows, or 1.
    Raises `Problem` (invalid_input) with a pointer to the first fault.
    """
    values = rows.values(item)
    if item.default is not None:
        values = _with_default(item, values)
    shape = _shape(values[0][0], item.shape[1:]) if values else item.shape[1:]
    loose = [length == -1 for length in item.shape[1:]]
    flat: list[Any] = []
    for value, pointer in values:
        _flatten(value, shape, loose, pointer, flat)
    size = prod(shape)

    def where(at: int) -> str:
        indices = np.unravel_index(at % size, shape) if shape else ()
        return "".join([values[at // size][1], *(f"/{index}" for index in indices)])

    array = elements(
        flat, item.datatype, where, non_finite=bool(rows.signature.non_finite)
    )
    if item.minimum is not None or item.maximum is not None:
        for row, column in ranges.refused(item, array.reshape(-1, max(size, 1)), 1):
            at = row * size + column
            raise ranges.beyond(flat[at], item, where(at))
    if not item.shape:
        return one(item, array, values)
    return array.reshape(len(values), *shape)


def _with_default(
    item: Input, values: Sequence[tuple[Any, str]]
) -> list[tuple[Any, str]]:
    """Return the values, with the signature's default for those that are left out."""
    first = next((value for value, _ in values if value is not None), None)
    shape = [abs(length) for length in item.shape[1:]]
    if first is not None:
        shape = list(_shape(first, item.shape[1:]))
    default = np.full(shape, item.default).tolist()
    return [(default if value is None else value, at) for value, at in values]


def array(item: Input, rows: Rows) -> Array:
    """Return a whole tensor whose dimensions are those of one row's nested list.

    Without a value in the row, the signature's default fills it; a dimension of any
    length is then 1. Raises `Problem` (invalid_input).
    """
    ((value, pointer),) = rows.values(item)
    if value is None and item.default is not None:
        lengths = [1 if length == -1 else length for length in item.shape]
        return np.full(lengths, item.default, DTYPES[item.datatype])
    shape = _shape(value, item.shape)
    flat: list[Any] = []
    _flatten(value, shape, [length == -1 for length in item.shape], pointer, flat)

    def where(at: int) -> str:
        indices = np.unravel_index(at, shape) if shape else ()
        return "".join([pointer, *(f"/{index}" for index in indices)])

    non_finite = bool(rows.signature.non_finite)
    return elements(flat, item.datatype, where, non_finite=non_finite).reshape(shape)


def _shape(value: Any, dimensions: Sequence[int]) -> tuple[int, ...]:
    """Return the dimensions, with the lengths of `value` for those of any length."""
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
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise _not_a_list(value, shape[0], pointer, loose=loose[0])
    if len(shape) == 1:
        flat.extend(value)
        return
    for place_, inner in enumerate(value):
        _flatten(inner, shape[1:], loose[1:], f"{pointer}/{place_}", flat)


def _not_a_list(value: Any, length: int, pointer: str, *, loose: bool) -> Problem:
    if not loose:
        return expected(f"a list of {length}", pointer, value)
    if not isinstance(value, list):
        return expected("a list", pointer, value)
    return invalid(
        f"expected a list of {length}{place(pointer)}, as in the lists before it, "
        f"got {json_type(value)}",
        pointer,
    )


def one(item: Input, array: Array, values: Sequence[tuple[Any, str]]) -> Array:
    """Return the one value of an input without dimensions, not even rows.

    Raises `Problem` (invalid_input) if the rows have different values.
    """
    first = array[0]
    for value, (_, pointer) in zip(array, values, strict=True):
        if value != first and (value == value or first == first):  # noqa: PLR0124 (NaN)
            raise invalid(
                f"{item.name!r} is one value for all inputs of a request: expected "
                f"{first}{place(pointer)} as in the first, got {value}",
                pointer,
            )
    return array[:1].reshape(())
