"""Limits of one request, checked by both APIs before any work."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hotseat_registry.signature import Signature
from hotseat_serve.problems import Problem

MAX_ROWS = 1_000
"""Inputs in one request, unless the signature sets `max_rows`."""
MAX_PARTS = 256
"""Parts of an input, left out in turn to explain an answer."""
MAX_BRACKETS = 250_000
"""Lists and objects in one body: each takes memory, even an empty one."""
_BRACKET, _BRACE = np.uint8(ord("[")), np.uint8(ord("{"))
_LOWER = np.uint8(0x20)
"""The bit in which ``{`` differs from ``[``."""
_COUNTED = 1 << 16
"""Bytes of a body from which its lists and objects are counted."""


def check_body(body: bytes) -> None:
    """Raise `Problem` (too_large) for JSON of very many lists and objects.

    The brackets are counted in the bytes: once parsed, six megabytes of ``{}`` are two
    million objects.
    """
    if len(body) < _COUNTED:
        return
    letters = np.frombuffer(body, np.uint8)
    count = int(np.count_nonzero((letters | _LOWER) == _BRACE))
    if count > MAX_BRACKETS:
        raise Problem(
            "too_large",
            f"the body has {count:,} lists and objects; the limit is {MAX_BRACKETS:,}",
        )


def brackets(body: bytes) -> int:
    """Return the number of ``[`` in a body."""
    if len(body) < _COUNTED:
        return body.count(b"[")
    # `bytes.count` takes ten times as long
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _BRACKET))


def check_rows(signature: Signature, rows: int, what: str = "inputs") -> None:
    """Raise `Problem` (too_large) for more than `limit` rows in one request."""
    limit = signature.max_rows or MAX_ROWS
    if rows > limit:
        raise Problem("too_large", f"{rows} {what}; the limit is {limit}")


def check_answer(size: int, limit: int) -> None:
    """Raise `Problem` (too_large) for an answer of more than `limit` bytes; 0: none."""
    if limit and size > limit:
        raise Problem(
            "too_large",
            f"the answer would have {size:,} bytes or more; the limit is {limit:,}: "
            "ask for fewer rows or outputs",
        )


def extent(given: Any, enough: int) -> int:
    """Return the characters and elements of JSON; counting ends above `enough`."""
    size, rest = 0, [given]
    while rest and size <= enough:
        value = rest.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list | Mapping):
            size += len(value)
            if size <= enough:
                rest += value.values() if isinstance(value, Mapping) else value
    return size
