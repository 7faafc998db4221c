"""urllib3's pool, with a time limit that holds for a whole answer.

A socket's timeout counts from the last byte: a server that trickles one byte at a
time is never late. Here it counts from when it was set, which urllib3 does when the
request has gone out, so that it covers status line, headers and body.
"""

import io
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

THREADS = 64  # more at a time still work, but don't keep their connections


class _Socket:
    """A socket whose timeout is the time left, whatever has arrived."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._end: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._inner.settimeout(seconds)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self._inner.makefile(mode, buffering=0)))

    def hurry(self) -> None:
        """Let the next read take no longer than is left; raises TimeoutError."""
        if self._end is None:
            return
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._inner.settimeout(left)


class _Reader(io.RawIOBase):
    """What http.client reads an answer from."""

    def __init__(self, socket: _Socket, inner: Any) -> None:
        self._socket = socket
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.hurry()
        got: int | None = self._inner.readinto(buffer)
        return got

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _Http(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock: Any = _Socket(self.sock)


class _Https(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock: Any = _Socket(self.sock)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def open_pool() -> PoolManager:
    """Return a pool that neither retries nor follows redirects."""
    pool = PoolManager(maxsize=THREADS, retries=False)
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
