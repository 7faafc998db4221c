"""Game-shaped JSON to tensors, from the signature alone.

Pure, and used by training too: what is measured is what serves.
"""

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from hotseat_registry.signature import Field, Input, Signature
from hotseat_serve import rules
from hotseat_serve.problems import Problem
from hotseat_serve.tensors import DTYPES

Array = np.ndarray[Any, Any]

MAX_ROWS = 1_000
"""Inputs in one request, where the signature says nothing else."""


def read_inputs(body: Any) -> tuple[list[Any], list[str], bool]:
    """Return a request's inputs, a JSON pointer to each, and whether it is many.

    ``{"inputs": [...]}`` are many, ``{"input": ...}`` is one, and any other object
    is itself the one input, so that ``{"text": "..."}`` is enough.
    Raises `Problem` when it is none of these.
    """
    if not isinstance(body, Mapping):
        raise Problem("invalid_input", "the body has to be a JSON object", "")
    if "inputs" in body:
        inputs = body["inputs"]
        if not isinstance(inputs, list) or not inputs:
            raise Problem(
                "invalid_input", "'inputs' has to be a list with one or more", "/inputs"
            )
        return inputs, [f"/inputs/{row}" for row in range(len(inputs))], True
    if "input" in body:
        return [body["input"]], ["/input"], False
    return [body], [""], False


def encode(
    signature: Signature, inputs: Sequence[Any], pointers: Sequence[str] | None = None
) -> dict[str, Array]:
    """Return the tensors of `inputs`; the first dimension is ``len(inputs)``.

    Raises `Problem` (invalid_input, too_large) with a pointer to the first fault.
    """
    _check_rows(signature, inputs)
    pointers = pointers or [f"/{row}" for row in range(len(inputs))]
    return {
        item.name: FORMS[item.form](item, signature, inputs, pointers)
        for item in signature.inputs
    }


def _check_rows(signature: Signature, inputs: Sequence[Any]) -> None:
    limit = signature.max_rows or MAX_ROWS
    if len(inputs) > limit:
        raise Problem("too_large", f"{len(inputs)} inputs; the limit is {limit}")


