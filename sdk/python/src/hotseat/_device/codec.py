"""Game-shaped JSON to tensors, from a version's signature alone, as in the service.

A second, shorter implementation, because a game ships this package without the service;
`tests/contract/sdk/test_device.py` compares the answers and errors of both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from hotseat._device import boards, columns
from hotseat._device.elements import Array, elements, size
from hotseat._device.warnings import Warnings, absent
from hotseat._device.wording import (
    bad,
    expected,
    inside,
    is_object,
    json_type,
    listed,
    number,
    place,
    too_large,
)
from hotseat.errors import StatusError

Json = Mapping[str, Any]
Values = Sequence[tuple[Any, str]]
"""Values, each with its JSON pointer; errors name the first invalid one."""

MAX_ROWS = 1_000
"""Maximum number of inputs in a request, unless the signature has another."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The inputs of one request, each with its JSON pointer."""

    signature: Json
    inputs: Sequence[Any]
    pointers: Sequence[str]
    warnings: Warnings

    def values(self, item: Json) -> Values:
        """Return an input's values; a single input may come without its name."""
        alone = len(self.signature["inputs"]) == 1
        values, name = [], item["name"]
        for row, at in zip(self.inputs, self.pointers, strict=True):
            if is_object(row):
                if name not in row:
                    got = listed(sorted(row)) if row else "no field"
                    raise bad(f"expected {name!r}{place(at)}, got {got}",
                              inside(at, name))  # fmt: skip
                values.append((row[name], inside(at, name)))
            elif alone:
                values.append((row, at))
            else:
                raise expected("an object", at, row)
        return values

    def check_names(self) -> None:
        """Warn about unknown fields; raises `BadInputError`."""
        items = self.signature["inputs"]
        named = any(item["form"] == "features" for item in items)
        known = list(dict.fromkeys(_names(self.signature)))
        for row, at in zip(self.inputs, self.pointers, strict=True):
            if not is_object(row):
                continue
            unknown = row.keys() - set(known)
            if named and len(unknown) == len(row):
                if unknown:
                    raise absent(unknown, known, at)
                self.warnings.add(
                    "all_defaults", "no field is given: each has its default", at
                )
            if unknown:
                self.warnings.unknown(unknown, known, at)


def _names(signature: Json) -> list[str]:
    names = []
    for item in signature["inputs"]:
        if item["form"] == "features":
            names += [field["name"] for field in item.get("fields") or ()]
        else:
            names.append(item["name"])
    if any(output["name"] == "policy" for output in signature.get("outputs") or ()):
        names.append("legal")
    return names


def encode(
    signature: Json,
    inputs: Sequence[Any],
    pointers: Sequence[str],
    warnings: Warnings | None = None,
) -> dict[str, Array]:
    """Return the tensors of inputs; raises `BadInputError`, `TooLargeError`."""
    rows = Rows(signature, inputs, pointers, warnings or Warnings())
    _check_batch(rows)
    rows.check_names()
    return {
        item["name"]: _FORMS[item["form"]](item, rows) for item in signature["inputs"]
    }


def check_rows(signature: Json, count: int) -> None:
    """Raise `TooLargeError` if a request has too many inputs."""
    limit = signature.get("max_rows") or MAX_ROWS
    if count > limit:
        raise too_large(f"{count} inputs; the limit is {limit}")


def _check_batch(rows: Rows) -> None:
    count = len(rows.inputs)
    check_rows(rows.signature, count)
    for item in rows.signature["inputs"]:
        batch = item["shape"][0] if item["shape"] else -1
        if batch not in {-1, count}:
            raise bad(
                f"the graph takes {batch} inputs in one request, neither more nor "
                f"less, got {count}",
                rows.pointers[min(count - 1, batch)],
            )


def _text(item: Json, rows: Rows) -> Array:
    values, most, texts = rows.values(item), item.get("max_bytes"), []
    for text, at in values:
        if not isinstance(text, str):
            raise expected("a string", at, text)
        if not text.strip():
            got = "one of spaces" if text else "an empty one"
            raise bad(f"expected a text{place(at)}, got {got}", at)
        count = size(text, at)
        if most is not None and count > most:
            raise too_large(
                f"the text{place(at)} has {count} bytes; the limit is {most}", at
            )
        texts.append(text.replace("\0", " "))  # NUL pads strings inside the graph
    array = np.empty(len(texts), object)
    array[:] = texts
    if not item["shape"]:
        return _one(item, array, values)
    return array.reshape(len(texts), *(1 for _ in item["shape"][1:]))


def _features(item: Json, rows: Rows) -> Array:
    return columns.filled(
        item,
        zip(rows.inputs, rows.pointers, strict=True),
        rows.warnings,
        non_finite=bool(rows.signature.get("non_finite")),
    )


def _tensor(item: Json, rows: Rows) -> Array:
    values = rows.values(item)
    shape = _shape(values[0][0], item["shape"][1:])
    loose = [length == -1 for length in item["shape"][1:]]
    flat: list[Any] = []
    for value, at in values:
        _flatten(value, shape, loose, at, flat)
    length = prod(shape)

    def where(at: int) -> str:
        indices = np.unravel_index(at % length, shape) if shape else ()
        return "".join([values[at // length][1], *(f"/{index}" for index in indices)])

    array = elements(
        flat, item["datatype"], where, non_finite=bool(rows.signature.get("non_finite"))
    )
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
        return _one(item, array, values)
    return array.reshape(len(values), *shape)


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


def _one(item: Json, array: Array, values: Values) -> Array:
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


def _board(item: Json, rows: Rows) -> Array:
    rules = rows.signature.get("rules")
    if rules is None:
        return _tensor(item, rows)
    planes = []
    for value, at in rows.values(item):
        try:
            planes.append(boards.GAMES[rules](value))
        except ValueError as error:
            raise bad(str(error), at) from None
    return np.stack(planes)


_FORMS: Mapping[str, Callable[[Json, Rows], Array]] = {
    "text": _text,
    "features": _features,
    "board": _board,
    "tensor": _tensor,
}
