"""Game-shaped JSON to tensors, from a version's signature alone, as in the service.

Written once more, and short, because a game carries this package and not the service;
`tests/contract/sdk/test_device.py` holds both to the same answers and refusals.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import starmap
from typing import Any

import numpy as np

from hotseat._device import boards
from hotseat.errors import BadInputError, StatusError, TooLargeError

Array = np.ndarray[Any, Any]
Json = Mapping[str, Any]

MAX_ROWS = 1_000
"""Inputs at once, where the signature says nothing else."""
_NUMBERS = {
    "BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
    **{f"{u.upper()}INT{8 * n}": f"<{u or 'i'}{n}" for u in ("", "u")
       for n in (1, 2, 4, 8)},
}  # fmt: skip


def encode(
    signature: Json, inputs: Sequence[Any], pointers: Sequence[str]
) -> dict[str, Array]:
    """Return the tensors of inputs; raises `BadInputError`, `TooLargeError`."""
    limit = signature.get("max_rows") or MAX_ROWS
    if len(inputs) > limit:
        raise _too_large(f"{len(inputs)} inputs; the limit is {limit}")
    alone = len(signature["inputs"]) == 1
    tensors = {}
    for item in signature["inputs"]:
        rows: _Rows = zip(inputs, pointers, strict=True)
        if item["form"] != "features":
            rows = starmap(partial(_value, item, alone), rows)
        tensors[item["name"]] = _FORMS[item["form"]](item, signature, rows)
    return tensors


_Rows = Iterable[tuple[Any, str]]
"""Values, each with the JSON pointer to it; the first that is wrong is told."""


def _text(item: Json, _signature: Json, rows: _Rows) -> Array:
    texts, name, most = [], item["name"], item.get("max_bytes")
    for text, at in rows:
        if not isinstance(text, str):
            raise bad(f"{name!r} has to be a string", at)
        if not text.strip():
            raise bad(f"{name!r} is empty", at)
        size = len(text.encode())
        if most is not None and size > most:
            raise _too_large(f"{name!r} has {size} bytes; the limit is {most}", at)
        texts.append(text.replace("\0", " "))  # NUL pads strings inside the graph
    return np.array(texts, dtype=object)


def _features(item: Json, _signature: Json, rows: _Rows) -> Array:
    fields, filled = item.get("fields") or (), []
    for given, at in rows:
        if not isinstance(given, Mapping):
            raise bad("an input has to be an object", at)
        filled.append([_field(field, given, at) for field in fields])
    if item["datatype"] == "BYTES":
        array = np.empty((len(filled), len(fields)), object)
        array[:] = filled
        return array
    return np.array(filled, _NUMBERS[item["datatype"]])


def _field(field: Json, given: Json, pointer: str) -> Any:
    name, value = field["name"], given.get(field["name"])
    at = f"{pointer}/{_escaped(name)}"
    if value is None:
        if field.get("default") is None:
            raise bad(f"{name!r} is missing", at)
        return field["default"]
    if field.get("type", "number") == "category":
        if not isinstance(value, str):
            raise bad(f"{name!r} has to be a string", at)
        known = field.get("categories")
        if known is not None and value not in known:
            raise bad(f"{name!r} is not one of {', '.join(known)}", at)
        return value
    if not isinstance(value, int | float):
        raise bad(f"{name!r} has to be a number", at)
    value = int(value) if isinstance(value, bool) else value
    _within(value, field, at)
    return value


def _tensor(item: Json, _signature: Json, rows: _Rows) -> Array:
    shape, filled = item["shape"][1:], []
    for value, at in rows:
        _check_grid(value, shape, item, at)
        filled.append(value)
    return np.array(filled, _NUMBERS[item["datatype"]]).reshape(len(filled), *shape)


def _board(item: Json, signature: Json, rows: _Rows) -> Array:
    if signature.get("rules") is None:
        return _tensor(item, signature, rows)
    planes = []
    for value, at in rows:
        try:
            planes.append(boards.GAMES[signature["rules"]](value))
        except ValueError as error:
            raise bad(str(error), at) from None
    return np.stack(planes)


_FORMS: Mapping[str, Callable[[Json, Json, _Rows], Array]] = {
    "text": _text,
    "features": _features,
    "board": _board,
    "tensor": _tensor,
}


def _value(item: Json, alone: bool, given: Any, pointer: str) -> tuple[Any, str]:
    """Return an input's value and where it stands; a lone input needs no name."""
    if isinstance(given, Mapping):
        pointer = f"{pointer}/{_escaped(item['name'])}"
        if item["name"] not in given:
            raise bad(f"{item['name']!r} is missing", pointer)
        return given[item["name"]], pointer
    if not alone:
        raise bad("an input has to be an object", pointer)
    return given, pointer


def _check_grid(value: Any, shape: Sequence[int], item: Json, pointer: str) -> None:
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            raise bad(f"here has to be a list of {shape[0]}", pointer)
        for place, inner in enumerate(value):
            _check_grid(inner, shape[1:], item, f"{pointer}/{place}")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise bad("here has to be a number", pointer)
    else:
        _within(value, item, pointer)


def _within(value: float, limits: Json, pointer: str) -> None:
    low, high = limits.get("minimum"), limits.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        least = "anything" if low is None else f"{low:g}"
        most = "anything" if high is None else f"{high:g}"
        raise bad(f"{value:g} is not between {least} and {most}", pointer)


def _escaped(name: str) -> str:
    """Return a name as RFC 6901 writes it in a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def bad(detail: str, pointer: str) -> StatusError:
    """Return what the service would say to an input that does not fit."""
    return BadInputError(detail, status=422, code="invalid_input", pointer=pointer)


def _too_large(detail: str, pointer: str | None = None) -> StatusError:
    return TooLargeError(detail, status=413, code="too_large", pointer=pointer)