def _text(
    item: Input, signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> Array:
    """Fill ``[rows]`` strings from strings, or from objects with the input's name."""
    texts = []
    for given, at in zip(inputs, pointers, strict=True):
        text, pointer = _value(item, signature, given, at)
        texts.append(_checked(text, item, pointer))
    return np.array(texts, dtype=object)


def _checked(text: Any, item: Input, pointer: str) -> str:
    if not isinstance(text, str):
        raise Problem("invalid_input", f"{item.name!r} has to be a string", pointer)
    if not text.strip():
        raise Problem("invalid_input", f"{item.name!r} is empty", pointer)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        raise Problem(
            "invalid_input", f"{item.name!r} is no valid Unicode", pointer
        ) from None
    if item.max_bytes is not None and size > item.max_bytes:
        raise Problem(
            "too_large",
            f"{item.name!r} has {size} bytes; the limit is {item.max_bytes}",
            pointer,
        )
    return text.replace("\0", " ")  # NUL pads strings inside the graph


def _features(
    item: Input, signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> Array:
    """Fill ``[rows, fields]`` from objects that name the fields.

    What is missing or null is the field's default; a number without one is NaN where
    the signature lets numbers be so.
    """
    fields = item.fields or ()
    missing = nan if signature.non_finite else None
    rows = []
    for value, pointer in zip(inputs, pointers, strict=True):
        if not isinstance(value, Mapping):
            raise Problem("invalid_input", "an input has to be an object", pointer)
        rows.append([_field(field, value, pointer, missing) for field in fields])
    if item.datatype == "BYTES":
        array = np.empty((len(rows), len(fields)), object)
        array[:] = rows
        return array
    return np.array(rows, DTYPES[item.datatype])


def _field(
    field: Field, given: Mapping[str, Any], pointer: str, missing: float | None
) -> Any:
    value = given.get(field.name)
    where = f"{pointer}/{_escaped(field.name)}"
    if value is None:
        if field.default is not None:
            return field.default
        if missing is None or field.type == "category":
            raise Problem("invalid_input", f"{field.name!r} is missing", where)
        return missing
    if field.type == "category":
        if not isinstance(value, str):
            raise Problem("invalid_input", f"{field.name!r} has to be a string", where)
        if field.categories is not None and value not in field.categories:
            known = ", ".join(field.categories)
            raise Problem(
                "invalid_input", f"{field.name!r} is not one of {known}", where
            )
        return value
    if isinstance(value, bool):
        value = int(value)
    if not isinstance(value, int | float):
        raise Problem("invalid_input", f"{field.name!r} has to be a number", where)
    _within(value, field, where)
    return value


def _tensor(
    item: Input, signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> Array:
    """Fill ``[rows, ...]`` from nested lists: a board, a grid, plain numbers."""
    shape, rows = item.shape[1:], []
    for given, at in zip(inputs, pointers, strict=True):
        value, pointer = _value(item, signature, given, at)
        _check_grid(value, shape, item, pointer)
        rows.append(value)
    return np.array(rows, DTYPES[item.datatype]).reshape(len(rows), *shape)


def _check_grid(value: Any, shape: Sequence[int], item: Input, pointer: str) -> None:
    if shape:
        if not isinstance(value, list) or len(value) != shape[0]:
            raise Problem(
                "invalid_input", f"here has to be a list of {shape[0]}", pointer
            )
        for place, inner in enumerate(value):
            _check_grid(inner, shape[1:], item, f"{pointer}/{place}")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise Problem("invalid_input", "here has to be a number", pointer)
    else:
        _within(value, item, pointer)


def _within(value: float, limits: Field | Input, pointer: str) -> None:
    low, high = limits.minimum, limits.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        least = "anything" if low is None else f"{low:g}"
        most = "anything" if high is None else f"{high:g}"
        raise Problem(
            "invalid_input", f"{value:g} is not between {least} and {most}", pointer
        )


def _escaped(name: str) -> str:
    """Return a name as RFC 6901 writes it in a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def states(
    signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> list[Any]:
    """Return the positions that boards show, by the signature's rules.

    Raises `Problem` with a pointer to the first that is no position.
    """
    assert signature.rules is not None
    _check_rows(signature, inputs)
    game = rules.game(signature.rules)
    item = next(item for item in signature.inputs if item.form == "board")
    found = []
    for given, at in zip(inputs, pointers, strict=True):
        value, pointer = _value(item, signature, given, at)
        try:
            found.append(game.read(value))
        except ValueError as error:
            raise Problem("invalid_input", str(error), pointer) from None
    return found


def _board(
    item: Input, signature: Signature, inputs: Sequence[Any], pointers: Sequence[str]
) -> Array:
    """Fill ``[rows, ...]`` from boards: as the rules read them, or number by number."""
    if signature.rules is None:
        return _tensor(item, signature, inputs, pointers)
    game = rules.game(signature.rules)
    found = states(signature, inputs, pointers)
    return np.stack([game.encode(state) for state in found])


def _value(
    item: Input, signature: Signature, given: Any, pointer: str
) -> tuple[Any, str]:
    """Return an input's value and where it stands; raises `Problem`.

    The one input of a signature needs no name around it.
    """
    if isinstance(given, Mapping):
        pointer = f"{pointer}/{_escaped(item.name)}"
        if item.name not in given:
            raise Problem("invalid_input", f"{item.name!r} is missing", pointer)
        return given[item.name], pointer
    if len(signature.inputs) > 1:
        raise Problem("invalid_input", "an input has to be an object", pointer)
    return given, pointer


_Form = Callable[[Input, Signature, Sequence[Any], Sequence[str]], Array]

FORMS: Mapping[str, _Form] = {
    "text": _text,
    "features": _features,
    "board": _board,
    "tensor": _tensor,
}
