"""Read protobuf from untrusted files, without its package.

Encoding: protobuf.dev/programming-guides/encoding. Raises `ValueError` for whatever is
no protobuf. Values are views of the data, not copies.
"""

import struct
from collections.abc import Sequence

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Message = dict[int, list[memoryview | int]]
"""A message's values by field number: bytes, or varints as whole numbers."""


def message(data: memoryview) -> Message:
    """Return the fields of a message; those of a fixed width (floats) are left out."""
    found: Message = {}
    at, end = 0, len(data)
    try:
        while at < end:
            tag = data[at]
            at += 1
            if tag >= 0x80:
                tag, at = varint(data, at - 1)
            number, kind = tag >> 3, tag & 7
            if kind == _BYTES:
                size = data[at]
                at += 1
                if size >= 0x80:
                    size, at = varint(data, at - 1)
                if at + size > end:
                    raise ValueError("it ends in the middle")
                found.setdefault(number, []).append(data[at : at + size])
                at += size
            elif kind == _VARINT:
                value, at = varint(data, at)
                found.setdefault(number, []).append(value)
            elif kind in {_FIXED32, _FIXED64}:
                at += 8 if kind == _FIXED64 else 4
            else:
                raise ValueError("it is no ONNX file")
    except IndexError:
        raise ValueError("it ends in the middle") from None
    if at > end:
        raise ValueError("it ends in the middle")
    return found


def parts(found: Message, number: int) -> list[memoryview]:
    """Return the values of a field that are bytes: messages, texts, packed numbers."""
    return [v for v in found.get(number, ()) if not isinstance(v, int)]


def single(found: Message, number: int) -> list[memoryview]:
    """Return the only value of a field that is a message, in a list; empty without it.

    Raises `ValueError` for two: protobuf merges them into one, which no writer needs,
    and a reader that checks either alone checks something else.
    """
    values = parts(found, number)
    if len(values) > 1:
        raise ValueError("it has a message twice, in two halves")
    return values


def text(found: Message, number: int) -> str:
    """Return the last value of a field as text; empty where there is none."""
    values = parts(found, number)
    return str(values[-1], "utf-8") if values else ""


def texts(found: Message, number: int) -> list[str]:
    """Return all values of a field as text."""
    return [str(value, "utf-8") for value in parts(found, number)]


def whole(found: Message, number: int) -> int:
    """Return the last value of a field as a whole number; 0 where there is none."""
    values = [v for v in found.get(number, ()) if isinstance(v, int)]
    return values[-1] if values else 0


def wholes(found: Message, number: int, most: int | None = None) -> list[int]:
    """Return the values of a field, packed or not, as signed whole numbers.

    With `most`, only so many of the first.
    """
    numbers: list[int] = []
    for value in found.get(number, ()):
        if isinstance(value, int):
            numbers.append(signed(value))
            continue
        place = 0
        while place < len(value) and (most is None or len(numbers) < most):
            one, place = varint(value, place)
            numbers.append(signed(one))
    return numbers[:most]


def floats(data: memoryview, number: int) -> list[float]:
    """Return the values of a field of floats (32 bits), packed or not."""
    numbers: list[float] = []
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = varint(data, at)
            continue
        size = {_FIXED32: 4, _FIXED64: 8}.get(kind, 0)
        if kind == _BYTES:
            size, at = varint(data, at)
        if tag >> 3 == number and kind in {_FIXED32, _BYTES}:
            numbers += struct.unpack(f"<{size // 4}f", data[at : at + size // 4 * 4])
        at += size
    return numbers


def signed(value: int) -> int:
    """Return a varint as an int64 has it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def varint(data: Sequence[int], at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where the next value begins."""
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, at
            shift += 7
            if shift > 63:
                raise ValueError("it is no ONNX file")
    except IndexError:
        raise ValueError("it ends in the middle") from None
