"""Convert JSON values to the elements of a tensor, or name the place of a fault.

No value is cut off, wraps around or becomes infinite in the conversion.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from hotseat_serve.codec.tensors import DTYPES
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid, number, place

Array = np.ndarray[Any, Any]
_FEW = 16
Where = Callable[[int], str]
"""The JSON pointer to an element, by its index."""


def elements(
    values: Sequence[Any], datatype: str, where: Where, *, non_finite: bool
) -> Array:
    """Return values [n] as a tensor of a datatype of the Open Inference Protocol.

    With `non_finite`, a number may be null, which becomes NaN. A whole number may be
    written as 2.0, a truth value as 0 or 1.
    Raises `Problem` (invalid_input) with the pointer to the first misfit.
    """
    dtype = DTYPES[datatype]
    return _READERS[dtype.kind](values, dtype, datatype, where, non_finite)


def _floats(
    values: Sequence[Any],
    dtype: np.dtype[Any],
    datatype: str,
    where: Where,
    non_finite: bool,
) -> Array:
    fitting = {int, float, type(None)} if non_finite else {int, float}
    if not set(map(type, values)) <= fitting:
        _refuse_first(values, lambda v: (v is None and non_finite) or is_number(v),
                      "a number", where)  # fmt: skip
    if len(values) <= _FEW:  # quicker than numpy
        most = _largest(dtype)
        if non_finite is False and all(-most <= value <= most for value in values):
            return np.array(values, dtype)
    try:
        wide = np.array(values, np.float64)
    except OverflowError:
        large = next(at for at, value in enumerate(values) if _too_large(value))
        raise _unfit(values[large], datatype, where(large)) from None
    with np.errstate(over="ignore"):
        array = wide.astype(dtype, copy=False)
    if not non_finite:
        bad = ~np.isfinite(array)
        if bad.any():
            at = int(bad.argmax())
            raise _unfit(values[at], datatype, where(at))
    return array


@cache
def _largest(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).max)


def _too_large(value: Any) -> bool:
    try:
        float(value or 0)
    except OverflowError:
        return True
    return False


def _integers(
    values: Sequence[Any],
    dtype: np.dtype[Any],
    datatype: str,
    where: Where,
    _non_finite: bool,
) -> Array:
    if not set(map(type, values)) <= {int}:
        _refuse_first(values, is_number, "a whole number", where)
        for at, value in enumerate(values):
            if value != value // 1:  # nor are NaN and infinity
                raise invalid(
                    f"expected a whole number{place(where(at))}, got {number(value)}",
                    where(at),
                )
        values = [int(value) for value in values]
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    if values and (min(values) < low or max(values) > high):
        at = next(at for at, value in enumerate(values) if not low <= value <= high)
        raise _unfit(values[at], f"{datatype} ({low} to {high})", where(at))
    return np.array(values, dtype)


def _truths(
    values: Sequence[Any],
    dtype: np.dtype[Any],
    _datatype: str,
    where: Where,
    _non_finite: bool,
) -> Array:
    _refuse_first(values, lambda v: is_number(v, truths=True) and v in {0, 1},
                  "true or false", where)  # fmt: skip
    return np.array(values, dtype)


def _strings(
    values: Sequence[Any],
    dtype: np.dtype[Any],
    _datatype: str,
    where: Where,
    _non_finite: bool,
) -> Array:
    if not set(map(type, values)) <= {str}:
        _refuse_first(values, lambda v: isinstance(v, str), "a string", where)
    if not "".join(values).isascii():
        for at, value in enumerate(values):
            size(value, where(at))
    array = np.empty(len(values), dtype)
    array[:] = values
    return array


_READERS: dict[
    str, Callable[[Sequence[Any], np.dtype[Any], str, Where, bool], Array]
] = {"f": _floats, "i": _integers, "u": _integers, "b": _truths, "O": _strings}
"""Converters by the kind of numpy's type."""


def is_number(value: Any, *, truths: bool = False) -> bool:
    """Whether a value is a number in JSON; true and false count where allowed."""
    return isinstance(value, int | float) and (truths or not isinstance(value, bool))


def size(text: str, pointer: str) -> int:
    """Return the bytes of a text in UTF-8.

    Raises `Problem` for half of a surrogate pair, which JSON can express.
    """
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise invalid(
            f"the string{place(pointer)} is not valid Unicode", pointer
        ) from None


def _refuse_first(
    values: Sequence[Any], fits: Callable[[Any], bool], what: str, where: Where
) -> None:
    for at, value in enumerate(values):
        if not fits(value):
            raise expected(what, where(at), value)


def _unfit(value: Any, datatype: str, pointer: str) -> Problem:
    return invalid(f"{number(value)}{place(pointer)} does not fit {datatype}", pointer)
