"""urllib3's connection pool with a deadline for a whole request and its response.

A socket's timeout restarts with every byte, so a server that sends one byte at a time
never exceeds it. Here the timeout starts when urllib3 sets it: before a request and
again after sending it. DNS, each address and the TLS handshake share the time left.
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

THREADS = 64  # further requests at a time use connections that are not pooled
_lookup = DnsResolver()


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


class _DeadlineConnection:
    """A connection with one deadline for all steps of connecting."""

    _end: float | None = None

    def connect(self) -> None:
        timeout: Any = self.timeout  # type: ignore[attr-defined]
        self._end = None if timeout is None else time.monotonic() + timeout
        super().connect()  # type: ignore[misc]
        self.sock: Any = _Socket(self.sock, self._end)

    def _new_conn(self) -> socket.socket:
        """Return a socket connected to the first reachable address."""
        connection: Any = self
        host, port, end = connection._dns_host, connection.port, self._end  # noqa: SLF001
        why: OSError = OSError("no address")
        try:
            addresses = _lookup.addresses(host, port, 60 if end is None else _left(end))
            for family, kind, protocol, _, address in addresses:
                connected = socket.socket(family, kind, protocol)
                try:
                    for option in connection.socket_options or ():
                        connected.setsockopt(*option)
                    connected.settimeout(None if end is None else _left(end))
                    connected.connect(address)
                    connected.settimeout(None if end is None else _left(end))
                except OSError as error:
                    connected.close()
                    why = error
                    if isinstance(error, TimeoutError):
                        break
                else:
                    return connected
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
        pool = PoolManager(**options)
    else:
        at = parse_url(proxy)
        headers = make_headers(proxy_basic_auth=at.auth) if at.auth else None
        pool = ProxyManager(
            at._replace(auth=None).url, proxy_headers=headers, **options
        )
    pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return pool
