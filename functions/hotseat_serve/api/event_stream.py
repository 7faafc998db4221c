"""Server-sent events (html.spec.whatwg.org, "Server-sent events")."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

import orjson

EVENT_STREAM = "text/event-stream"
HEADERS: Mapping[str, str] = MappingProxyType({
    "content-type": EVENT_STREAM,
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx collects answers otherwise
})  # fmt: skip


def event(name: str, data: Any) -> bytes:
    """Return one event with its data as JSON; without a name, a plain message."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


class Chunks:
    """The pieces of a streamed answer; `close` frees what writes them, begun or not."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self._pieces, self._close = pieces, close

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the next piece; raises what the writing raises."""
        try:
            return next(self._pieces)
        except BaseException:
            self._close()
            raise

    def close(self) -> None:
        """Free what writes, as when the client is gone."""
        self._close()
