"""urllib3's connection pool with a deadline for a whole request and its response.

A socket's timeout restarts with every byte, so a server that sends one byte at a time
never exceeds it. Here the timeout starts when urllib3 sets it: before a request and
again after sending it. DNS, each address and the TLS handshake share the time left.

A pooled connection may be dead without a sign: routers and load balancers forget idle
ones, most after 60 s or more. One that idled for longer than 55 s is not used again.
One that breaks without an answer, or stays silent after some seconds of idling, is
replaced within the call: the request is sent once more on a new connection, with the
same Idempotency-Key, and the first answer counts.
"""

import http.client
import io
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError
from urllib3.exceptions import NewConnectionError as NoConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util import make_headers, parse_url
from urllib3.util.ssl_ import create_urllib3_context

from hotseat._connect import connect_first
from hotseat._dns import DnsResolver

THREADS = 64  # further requests at a time use connections that are not pooled
IDLE = 55.0
"""Seconds without use after which a connection is not used again."""
DOUBTFUL = 5.0
"""Seconds without use after which a silent connection gets a rival."""
_lookup = DnsResolver()


def _now() -> float:
    """Seconds on a clock that goes on while a laptop sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _renew() -> None:
    """Replace the resolver after a fork: its lock and threads belong to the parent."""
    global _lookup  # noqa: PLW0603 (there is no other way to replace it)
    _lookup = DnsResolver()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class _Socket:
    """A socket whose timeout is the time left until a deadline."""

    def __init__(self, inner: Any, end: float | None) -> None:
        self._inner = inner
        self._end = end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._inner.settimeout(seconds)

    def sendall(self, data: Any) -> None:
        self.apply_deadline()
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self, self._inner.makefile(mode, buffering=0)))

    def apply_deadline(self) -> None:
        """Limit the next operation to the time left; raises `TimeoutError`."""
        if self._end is not None:
            self._inner.settimeout(_left(self._end))


class _Reader(io.RawIOBase):
    """The stream from which http.client reads a response."""

    def __init__(self, socket: _Socket, inner: Any) -> None:
        self._socket = socket
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.apply_deadline()
        got: int | None = self._inner.readinto(buffer)
        return got

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _FinalResponse(http.client.HTTPResponse):
    """A response without the interim ones before it (1xx, RFC 9110, section 15.2)."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if (
                not 100 < status[1] < 200
                or status[1] == http.HTTPStatus.SWITCHING_PROTOCOLS
            ):
                return status  # http.client skips 100 itself
            while self.fp.readline(65536) not in {b"\r\n", b"\n", b""}:
                pass


class _DeadlineConnection:
    """A connection with one deadline for all steps of connecting."""

    response_class: Any = _FinalResponse
    timeout: Any
    idle_since: float | None = None
    """When the last response ended; None for a new connection."""
    rival: Callable[[], Any]
    """Creates another connection to the same place; set by the pool."""
    doubt: Callable[[], None]
    """Tells the pool not to use the connections that idle now."""
    _end: float | None = None
    _sent: tuple[tuple[Any, ...], dict[str, Any]] = (), {}
    _idled = 0.0

    def connect(self) -> None:
        timeout = self.timeout
        self._end = None if timeout is None else time.monotonic() + timeout
        super().connect()  # type: ignore[misc]
        self.sock: Any = _Socket(self.sock, self._end)

    @property
    def is_connected(self) -> bool:
        """Whether the next request may use the connection."""
        old = self.idle_since is not None and not 0 <= _now() - self.idle_since <= IDLE
        return not old and super().is_connected  # type: ignore[misc]

    def abort(self) -> None:
        """End what waits for this connection, from another thread."""
        inner = getattr(self.sock, "_inner", self.sock)
        if isinstance(inner, socket.socket):
            # an SSL socket's own shutdown drops its state under the waiting thread
            with suppress(OSError):
                socket.socket.shutdown(inner, socket.SHUT_RDWR)

    def request(self, *given: Any, **named: Any) -> None:
        idle = self.idle_since if self.sock is not None else None
        self._idled = 0.0 if idle is None else _now() - idle
        self._sent = given, named
        try:
            super().request(*given, **named)  # type: ignore[misc]
        except ConnectionError:
            if not self._replaceable():
                raise
            self._replace()

    def getresponse(self) -> BaseHTTPResponse:
        if self._idled > DOUBTFUL and self._replaceable():
            self._race()
        try:
            return super().getresponse()  # type: ignore[misc,no-any-return]
        except ConnectionError:
            if not self._replaceable():
                raise
        self._replace()
        return super().getresponse()  # type: ignore[misc,no-any-return]

    def _replaceable(self) -> bool:
        """Whether the request was sent on a pooled connection without a proxy."""
        return self._idled > 0 and not getattr(self, "proxy", None)

    def _replace(self) -> None:
        """Send the request once more, on a new connection."""
        timeout = self.timeout
        given, named = self._sent
        self.close()  # type: ignore[attr-defined]
        self.timeout = timeout
        self._idled = 0.0
        super().request(*given, **named)  # type: ignore[misc]

    def _race(self) -> None:
        """Give a silent connection a rival; keep the one that answers first."""
        timeout = self.timeout
        end = None if timeout is None else time.monotonic() + timeout
        patience = 1.0 if timeout is None else min(timeout / 3, 1.0)
        if self.sock is None or _first_readable([self.sock], patience):
            return
        other = self.rival()
        given, named = self._sent
        with suppress(OSError, http.client.HTTPException, ConnectTimeoutError):
            other.timeout = None if end is None else max(_left(end), 0.001)
            other.request(*given, **named)
            left = None if end is None else _left(end)
            if _first_readable([self.sock, other.sock], left) is other.sock:
                self.doubt()
                self.sock.close()
                self.sock, other.sock = other.sock, None
                self._idled = 0.0
        if end is not None:
            self.timeout = max(end - time.monotonic(), 0.001)
        other.close()

    def _new_conn(self) -> socket.socket:
        """Return a socket connected to the first address that accepts."""
        connection: Any = self
        host, port, end = connection._dns_host, connection.port, self._end  # noqa: SLF001
        try:
            addresses = _lookup.addresses(host, port, 60 if end is None else _left(end))
            connected = connect_first(addresses, connection.socket_options or (), end)
            connected.settimeout(None if end is None else _left(end))
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"{host}:{port} timed out") from error
        except OSError as error:
            raise NoConnectionError(connection, f"{host}:{port}: {error}") from error
        return connected


