"""Check values against the bounds and categories of the signature.

`minimum`, `maximum` and `categories` are hard: other values are refused. `observed`
and `known` describe the training data: other values are answered with a warning.

`refused` and `outside` check whole tensors of any API; the others check one value of
game-shaped JSON.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotseat_registry.signature import Field, Input
from hotseat_serve.codec.input_warnings import Warnings, hint
from hotseat_serve.problems import Problem
from hotseat_serve.wording import invalid, listed, number, place, quoted

Array = np.ndarray[Any, Any]
Place = tuple[int, int]
"""Row and column; with more dimensions, the column counts the row's elements."""
_Range = tuple[float | None, float | None]


def refused(item: Input, array: Array, most: int | None = None) -> list[Place]:
    """Return the places of a tensor [rows, ...] that hard bounds refuse.

    NaN is within all bounds. At most `most` places are returned, the first ones.
    """
    array = np.atleast_1d(array)
    if item.fields is None:
        low, high = item.minimum, item.maximum
        if (low is None and high is None) or array.dtype.kind in "Ob" or not array.size:
            return []
        return _places(_beyond(array.reshape(len(array), -1), low, high), most)
    return _columns(item, array, most, _hard, lambda field: field.categories)


def outside(item: Input, array: Array, most: int | None = None) -> list[Place]:
    """Return the places of a tensor [rows, fields] that training did not see.

    Places of `refused` and of NaN are not among them. At most `most` places are
    returned, the first ones.
    """
    if item.fields is None:
        return []
    hard = set(refused(item, array))
    spare = None if most is None else most + len(hard)
    places = _columns(item, array, spare, _observed, lambda field: field.known)
    return [at for at in places if at not in hard][:most]


def within(value: float, low: float | None, high: float | None) -> bool:
    """Whether a number is within bounds; None means no bound."""
    return (low is None or value >= low) and (high is None or value <= high)


def beyond(value: float, bounds: Field | Input, pointer: str) -> Problem:
    """Return the problem of a number outside hard bounds."""
    return invalid(
        f"expected a number {span(bounds.minimum, bounds.maximum)}{place(pointer)}, "
        f"got {number(value)}",
        pointer,
    )


def no_category(value: str, field: Field, pointer: str) -> Problem:
    """Return the problem of a text that is not one of a field's categories."""
    return invalid(
        f"expected one of {listed(list(field.categories or ()))}{place(pointer)}, "
        f"got {quoted(value)}",
        pointer,
    )


def warn(value: float, field: Field, pointer: str, warnings: Warnings) -> None:
    """Warn of a number that training did not see; raises `Problem` if strict."""
    low, high = field.observed or (None, None)
    warnings.add(
        "out_of_range",
        f"{number(value)}{place(pointer)} is outside what training saw: "
        f"{span(low, high)}",
        pointer,
    )


def warn_category(value: str, field: Field, pointer: str, warnings: Warnings) -> None:
    """Warn of a category that training did not know, unless it is the default.

    Raises `Problem` if strict.
    """
    if value == field.default:
        return
    known = field.known or ()
    near = warnings.nearest(value, known)
    warnings.add(
        "unknown_category",
        f"training did not know the category {quoted(value)}{place(pointer)}, which "
        f"counts as unknown" + ("" if near is None else f"; {hint(near, known)}"),
        pointer,
        near,
    )


def span(low: float | None, high: float | None) -> str:
    """Return bounds in words."""
    if low is None:
        return f"of at most {high:g}"
    if high is None:
        return f"of at least {low:g}"
    return f"from {low:g} to {high:g}"


def _columns(
    item: Input,
    array: Array,
    most: int | None,
    bounds: Callable[[Field], _Range],
    words: Callable[[Field], Sequence[str] | None],
) -> list[Place]:
    """Return the places outside the fields' own bounds or words."""
    fields = item.fields or ()
    found = np.zeros((len(array), len(fields)), bool)
    for at, field in enumerate(fields):
        column = array[:, at]
        if array.dtype.kind == "O":
            categories = words(field)
            if categories is not None:
                allowed = {*categories, field.default}
                found[:, at] = [_text(value) not in allowed for value in column]
        else:
            found[:, at] = _beyond(column, *bounds(field))
    return _places(found, most)


def _hard(field: Field) -> _Range:
    return field.minimum, field.maximum


def _observed(field: Field) -> _Range:
    return field.observed or (None, None)


def _beyond(values: Array, low: float | None, high: float | None) -> Array:
    found = np.zeros(values.shape, bool)
    if low is not None:
        found |= values < low
    if high is not None:
        found |= values > high
    return found


def _places(found: Array, most: int | None) -> list[Place]:
    rows, columns = np.nonzero(found)
    return list(zip(rows[:most].tolist(), columns[:most].tolist(), strict=True))


def _text(value: Any) -> str:
    """Return a string of a tensor; from raw bytes it may be bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
