"""Objects with named features to the columns of a tensor, as in the service."""

from collections.abc import Iterable, Mapping
from typing import Any

from hotseat._device.elements import Array, elements
from hotseat._device.warnings import Warnings, hint
from hotseat._device.wording import (
    bad,
    expected,
    inside,
    is_number,
    is_object,
    listed,
    number,
    place,
    quoted,
)

Json = Mapping[str, Any]


def filled(
    item: Json,
    rows: Iterable[tuple[Any, str]],
    warnings: Warnings,
    *,
    non_finite: bool,
) -> Array:
    """Return the tensor [rows, fields] of objects with named fields.

    Raises `BadInputError`.
    """
    fields, flat, pointers = item.get("fields") or (), [], []
    for row, at in rows:
        if not is_object(row):
            raise expected("an object", at, row)
        pointers.append(at)
        flat += [
            _field(field, row.get(field["name"]), at, warnings, non_finite=non_finite)
            for field in fields
        ]

    def where(at: int) -> str:
        place_, column = divmod(at, len(fields))
        return inside(pointers[place_], fields[column]["name"])

    array = elements(flat, item["datatype"], where, non_finite=non_finite)
    return array.reshape(len(pointers), len(fields))


def _field(
    field: Json, value: Any, pointer: str, warnings: Warnings, *, non_finite: bool
) -> Any:
    at = inside(pointer, field["name"])
    is_category = field.get("type", "number") == "category"
    if value is None:
        value = field.get("default")
        if value is not None:
            return int(value) if isinstance(value, bool) else value
        if is_category or not non_finite:
            kind = "string" if is_category else "number"
            raise bad(f"expected a {kind}{place(at)}, got nothing", at)
        return None
    if is_category:
        return _category(field, value, at, warnings)
    if not is_number(value):
        if not isinstance(value, bool):
            raise expected("a number", at, value)
        value = int(value)
    low, high = field.get("minimum"), field.get("maximum")
    if not within(value, low, high):
        raise bad(
            f"expected a number {span(low, high)}{place(at)}, got {number(value)}", at
        )
    observed = field.get("observed")
    if observed is not None and not within(value, *observed):
        warnings.add(
            "out_of_range",
            f"{number(value)}{place(at)} is outside what training saw: "
            f"{span(*observed)}",
            at,
        )
    return value


def _category(field: Json, value: Any, at: str, warnings: Warnings) -> str:
    categories, known = field.get("categories"), field.get("known")
    words = (*(categories or ()), *(known or ()))
    if type(value) is int and any(w.removeprefix("-").isdecimal() for w in words):
        value = str(value)  # a code stored as a number in a table
    if not isinstance(value, str):
        raise expected("a string", at, value)
    if categories is not None and value not in categories:
        raise bad(
            f"expected one of {listed(categories)}{place(at)}, got {quoted(value)}", at
        )
    if known is not None and value not in known and value != field.get("default"):
        near = warnings.nearest(value, known)
        warnings.add(
            "unknown_category",
            f"training did not know the category {quoted(value)}{place(at)}, which "
            f"counts as unknown" + ("" if near is None else f"; {hint(near, known)}"),
            at,
            near,
        )
    return value


def within(value: float, low: float | None, high: float | None) -> bool:
    """Whether a number is within bounds; NaN is within all."""
    below = low is not None and value < low
    return not (below or (high is not None and value > high))


def span(low: float | None, high: float | None) -> str:
    """Return bounds in words."""
    if low is None:
        return f"of at most {high:g}"
    if high is None:
        return f"of at least {low:g}"
    return f"from {low:g} to {high:g}"
