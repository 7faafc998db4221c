"""Tensors of the Open Inference Protocol: JSON or raw bytes to arrays and back.

Raw bytes are little-endian and row-major; each element of BYTES follows its length in
four bytes (the protocol's binary tensor data extension).
"""

import struct
from array import array as TypedArray  # noqa: N812 (a class)
from collections.abc import Sequence
from math import nan, prod
from types import NoneType
from typing import Any, Literal

import numpy as np
import simdjson

Array = np.ndarray[Any, Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
    **{f"{u.upper()}INT{8 * n}": np.dtype(f"<{u or 'i'}{n}")
       for u in ("", "u") for n in (1, 2, 4, 8)},
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}
_BUFFERS: dict[str, tuple[Literal["d", "i", "u"], Any]] = {
    "f": ("d", np.float64),
    "i": ("i", np.int64),
    "u": ("u", np.uint64),
}
_CODES = {
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "FP32": "f",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "FP64": "d",
}  # fmt: skip
"""Codes of the datatypes that Python's `array` has, too."""
_COUNTED = 0xFFFFFF
"""Elements of a list up to which simdjson's count is exact."""
_KINDS: dict[str, set[type]] = {
    "f": {int, float},
    "i": {int},
    "u": {int},
    "O": {str},
    "b": {bool},
}
"""Python's types of the elements, by the array's."""


class TensorError(ValueError):
    """A tensor whose data do not fit its shape or datatype."""


def from_json(
    data: Any,
    datatype: str,
    shape: Sequence[int],
    *,
    nulls: bool = False,
    even: bool = False,
) -> Array:
    """Return the array of a JSON list, flat or nested like the shape.

    `data` is a list, or simdjson's array, whose numbers are read without a Python
    object for each. With `nulls`, null among floats becomes NaN. `even` means that it
    has no more lists than `lists` counts; in a long list that check takes time.
    Raises `TensorError`.
    """
    dtype = DTYPES[datatype]
    if isinstance(data, list | simdjson.Array):
        _check_length(len(data), shape)
    if isinstance(data, simdjson.Array):
        numbers = _numbers(data, dtype, shape) if even else None
        if numbers is not None:
            return _shaped(_cast(numbers, dtype, datatype), shape)
        data = data.as_list()
    if not isinstance(data, list):
        raise TensorError("its data have to be a list")
    types = set(map(type, data))
    if list in types:
        elements: list[Any] = []
        _flatten(data, elements, shape, "")
        data, types = elements, set(map(type, elements))
    if nulls and dtype.kind == "f" and NoneType in types:
        data = [nan if value is None else value for value in data]
        types = {*types - {NoneType}, float}
    if not types <= _KINDS[dtype.kind]:
        raise TensorError(f"its data are not all {datatype}")
    code = _CODES.get(datatype)
    if code is None:
        array = np.empty(len(data), np.float64 if dtype.kind == "f" else dtype)
        array[:] = data
        return _shaped(_cast(array, dtype, datatype), shape)
    try:
        # converts and checks in half the time of numpy
        return _shaped(np.frombuffer(TypedArray(code, data), dtype), shape)
    except OverflowError:
        raise TensorError(f"its data do not fit {datatype}") from None


def _check_length(count: int, shape: Sequence[int]) -> None:
    """Refuse a list whose length fits neither flat nor nested data.

    Only data that may fit become Python objects.
    """
    elements = prod(shape)
    if count == elements or (shape and count == shape[0]) or count >= _COUNTED:
        return
    raise TensorError(
        f"it has {count} elements, and its shape {list(shape)} has {elements}"
    )


def lists(data: Any, shape: Sequence[int]) -> int:
    """Return the number of lists in data: one, or if nested that of the shape."""
    if not isinstance(data, list | simdjson.Array):
        return 0
    if not len(data) or not isinstance(data[0], list | simdjson.Array):
        return 1
    return 1 + sum(prod(shape[:depth]) for depth in range(1, len(shape)))


