"""One connection of the local server, with limits on time and size.

uvicorn's httptools protocol (Node's llhttp in C) limits neither the head of a request
nor the time that a client takes; h11, which limits the head, takes twice the time of a
small prediction to read a request.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hotseat_serve.adapters.client_limits import Limits

_SPARE_CONNECTIONS = 64
"""Connections over the limit that answer health and refuse all else."""
_LINGER_SECONDS = 2.0
"""Seconds to read and drop further bytes of a refused client, so that it receives the
refusal and no reset connection."""
_FIRST_SECONDS = 0.5
"""Seconds that a connection without a request has left when the server stops: its
client has just connected, and the first request is on the way."""
_MIN_RATE = 1_000
"""Bytes of an answer that a client must read per second."""
_MAX_HEAD = 1 << 16
"""Bytes of a request's head, trailers and chunk sizes, at most."""
_BYTES_PER_CHUNK = 12
"""Bytes around a chunk of one byte, at most: its size and line ends."""


_MAX_DISCARDED = 1 << 16
"""Bytes of a refused request's body that are read and dropped."""

Refusal = Callable[[str, bytes, Sequence[tuple[bytes, bytes]]], bytes | None]
"""Returns the whole answer to a request that the server has no room for, from method,
path and headers; None: the application answers."""


class InvalidHeadError(ValueError):
    """A request whose head is too long, or has not one Host (RFC 9112, 3.2)."""


class Connection(HttpToolsProtocol):
    """A connection whose requests arrive, and whose answers leave, in time."""

    def __init__(
        self, limits: Limits, refusal: Refusal, *arguments: Any, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._limits, self._refusal = limits, refusal
        self._is_refused = False
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._lingers = self._is_last = False
        self._in_head = self._has_begun = False
        self._received = self._body_bytes = self._head_bytes = 0

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
        """Pass on bytes, and update the timeout and the count of the head's bytes."""
        if self.transport.is_closing():
            return  # llhttp must not read on after an error
        self._received += len(data)
        self._has_begun = True
        super().data_received(data)
        if self.parser is None or self.transport.is_closing():
            return
        beside_body = self._received - (1 + _BYTES_PER_CHUNK) * self._body_bytes
        if beside_body > _MAX_HEAD:
            self._refuse(
                431, b"Request Header Fields Too Large", b"the head is too long"
            )
            return
        self._update_timeout(begun=True)

    def on_message_begin(self) -> None:
        """Count a request's bytes from here."""
        super().on_message_begin()
        self._in_head, self._lingers = True, False
        self._received = self._body_bytes = self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers are ignored. Raises `InvalidHeadError` (400)."""
        if self._in_head:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > _MAX_HEAD:  # arrived with one read
                raise InvalidHeadError
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the answer; raises `InvalidHeadError` (400)."""
        self._in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            raise InvalidHeadError
        if self._refuse_full():
            return
        super().on_headers_complete()
        if self._is_last and self.cycle is not None:
            self.cycle.keep_alive = False

    def _refuse_full(self) -> bool:
        """Answer a request for which there is no room, without a task for it.

        Under overload most requests are refused: each has to cost little, or the
        refusals take the time of the answers.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            return False  # pipelined: its turn comes later
        length = 0
        for name, value in self.headers:
            if name == b"content-length" and value.isdigit():
                length = int(value)
            elif name in {b"transfer-encoding", b"expect", b"upgrade"}:
                return False
        if length > _MAX_DISCARDED:
            return False
        method = self.parser.get_method().decode("ascii")
        answer = self._refusal(method, self.url, self.headers)
        if answer is None:
            return False
        self._is_refused = True
        self.transport.write(answer)
        return True

    def _end_refused(self) -> None:
        """Keep the connection for the next request, if the client does."""
        self._is_refused = self._has_begun = False
        version = self.parser.get_http_version()
        if self._is_last or version == "1.0" or not self.parser.should_keep_alive():
            self.transport.close()
        else:
            self._start_timeout(self._limits.idle)

    def shutdown(self) -> None:
        """End after the request that is being read or answered.

        uvicorn would close a connection whose first request has not arrived yet.
        """
        if self.cycle is not None and not self._in_head:
            super().shutdown()
            return
        self._is_last = True
        self.loop.call_later(_FIRST_SECONDS, self._close_unused)

    def _close_unused(self) -> None:
        if self.cycle is None and not self._in_head:
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body."""
        self._body_bytes += len(body)
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request, also one that was refused before its end."""
        if self._is_refused:
            self._end_refused()
            return
        self._has_begun = False
        self.cycle.more_body = False
        super().on_message_complete()

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
        if self._is_refused or cycle is None:
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
        unanswered = self._in_head or not (
            self.cycle is None or self.cycle.response_started
        )
        if self._has_begun and unanswered:
            why = f"no whole request in {self._limits.receive:g} s".encode()
            self._refuse(408, b"Request Timeout", why)
        else:
            self.transport.close()

    def _refuse(self, status: int, reason: bytes, why: bytes) -> None:
        """Answer a request that never reaches the application, and close."""
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, reason, len(why), why)
        )
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
