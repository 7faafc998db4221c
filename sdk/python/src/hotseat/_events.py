"""Server-sent events, read as they come: the parser, and the two kinds of streams."""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from hotseat import _answer
from hotseat._closing import AsyncClosing, Closing
from hotseat._transport import Response
from hotseat.errors import TransportError

_RETURN, _NEWLINE = 13, 10


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; its name is "message" if the service gave none."""

    name: str
    data: str


class EventReader:
    """Parses events however their bytes are cut.

    WHATWG HTML, "Parsing an event stream". Keeps no ids: no broken stream is resumed.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[str] = []
        self._name = ""
        self._after_return = False
        self._is_first = True

    def read(self, piece: bytes) -> list[ServerEvent]:
        """Return the events that end in a piece."""
        found: list[ServerEvent] = []
        for byte in piece:
            if byte == _RETURN or (byte == _NEWLINE and not self._after_return):
                found += self._take(self._line.decode("utf-8", "replace"))
                self._line.clear()
            elif byte != _NEWLINE:
                self._line.append(byte)
            self._after_return = byte == _RETURN
        return found

    def _take(self, text: str) -> list[ServerEvent]:
        if self._is_first:
            text = text.removeprefix("\ufeff")
            self._is_first = False
        if not text:
            event = ServerEvent(self._name or "message", "\n".join(self._data))
            found = [event] if self._data else []
            self._data, self._name = [], ""
            return found
        field, _, value = text.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
        elif field == "event":
            self._name = value.removeprefix(" ")
        return []


def opened(response: Response) -> Response:
    """Return a response with events; raises the error of a refusal."""
    if response.is_events:
        return response
    _answer.read(response)
    raise TransportError(
        "the answer is no stream of events: is this a Hotseat service?"
    )


class EventStream(Iterator[ServerEvent], Closing):
    """The events of an answer, as they come.

    Iterating waits, within the call's deadline, and raises `TransportError` if the
    stream breaks off. Leaving it early, by `close` or the end of a `with` block, ends
    the request: the service stops, too.
    """

    def __init__(self, response: Response) -> None:
        self._pieces = response.pieces
        self._abort = response.abort
        self._found: deque[ServerEvent] = deque()
        self._reader = EventReader()
        if response.body:  # of a transport that cannot stream
            self._found.extend(self._reader.read(response.body))

    def __next__(self) -> ServerEvent:
        while not self._found:
            piece = next(self._pieces) if self._pieces is not None else None
            if piece is None:
                raise StopIteration
            self._found.extend(self._reader.read(piece))
        return self._found.popleft()

    def close(self) -> None:
        """End the stream; it is over then."""
        self._found.clear()
        close = getattr(self._pieces, "close", None)
        self._pieces = None
        if close is not None:
            close()

    def abort(self) -> None:
        """End a stream that another thread waits for, with an error there."""
        if self._abort is not None:
            self._abort()


class AsyncEventStream(AsyncIterator[ServerEvent], AsyncClosing):
    """The events of an answer, as they come; see `EventStream`."""

    def __init__(self, response: Response) -> None:
        self._pieces = response.async_pieces
        self._found: deque[ServerEvent] = deque()
        self._reader = EventReader()
        if response.body:  # of a transport that cannot stream
            self._found.extend(self._reader.read(response.body))

    async def __anext__(self) -> ServerEvent:
        while not self._found:
            if self._pieces is None:
                raise StopAsyncIteration
            self._found.extend(self._reader.read(await self._pieces.__anext__()))
        return self._found.popleft()

    async def aclose(self) -> None:
        """End the stream; it is over then."""
        self._found.clear()
        close = getattr(self._pieces, "aclose", None)
        self._pieces = None
        if close is not None:
            await close()