def _numbers(data: Any, dtype: np.dtype[Any], shape: Sequence[int]) -> Array | None:
    """Return the numbers of simdjson's array; None for other or uneven elements.

    Its buffer drops the nesting: ``[1, 2, [3]]`` becomes ``[1, 2, 3]``.
    """
    buffer = _BUFFERS.get(dtype.kind)
    nested = len(data) and isinstance(data[0], simdjson.Array)
    if buffer is None or (nested and not _is_even(data, shape)):
        return None
    try:
        return np.frombuffer(data.as_buffer(of_type=buffer[0]), buffer[1])
    except (TypeError, ValueError):
        return None


def _is_even(data: Any, shape: Sequence[int]) -> bool:
    """Whether nested lists have the lengths of the shape."""
    if not isinstance(data, simdjson.Array) or len(data) != shape[0]:
        return False
    inner = shape[1:]
    if len(inner) < 2:
        length = inner[0] if inner else 0
        return all(type(row) is simdjson.Array and len(row) == length for row in data)
    return all(_is_even(row, inner) for row in data)


def from_bytes(data: memoryview, datatype: str, shape: Sequence[int]) -> Array:
    """Return the array of raw bytes; raises `TensorError`."""
    dtype = DTYPES[datatype]
    if datatype == "BYTES":
        return _shaped(_strings(data), shape)
    if len(data) != prod(shape) * dtype.itemsize:
        raise TensorError(
            f"it has {len(data)} bytes of data, and {list(shape)} of {datatype} are "
            f"{prod(shape) * dtype.itemsize}"
        )
    return np.frombuffer(data, dtype).reshape(shape)


def to_bytes(array: Array) -> bytes:
    """Return an array as raw bytes."""
    if array.dtype == object:
        items = [_encoded(item) for item in array.ravel()]
        return b"".join(struct.pack("<I", len(item)) + item for item in items)
    return np.ascontiguousarray(array).tobytes()


def finite(array: Array) -> bool:
    """Whether every number is finite."""
    return bool(np.isfinite(array).all())


def datatype_of(array: Array) -> str:
    """Return the protocol's name of an array's type."""
    return NAMES[array.dtype]


def _cast(numbers: Array, dtype: np.dtype[Any], datatype: str) -> Array:
    if dtype.kind == "f":
        if dtype.itemsize == 8:
            return numbers
        with np.errstate(over="ignore"):
            return numbers.astype(dtype)
    if dtype.kind not in "iu":
        return numbers
    limits = np.iinfo(dtype)
    if numbers.size and (numbers.min() < limits.min or numbers.max() > limits.max):
        raise TensorError(f"its data do not fit {datatype}")
    return numbers.astype(dtype, copy=False)


def _shaped(array: Array, shape: Sequence[int]) -> Array:
    if array.size != prod(shape):
        raise TensorError(
            f"it has {array.size} elements, and its shape {list(shape)} has "
            f"{prod(shape)}"
        )
    return array.reshape(shape)


def _flatten(
    data: list[Any], into: list[Any], shape: Sequence[int], place: str
) -> None:
    """Flatten nested lists; raises `TensorError` if they do not fit the shape."""
    if not shape:
        raise TensorError(f"its data are nested deeper than its shape{place}")
    if len(data) != shape[0]:
        raise TensorError(f"its data have {len(data)} elements{place}, not {shape[0]}")
    if len(shape) == 1 and list not in set(map(type, data)):
        into += data
        return
    for at, value in enumerate(data):
        here = f"{place or ' at '}/{at}"
        if isinstance(value, list):
            _flatten(value, into, shape[1:], here)
        elif len(shape) > 1:
            raise TensorError(f"its data have an element{here} where a list has to be")
        else:
            into.append(value)


def _strings(data: memoryview) -> Array:
    items, at = [], 0
    while at < len(data):
        if at + 4 > len(data):
            raise TensorError("its BYTES end in the middle of a length")
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + size > len(data):
            raise TensorError("its BYTES end in the middle of an element")
        try:
            items.append(str(data[at : at + size], "utf-8"))
        except UnicodeDecodeError:
            raise TensorError("its BYTES are no UTF-8, which its strings are") from None
        at += size
    array = np.empty(len(items), object)
    array[:] = items
    return array


def _encoded(item: Any) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode()
