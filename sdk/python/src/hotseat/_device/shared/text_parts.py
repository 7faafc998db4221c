# A copy of functions/hotseat_serve/codec/text_parts.py, by `make shared`.
"""The parts of a text that is longer than a limit of bytes in UTF-8.

The SDK for Python carries a copy (`make shared`).
"""

from collections.abc import Iterator

Span = tuple[int, int]
"""Start and end of a part in its text, in characters."""


def parts(text: str, limit: int) -> Iterator[Span]:
    """Yield the parts of a text, cut at a space if possible; none of spaces alone.

    They overlap by up to an eighth, so that a phrase at a cut stands whole in one.
    """
    start = 0
    while start < len(text):
        end = end_of(text, start, limit)
        if end < len(text):
            space = text.rfind(" ", start + (end - start) // 2, end)
            end = space + 1 if space > 0 else end
        if text[start:end].strip():
            yield start, end
        start = _next(text, start, end) if end < len(text) else end


def end_of(text: str, start: int, limit: int) -> int:
    """Return the end of the part from `start`, as far as the bytes allow."""
    part = text[start : start + limit].encode()[:limit]
    return start + max(1, len(part.decode("utf-8", "ignore")))


def _next(text: str, start: int, end: int) -> int:
    """Return where the next part begins: between words where there are spaces."""
    back = end - (end - start) // 8
    space = text.find(" ", back, end - 1)
    if space >= 0:
        return space + 1
    return end if text[end - 1] == " " else back
