"""Kept-alive connections to one server, for several threads."""

import http.client
import threading

SECONDS = 10.0
"""For a connection to open, and for each piece of an answer."""
_IDLE = 8
"""Connections that are kept between requests."""


class _Plain(http.client.HTTPConnection):
    generation = 0


class _Secure(http.client.HTTPSConnection):
    generation = 0


Connection = _Plain | _Secure


class Connections:
    """Gives each request a connection to itself, and keeps a few idle ones."""

    def __init__(self, host: str, *, secure: bool) -> None:
        self._host, self._secure = host, secure
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._generation = 0

    def acquire(self) -> tuple[Connection, bool]:
        """Return a connection, and whether it was used before and may be stale."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
            kind: type[Connection] = _Secure if self._secure else _Plain
            connection = kind(self._host, timeout=SECONDS)
            connection.generation = self._generation
            return connection, False

    def release(
        self, connection: Connection, response: http.client.HTTPResponse
    ) -> None:
        """Keep a connection whose response was read completely; close any other."""
        with self._lock:
            if (
                connection.generation == self._generation
                and response.isclosed()
                and not response.will_close
                and len(self._idle) < _IDLE
            ):
                self._idle.append(connection)
                return
        connection.close()

    def forget(self) -> None:
        """Close the idle connections; those in use are closed when given back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._generation += 1
        for connection in idle:
            connection.close()
