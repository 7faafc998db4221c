"""Run uvicorn with limits on time and connections.

uvicorn limits only the time between two requests. This server also limits the time to
receive a request, to send an answer and to stop.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("hotseat.serve")

_SPARE_CONNECTIONS = 64
"""Connections over the limit that answer health and refuse all else."""
_LINGER_SECONDS = 2.0
"""Seconds to read and drop further bytes of a refused client, so that it receives the
refusal and no reset connection."""
_MIN_RATE = 1_000
"""Bytes of an answer that a client must read per second."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for clients, in seconds except for `connections`."""

    connections: int = 1_000
    receive: float = 30.0
    """Time to receive a whole request, head and body."""
    idle: int = 5
    """Time until the next request on a kept-alive connection begins."""
    grace: int = 5
    """Time for answers in progress after a signal to stop."""


class Connection(H11Protocol):
    """A connection whose requests arrive, and whose answers leave, in time."""

    def __init__(self, limits: Limits, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._lingers = False

    def connection_made(  # type: ignore[override] # as uvicorn narrows it
        self, transport: asyncio.Transport
    ) -> None:
        """Start the timeout for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections + _SPARE_CONNECTIONS:
            transport.abort()
            return
        self._start_timeout(self._limits.receive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeouts."""
        self._cancel_timeout()
        self._cancel_write_timeout()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on bytes and update the timeout."""
        super().data_received(data)
        self._update_timeout(begun=True)

    def on_response_complete(self) -> None:
        """Update the timeout for the next request."""
        super().on_response_complete()
        self._update_timeout(begun=False)

    def pause_writing(self) -> None:
        """Start the timeout for the client's reading."""
        super().pause_writing()
        self._start_write_timeout(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Cancel the timeout for the client's reading."""
        self._cancel_write_timeout()
        super().resume_writing()

    def _update_timeout(self, *, begun: bool) -> None:
        cycle = self.cycle
        if cycle is None:
            return  # its head is incomplete; the connection's timeout applies
        if cycle.more_body:
            if not cycle.response_complete:
                if self._receiving is None:
                    self._start_timeout(self._limits.receive)
            elif not self._lingers:
                self._lingers = True
                self._start_timeout(_LINGER_SECONDS)
        elif begun and cycle.response_complete:
            if self._receiving is None:  # the next request's head has begun
                self._start_timeout(self._limits.receive)
        else:
            self._cancel_timeout()

    def _start_timeout(self, seconds: float) -> None:
        self._cancel_timeout()
        self._receiving = self.loop.call_later(seconds, self._on_timeout)

    def _cancel_timeout(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _on_timeout(self) -> None:
        """Close a connection whose request did not arrive in time."""
        self._receiving = None
        if self.transport.is_closing() or self._lingers:
            self.transport.abort()
            return
        state, buffered = self.conn.our_state, bool(self.conn.trailing_data[0])
        if state is h11.SEND_RESPONSE or (state is h11.IDLE and buffered):
            why = f"no whole request in {self._limits.receive:g} s".encode()
            head = [("content-length", str(len(why))), ("connection", "close")]
            parts: list[h11.Event] = [
                h11.Response(status_code=408, headers=head, reason=b"Request Timeout"),
                h11.Data(data=why),
                h11.EndOfMessage(),
            ]
            for part in parts:
                self.transport.write(self.conn.send(part) or b"")
        self.transport.close()

    def _start_write_timeout(self, left: int) -> None:
        self._cancel_write_timeout()
        seconds = self._limits.receive
        self._sending = self.loop.call_later(seconds, self._on_write_timeout, left)

    def _cancel_write_timeout(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _on_write_timeout(self, before: int) -> None:
        """Close a connection whose client reads its answer too slowly."""
        left = self.transport.get_write_buffer_size()
        if before - left < _MIN_RATE * self._limits.receive:
            self.transport.abort()
        else:
            self._start_write_timeout(left)


class Server(uvicorn.Server):
    """A server that exits when its grace time is over, even with running requests."""

    def __init__(
        self,
        app: Callable[..., Any],
        limits: Limits,
        end: Callable[[int], Any] = os._exit,
    ) -> None:
        self._limits, self._end = limits, end
        super().__init__(
            uvicorn.Config(
                app,
                # uvicorn calls it like the class
                http=cast("type[H11Protocol]", partial(Connection, limits)),
                log_level="warning",
                access_log=False,
                timeout_keep_alive=limits.idle,
                timeout_graceful_shutdown=limits.grace,
                server_header=False,
            )
        )

    @property
    def is_crowded(self) -> bool:
        """Whether the connections exceed the limit."""
        return len(self.server_state.connections) > self._limits.connections

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, and exit the process if that takes too long.

        Python waits for threads, and a thread that runs a model cannot be stopped.
        """
        super().handle_exit(sig, frame)
        timer = threading.Timer(self._limits.grace + 1, self._stop, [sig])
        timer.daemon = True
        timer.start()

    def _stop(self, sig: int) -> None:
        name = signal.Signals(sig).name
        log.warning(
            "ended %d s after %s, with answers in progress",
            self._limits.grace + 1,
            name,
        )
        sys.stdout.flush()
        self._end(128 + sig)
