"""JSON values to elements of a tensor, checked by type; errors name the place.

No value is truncated, wraps around or becomes infinite.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotseat._device.wording import bad, expected, is_number, number, place
from hotseat.errors import StatusError

Array = np.ndarray[Any, Any]
Where = Callable[[int], str]
DTYPES = {
    "BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BYTES": "O",
    **{f"{u.upper()}INT{8 * n}": f"<{u or 'i'}{n}" for u in ("", "u")
       for n in (1, 2, 4, 8)},
}  # fmt: skip


def elements(
    values: Sequence[Any], datatype: str, where: Where, *, non_finite: bool
) -> Array:
    """Return values [n] as a tensor; raises `BadInputError` at the first misfit."""
    dtype = np.dtype(DTYPES[datatype])
    if dtype.kind == "f":
        return _floats(values, dtype, datatype, where, non_finite=non_finite)
    if dtype.kind == "b":
        for at, value in enumerate(values):
            if not isinstance(value, int | float) or value not in {0, 1}:
                raise expected("true or false", where(at), value)
        return np.array(values, dtype)
    if dtype.kind == "O":
        for at, value in enumerate(values):
            if not isinstance(value, str):
                raise expected("a string", where(at), value)
        for at, value in enumerate(values):
            size(value, where(at))
        array = np.empty(len(values), dtype)
        array[:] = values
        return array
    return _integers(values, dtype, datatype, where)


def size(text: str, pointer: str) -> int:
    """Return the bytes of a text in UTF-8; raises `BadInputError`."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate, which JSON allows
        raise bad(f"the string{place(pointer)} is not valid Unicode", pointer) from None


def _floats(
    values: Sequence[Any],
    dtype: "np.dtype[Any]",
    datatype: str,
    where: Where,
    *,
    non_finite: bool,
) -> Array:
    for at, value in enumerate(values):
        if not is_number(value) and not (value is None and non_finite):
            raise expected("a number", where(at), value)
    try:
        wide = np.array(values, np.float64)
    except OverflowError:
        at = next(at for at, value in enumerate(values) if _is_too_large(value))
        raise _unfit(values[at], datatype, where(at)) from None
    with np.errstate(over="ignore"):
        array = wide.astype(dtype, copy=False)
    bad_ones = np.zeros(0, bool) if non_finite else ~np.isfinite(array)
    if bad_ones.any():
        at = int(bad_ones.argmax())
        raise _unfit(values[at], datatype, where(at))
    return array


def _is_too_large(value: Any) -> bool:
    try:
        float(value or 0)
    except OverflowError:
        return True
    return False


def _integers(
    values: Sequence[Any], dtype: "np.dtype[Any]", datatype: str, where: Where
) -> Array:
    for at, value in enumerate(values):
        if not is_number(value):
            raise expected("a whole number", where(at), value)
    for at, value in enumerate(values):
        if value != value // 1:  # also for NaN and infinity
            got = number(value)
            raise bad(f"expected a whole number{place(where(at))}, got {got}",
                      where(at))  # fmt: skip
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    for at, value in enumerate(values):
        if not low <= value <= high:
            raise _unfit(value, f"{datatype} ({low} to {high})", where(at))
    return np.array([int(value) for value in values], dtype)


def _unfit(value: Any, datatype: str, pointer: str) -> StatusError:
    return bad(f"{number(value)}{place(pointer)} does not fit {datatype}", pointer)
