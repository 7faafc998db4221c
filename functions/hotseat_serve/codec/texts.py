"""Check the texts of a request: not blank, and within their limit."""

from typing import Any

from hotseat_registry.signature import Input
from hotseat_serve.codec.elements import size
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid, place


def text(value: Any, item: Input, pointer: str) -> str:
    """Return a text of a request; raises `Problem` (invalid_input, too_large)."""
    if not isinstance(value, str):
        raise expected("a string", pointer, value)
    if not value.strip():
        got = "an empty one" if not value else "one of spaces"
        raise invalid(f"expected a text{place(pointer)}, got {got}", pointer)
    count = size(value, pointer)
    if item.max_bytes is not None and count > item.max_bytes:
        raise Problem(
            "too_large",
            f"the text{place(pointer)} has {count} bytes; the limit is "
            f"{item.max_bytes}",
            pointer,
        )
    return value.replace("\0", " ")  # NUL pads strings inside the graph