def _first_readable(sockets: list[Any], seconds: float | None) -> Any:
    """Return the first socket with data or an end; None after `seconds`."""
    with selectors.DefaultSelector() as waiting:
        for one in sockets:
            inner = one._inner  # noqa: SLF001 (the socket that it wraps)
            if isinstance(inner, ssl.SSLSocket) and inner.pending():
                return one
            waiting.register(inner, selectors.EVENT_READ, one)
        ready = waiting.select(seconds)
        return ready[0][0].data if ready else None


class _Http(_DeadlineConnection, HTTPConnection):  # type: ignore[misc]
    pass


class _Https(_DeadlineConnection, HTTPSConnection):  # type: ignore[misc]
    pass


class _Pool:
    """A pool that knows its connections, in use or not."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.connections: WeakSet[Any] = WeakSet()
        self._trusted_from = 0.0
        super().__init__(*given, **named)

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()  # type: ignore[misc]
        connection.rival = super()._new_conn  # type: ignore[misc]
        connection.doubt = self._doubt
        self.connections.add(connection)
        return connection

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)  # type: ignore[misc]
        idle = connection.idle_since
        if idle is not None and idle < self._trusted_from:
            connection.close()
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.idle_since = _now()
        super()._put_conn(connection)  # type: ignore[misc]

    def _doubt(self) -> None:
        self._trusted_from = _now()


class _HttpPool(_Pool, HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _Https


class _Manager(PoolManager):
    """Finds the pool of the last origin again without parsing the URL.

    urllib3 parses each URL twice and builds a key of twenty fields for its pool, which
    is a tenth of a call's processor time.
    """

    _last: tuple[str, Any] = ("", None)

    def request(  # type: ignore[override] # forms and JSON are not sent here
        self, method: str, url: str, **given: Any
    ) -> Any:
        """Send a request with a body or none; see `PoolManager.request`."""
        at = url.find("/", len("https://"))
        origin = url[:at]
        if at < 0 or any(mark in origin for mark in "?#@"):
            return super().request(method, url, **given)
        known, pool = self._last
        if known != origin or pool.pool is None:  # closed, or pushed out by others
            pool = self.connection_from_url(origin)
            self._last = origin, pool
        return pool.urlopen(method, url[at:], assert_same_host=False, **given)


def open_pool(
    proxy: str | None = None, ca_file: str | None = None, *, secure: bool
) -> PoolManager:
    """Return a pool that neither retries nor follows redirects.

    `proxy` may contain user and password. `ca_file` contains the trusted
    certificates (PEM), in place of the system's; raises `OSError` if it has none.
    """
    options: dict[str, Any] = {"maxsize": THREADS, "retries": False}
    if secure:  # read once: it takes longer than a frame
        context = create_urllib3_context()
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file)
        options["ssl_context"] = context
    if proxy is None:
        pool: PoolManager = _Manager(**options)
    else:
        at = parse_url(proxy)
        headers = make_headers(proxy_basic_auth=at.auth) if at.auth else None
        pool = ProxyManager(
            at._replace(auth=None).url, proxy_headers=headers, **options
        )
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
