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
_FEW = 64
"""Brackets that are counted one by one."""


def check_body(body: bytes) -> None:
    """Raise `Problem` (too_large) for JSON of very many lists and objects.

    The brackets are counted in the bytes: once parsed, six megabytes of ``{}`` are two
    million objects.
    """
    if len(body) <= MAX_BRACKETS:
        return
    count = brackets(body) + _count(body, b"{")
    if count > MAX_BRACKETS:
        raise Problem(
            "too_large",
            f"the body has {count:,} lists and objects; the limit is {MAX_BRACKETS:,}",
        )


def brackets(body: bytes) -> int:
    """Return the number of ``[`` in a body."""
    return _count(body, b"[")


def _count(body: bytes, mark: bytes) -> int:
    """Return how often one character occurs in a body.

    `bytes.find` passes over a long body fastest, as long as it finds little; of many,
    numpy counts ten times as fast as `bytes.count`.
    """
    count, at = 0, body.find(mark)
    while at >= 0 and count < _FEW:
        count += 1
        at = body.find(mark, at + 1)
    if at < 0:
        return count
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == mark[0]))


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
