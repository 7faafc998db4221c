"""Text as it is written, for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hotseat._closing import AsyncClosing
from hotseat._core import Core
from hotseat._events import AsyncEventStream, ServerEvent
from hotseat._say_request import SayRequest
from hotseat._text import TextAnswer, TextProgress
from hotseat._text_ticket import TextTicket
from hotseat._transport import Response
from hotseat.errors import HotseatError, TransportError

if TYPE_CHECKING:
    from hotseat._device.text.text_graph import DeviceEvents

Open = Callable[[SayRequest, bytes], Awaitable[Response]]
"""Sends a request; returns once the head of the stream has come."""


class AsyncTextStream(AsyncIterator[str], AsyncClosing):
    """The pieces of a text as they are written; awaiting it returns the answer.

    The request is sent with the first piece that is read. Leaving it early, by `aclose`
    or the end of an ``async with`` block, ends the request: the service stops, too.
    """

    def __init__(self, opening: Open, request: SayRequest, core: Core) -> None:
        self._opening, self._request, self._core = opening, request, core
        self._progress = TextProgress(request, core.clock, core.canned_lines)
        self._events: AsyncEventStream | AsyncDeviceEvents | None = None

    @property
    def text(self) -> str:
        """The text so far; it stays when the stream breaks off."""
        return self._progress.text

    async def __anext__(self) -> str:
        while not self._progress.is_over:
            try:
                if self._events is None:
                    body = self._progress.begin()
                    response = await self._opening(self._request, body)
                    self._events = AsyncEventStream(response)
                event = await anext(self._events, None)
                piece = self._progress.read(event)
            except HotseatError as error:
                piece = await self._fail(error)
            if piece:
                return piece
        await self._end()
        self._progress.stop()
        raise StopAsyncIteration

    def __await__(self) -> Generator[Any, None, TextAnswer]:
        """Read to the end and return the answer; raises `HotseatError`."""
        return self._whole().__await__()

    async def aclose(self) -> None:
        """End the text; the service stops, too."""
        self._progress.cancel()
        await self._end()

    async def _whole(self) -> TextAnswer:
        async for _ in self:
            pass
        return self._progress.result()

    async def _fail(self, error: HotseatError) -> str:
        """Let the device go on after an error, else end; return what that adds."""
        progress = self._progress
        if progress.may_begin_again:
            left = progress.seconds_left
            events = self._core.text_on_device(self._request, error, left)
            if events is not None:
                await self._end()
                progress.go_offline()
                self._events = AsyncDeviceEvents(events)
                return ""
        return progress.fail(error)

    async def _end(self) -> None:
        """Close; a whole answer's end is read before, which frees the connection."""
        events, self._events = self._events, None
        if events is not None:
            if self._progress.is_whole:
                with suppress(HotseatError):
                    await anext(events, None)
            await events.aclose()


class AsyncDeviceEvents(AsyncIterator[ServerEvent]):
    """The events of a text on this device, each written in a thread."""

    def __init__(self, events: "DeviceEvents") -> None:
        self._events = events

    async def __anext__(self) -> ServerEvent:
        event = await asyncio.to_thread(next, self._events, None)
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """End the text."""
        self._events.abort()
        await asyncio.to_thread(self._events.close)


class AsyncTextTicket(TextTicket):
    """A text that is being written: check it in later frames, or ``await`` it."""

    def __init__(self, stream: AsyncTextStream) -> None:
        super().__init__()
        self._task = asyncio.create_task(self._work(stream))

    def cancel(self) -> bool:
        """See `TextTicket.cancel`."""
        was_open = super().cancel()
        self._task.cancel()
        return was_open

    def __await__(self) -> Generator[Any, None, TextAnswer]:
        """Wait for the answer; raises its error."""
        if not self.ready():
            yield from asyncio.wait([self._task]).__await__()
        return self.result()

    async def _work(self, stream: AsyncTextStream) -> None:
        try:
            async with stream:
                async for piece in stream:
                    self.add(piece)
                self.settle(await stream, None)
        except HotseatError as error:
            self.settle(None, error)
        except Exception as error:  # noqa: BLE001 (an error of the SDK leaves none open)
            why = TransportError(f"the SDK failed: {type(error).__name__}")
            self.settle(None, why)
