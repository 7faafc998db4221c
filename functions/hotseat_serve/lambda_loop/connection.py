"""One HTTP/1.1 connection to a server on this machine (RFC 9112).

http.client reads a reply's headers as an e-mail's, which takes longer than a small
prediction. This client reads what the Runtime API sends, and copies no body: a long one
is received into its own buffer.
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

from hotseat_registry.dataclass import dataclass

_RECEIVED = 1 << 16
"""Bytes of one read of a reply's head."""
_MAX_HEAD = 1 << 20
"""Bytes of a reply's head, at most."""
_JOINED = 1 << 16
"""Bytes of a body up to which head and body are sent by one copy."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray


class Connection:
    """A connection that is opened with the first call, and again after a break.

    `address` is ``host:port``. Not for several threads at once.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host or address, int(port) if host else 80)
        self._host = f"Host: {address}\r\nUser-Agent: hotseat-lambda-loop\r\n"
        self._socket: socket.socket | None = None
        self._rest = b""

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and return the reply; raises `OSError`.

        A connection that the server closed between two calls is opened again.
        """
        head = f"{method} {path} HTTP/1.1\r\n{self._host}"
        for name, value in (headers or {}).items():
            head += f"{name}: {value}\r\n"
        if method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        data = f"{head}\r\n".encode("latin-1")
        is_reused = self._socket is not None
        try:
            return self._exchange(data, body)
        except ConnectionError:
            self.close()
            if not is_reused:
                raise
        return self._exchange(data, body)

    def _exchange(self, head: bytes, body: bytes) -> Reply:
        connected = self._connected()
        if len(body) <= _JOINED:
            connected.sendall(head + body)
        else:
            connected.sendall(head)
            connected.sendall(body)
        return self._read(connected)

    def stream(
        self,
        path: str,
        chunks: Iterable[bytes],
        headers: Mapping[str, str],
        trailers: Callable[[Exception], Mapping[str, str]],
    ) -> Reply:
        """Post a body in chunks; after an exception of `chunks`, end with trailers.

        Raises `OSError`. A server may reply before the body ends and read no more;
        then the rest is not sent.
        """
        head = f"POST {path} HTTP/1.1\r\n{self._host}Transfer-Encoding: chunked\r\n"
        for name, value in headers.items():
            head += f"{name}: {value}\r\n"
        connected = self._connected()
        connected.sendall(f"{head}\r\n".encode("latin-1"))
        end = "0\r\n"
        iterator = iter(chunks)
        try:
            while True:
                try:
                    chunk = next(iterator, None)
                except Exception as error:  # noqa: BLE001 (the function's own)
                    for name, value in trailers(error).items():
                        end += f"{name}: {value}\r\n"
                    break
                if chunk is None:
                    break
                if chunk:  # an empty one would end the body
                    connected.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            connected.sendall(f"{end}\r\n".encode("latin-1"))
        except ConnectionError:
            pass  # the reply says why
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        try:
            return self._read(connected)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._address)
            # or a body that follows its head waits 40 ms for the acknowledgement
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _read(self, connected: socket.socket) -> Reply:
        while True:
            status, headers = self._read_head(connected)
            if status >= 200:  # others only announce a reply
                break
        length = headers.get("content-length")
        if "chunked" in headers.get("transfer-encoding", ""):
            body: bytes | bytearray = self._read_chunked(connected)
        elif length is None:
            body = b""
        else:
            body = self._read_exactly(connected, int(length))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(status, headers, body)

    def _read_head(self, connected: socket.socket) -> tuple[int, dict[str, str]]:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _MAX_HEAD:
                raise ConnectionError("the reply's head has no end")
            data += self._receive(connected)
        self._rest = data[end + 4 :]
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(first.split(" ", 2)[1]), headers

    def _read_exactly(self, connected: socket.socket, length: int) -> bytes | bytearray:
        rest = self._rest
        if len(rest) >= length:
            self._rest = rest[length:]
            return rest[:length]
        body = bytearray(length)
        body[: len(rest)] = rest
        self._rest = b""
        view, at = memoryview(body), len(rest)
        while at < length:
            count = connected.recv_into(view[at:])
            if not count:
                raise ConnectionError("the connection closed within a reply")
            at += count
        return body

    def _read_chunked(self, connected: socket.socket) -> bytes:
        parts = []
        while True:
            size = int(self._read_line(connected).partition(b";")[0], 16)
            if not size:
                break
            parts.append(self._read_exactly(connected, size))
            self._read_line(connected)
        while self._read_line(connected):
            pass  # trailers
        return b"".join(parts)

    def _read_line(self, connected: socket.socket) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            self._rest += self._receive(connected)
        line, self._rest = self._rest[:end], self._rest[end + 2 :]
        return line

    @staticmethod
    def _receive(connected: socket.socket) -> bytes:
        data = connected.recv(_RECEIVED)
        if not data:
            raise ConnectionError("the connection closed within a reply")
        return data


def with_prelude(prelude: bytes, chunks: Iterable[bytes]) -> Iterable[bytes]:
    """Return chunks after the JSON of status and headers and eight NUL bytes.

    API Gateway and function URLs read status and headers from there
    (docs.aws.amazon.com/apigateway, "Set up a Lambda proxy integration with payload
    response streaming").
    """
    return chain((prelude + bytes(8),), chunks)
