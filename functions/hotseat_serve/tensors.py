"""Tensors of the Open Inference Protocol: JSON or raw bytes to arrays and back.

Raw bytes are little-endian and row-major; of BYTES, each element is preceded by its
length in four bytes (the protocol's binary tensor data extension).
"""

import struct
from collections.abc import Sequence
from math import isfinite, prod
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

_KINDS: dict[str, set[type]] = {
    "f": {int, float},
    "i": {int},
    "u": {int},
    "O": {str},
    "b": {bool},
}
"""Python's types of the elements, by the array's."""


class TensorError(ValueError):
    """A tensor that is not what it says."""


def from_json(data: Any, datatype: str, shape: Sequence[int]) -> Array:
    """Return the array of a JSON list, flat or nested; raises `TensorError`.

    `data` is a list, or simdjson's array, whose numbers are read without a Python
    object for each.
    """
    dtype = DTYPES[datatype]
    buffer = _BUFFERS.get(dtype.kind)
    if isinstance(data, simdjson.Array):
        if buffer:
            try:
                numbers = np.frombuffer(data.as_buffer(of_type=buffer[0]), buffer[1])
            except (TypeError, ValueError):
                raise TensorError(f"its data are not all {datatype}") from None
            return _shaped(_cast(numbers, dtype, datatype), shape)
        data = data.as_list()
    if not isinstance(data, list):
        raise TensorError("its data have to be a list")
    kinds = set(map(type, data))
    if list in kinds:
        flat: list[Any] = []
        _flatten(data, flat, len(shape) + 1)
        data, kinds = flat, set(map(type, flat))
    if not kinds <= _KINDS[dtype.kind]:
        raise TensorError(f"its data are not all {datatype}")
    if buffer is None:
        array = np.empty(len(data), dtype)
        array[:] = data
        return _shaped(array, shape)
    try:
        return _shaped(_cast(np.array(data, buffer[1]), dtype, datatype), shape)
    except OverflowError:
        raise TensorError(f"its data do not fit {datatype}") from None


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
    """Whether no number is NaN or infinite; one pass where all is well."""
    # a sum is finite only if all are; it may overflow where all are, too
    if isfinite(np.add.reduce(array, None, np.float64)):
        return True
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


def _flatten(data: list[Any], into: list[Any], depth: int) -> None:
    if not depth:
        raise TensorError("its data are nested deeper than its shape")
    for value in data:
        if isinstance(value, list):
            _flatten(value, into, depth - 1)
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
            raise TensorError("its BYTES are no UTF-8") from None
        at += size
    array = np.empty(len(items), object)
    array[:] = items
    return array


def _encoded(item: Any) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode()
