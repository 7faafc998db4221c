"""urllib3's pool, with a time limit that holds for a whole request and its answer.

A socket's timeout counts from the last byte: a server that trickles one byte at a
time is never late. Here it counts from when it was set, which urllib3 does when a
request begins and again when it has gone out; and a connection is given what is left
for its name's look-up, each of its addresses, and the TLS handshake.
"""

import io
import os
import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError
from urllib3.exceptions import NewConnectionError as NoConnectionError
from urllib3.util import make_headers, parse_url
from urllib3.util.ssl_ import create_urllib3_context

from hotseat._dns import DnsResolver

THREADS = 64  # more at a time still work, but don't keep their connections
_lookup = DnsResolver()


def _renew() -> None:
    """After a fork, look names up without the parent's lock and threads."""
    global _lookup  # noqa: PLW0603 (there is no other way to replace it)
    _lookup = DnsResolver()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class _Socket:
    """A socket whose timeout is the time left, whatever has arrived."""

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
        """Let the next step take no longer than is left; raises TimeoutError."""
        if self._end is not None:
            self._inner.settimeout(_left(self._end))


class _Reader(io.RawIOBase):
    """What http.client reads an answer from."""

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


class _DeadlineConnection:
    """A connection that is made within its time, all steps together."""

    _end: float | None = None

    def connect(self) -> None:
        timeout: Any = self.timeout  # type: ignore[attr-defined]
        self._end = None if timeout is None else time.monotonic() + timeout
        super().connect()  # type: ignore[misc]
        self.sock: Any = _Socket(self.sock, self._end)

    def _new_conn(self) -> socket.socket:
        """Return a socket to the first address that answers."""
        connection: Any = self
        host, port, end = connection._dns_host, connection.port, self._end  # noqa: SLF001
        why: OSError = OSError("no address")
        try:
            addresses = _lookup.addresses(host, port, 60 if end is None else _left(end))
            for family, kind, protocol, _, address in addresses:
                made = socket.socket(family, kind, protocol)
                try:
                    for option in connection.socket_options or ():
                        made.setsockopt(*option)
                    made.settimeout(None if end is None else _left(end))
                    made.connect(address)
                    made.settimeout(None if end is None else _left(end))
                except OSError as error:
                    made.close()
                    why = error
                    if isinstance(error, TimeoutError):
                        break
                else:
                    return made
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        except OSError as error:
            why = error
        if isinstance(why, TimeoutError):
            raise ConnectTimeoutError(connection, f"{host}:{port} timed out") from why
        raise NoConnectionError(connection, f"{host}:{port}: {why}") from why


class _Http(_DeadlineConnection, HTTPConnection):
    pass


class _Https(_DeadlineConnection, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def open_pool(
    proxy: str | None = None, ca_file: str | None = None, *, secure: bool
) -> PoolManager:
    """Return a pool that neither retries nor follows redirects.

    `proxy` may name user and password. `ca_file` holds the certificates (PEM) of
    whoever vouches for the service, in place of the system's; raises `OSError` where it
    holds none.
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
        pool = PoolManager(**options)
    else:
        at = parse_url(proxy)
        known = make_headers(proxy_basic_auth=at.auth) if at.auth else None
        pool = ProxyManager(at._replace(auth=None).url, proxy_headers=known, **options)
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
