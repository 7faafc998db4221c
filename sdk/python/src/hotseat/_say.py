"""Text as it is written: the stream of `say` and the ticket of `submit_say`."""

import _thread
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from hotseat._closing import Closing
from hotseat._core import Core
from hotseat._events import EventStream
from hotseat._say_request import SayRequest
from hotseat._sync_driver import SyncDriver
from hotseat._text import TextAnswer, TextProgress
from hotseat._text_ticket import TextTicket
from hotseat.errors import HotseatError, TransportError

if TYPE_CHECKING:
    from hotseat._device.text.text_graph import DeviceEvents


class TextStream(Iterator[str], Closing):
    """The pieces of a text as they are written.

    The request is sent with the first piece that is read. Iterating waits; `result`
    reads to the end. Leaving it early, by `close` or the end of a ``with`` block, ends
    the request: the service stops, too. Not for several threads.
    """

    def __init__(self, core: Core, driver: SyncDriver, request: SayRequest) -> None:
        self._core, self._driver, self._request = core, driver, request
        self._progress = TextProgress(request, core.clock, core.canned_lines)
        self._events: EventStream | DeviceEvents | None = None

    @property
    def text(self) -> str:
        """The text so far; it stays when the stream breaks off."""
        return self._progress.text

    def __next__(self) -> str:
        while not self._progress.is_over:
            try:
                event = next(self._opened(), None)
                piece = self._progress.read(event)
            except HotseatError as error:
                piece = self._fail(error)
            if piece:
                return piece
        self._end()
        self._progress.stop()
        raise StopIteration

    def result(self) -> TextAnswer:
        """Read to the end and return the answer; raises `HotseatError`."""
        for _ in self:
            pass
        return self._progress.result()

    def close(self) -> None:
        """End the text; the service stops, too."""
        self._progress.cancel()
        self._end()

    def abort(self) -> None:
        """End a request that another thread waits for."""
        events = self._events
        if events is not None:
            events.abort()

    def _opened(self) -> "EventStream | DeviceEvents":
        if self._events is None:
            request = self._request
            call = self._core.stream(
                "generate", self._progress.begin(), request.model, request.version,
                self._core.seconds_for_text(request),
            )  # fmt: skip
            self._events = EventStream(self._driver.call(call))
        return self._events

    def _fail(self, error: HotseatError) -> str:
        """Let the device go on after an error, else end; return what that adds."""
        progress = self._progress
        if progress.may_begin_again:
            left = progress.seconds_left
            events = self._core.text_on_device(self._request, error, left)
            if events is not None:
                self._end()
                progress.go_offline()
                self._events = events
                return ""
        return progress.fail(error)

    def _end(self) -> None:
        """Close; a whole answer's end is read before, which frees the connection."""
        events, self._events = self._events, None
        if events is not None:
            if self._progress.is_whole:
                with suppress(HotseatError):
                    next(events, None)
            events.close()


class ThreadTicket(TextTicket):
    """A ticket whose text a thread reads."""

    def __init__(self, stream: TextStream) -> None:
        super().__init__()
        self._stream = stream
        # Thread.start waits until the thread runs, but a frame must not wait
        _thread.start_new_thread(self._work, ())

    def cancel(self) -> bool:
        """See `TextTicket.cancel`."""
        was_open = super().cancel()
        if was_open:
            self._stream.abort()
        return was_open

    def _work(self) -> None:
        stream = self._stream
        try:
            for piece in stream:
                if self.ready():  # cancelled
                    return
                self.add(piece)
            self.settle(stream.result(), None)
        except HotseatError as error:
            self.settle(None, error)
        except Exception as error:  # noqa: BLE001 (an error of the SDK leaves none open)
            why = TransportError(f"the SDK failed: {type(error).__name__}")
            self.settle(None, why)
        finally:
            stream.close()
