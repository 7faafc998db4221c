"""The synchronous transport: sends a request, returns a response."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Protocol

from hotseat import _address
from hotseat.errors import CancelledError, ConfigError, DeadlineError, TransportError

_REQUEST_IDS = ("x-request-id", "apigw-requestid", "x-amzn-requestid")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    streams: bool = False
    """Whether an answer with events is wanted piece by piece, in `Response.pieces`; a
    transport that cannot do so returns the whole body."""

    def signed(self, headers: Mapping[str, str]) -> "Request":
        """Return the request with authentication headers."""
        return replace(self, headers={**self.headers, **headers}) if headers else self


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: Iterator[bytes] | None = None
    """The pieces of a streamed body as they come; raises `TransportError`."""
    async_pieces: AsyncIterator[bytes] | None = None
    """The same of an asynchronous transport."""
    abort: Callable[[], None] | None = None
    """Ends a streamed body for a thread that waits for it."""

    @property
    def is_events(self) -> bool:
        """Whether the body is a stream of server-sent events."""
        kind = self.headers.get("content-type", "")
        return self.status == HTTPStatus.OK and kind.lower().startswith(
            "text/event-stream"
        )

    @property
    def request_id(self) -> str:
        """The id that the service or its gateway gave the request, or ""."""
        headers = self.headers
        return next((headers[name] for name in _REQUEST_IDS if name in headers), "")


class Transport(Protocol):
    """Sends requests; `hotseat.testing` has a transport without a network."""

    def send(self, request: Request, timeout: float) -> Response:
        """Return the response within `timeout` seconds; raises `TransportError`."""

    def close(self) -> None:
        """Close the connections."""


class HttpTransport:
    """Requests over pooled connections. Safe for several threads.

    `proxy` is the URL of a proxy, `ca_file` a file with certificates (PEM) to trust in
    place of the system's. Raises `ConfigError`.
    """

    def __init__(
        self,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        *,
        secure: bool = True,
    ) -> None:
        import urllib3  # imported late: keeps the import of the SDK fast

        from hotseat._pool import open_pool

        self._urllib3 = urllib3
        self._closed = 0
        ca = None if ca_file is None else os.fspath(ca_file)
        try:
            self._pool = open_pool(
                _address.proxy(proxy), ca, secure=secure or ca is not None
            )
        except OSError as error:
            raise ConfigError(f"{ca} holds no certificates: {error}") from None

    def send(self, request: Request, timeout: float) -> Response:
        """See `Transport.send`."""
        exceptions, closed = self._urllib3.exceptions, self._closed
        try:
            response = self._pool.request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=self._urllib3.Timeout(total=timeout),
                redirect=False,
                preload_content=not request.streams,
            )
            names = {name.lower(): value for name, value in response.headers.items()}
            head = Response(response.status, names)
            if request.streams and head.is_events:
                pieces = self._pieces(request, timeout, response)
                abort: Any = getattr(response.connection, "abort", None)
                return replace(head, pieces=pieces, abort=abort)
            # reads it, if it was not
            return Response(response.status, names, response.data)
        except (exceptions.HTTPError, OSError, ValueError) as error:
            raise self._ended(request, timeout, error, closed) from error

    def _pieces(
        self, request: Request, timeout: float, response: Any
    ) -> Iterator[bytes]:
        """Yield a body as it comes; leaving it early closes the connection."""
        exceptions, closed, is_whole = self._urllib3.exceptions, self._closed, False
        try:
            if response.chunked:
                yield from response.read_chunked()
            else:
                while piece := response.read1(65536):
                    yield piece
            is_whole = True
        except (exceptions.HTTPError, OSError, ValueError) as error:
            raise self._ended(request, timeout, error, closed) from error
        finally:
            if is_whole:
                response.release_conn()
            else:
                response.close()

    def _ended(
        self, request: Request, timeout: float, error: Exception, closed: int
    ) -> TransportError:
        if closed != self._closed:
            return CancelledError("the client was closed")
        return self._narrowed(request, timeout, error)

    def close(self) -> None:
        """End requests under way with `CancelledError`, and close all connections."""
        self._closed += 1
        # close at once: urllib3 waits until nothing refers to a pool, but errors do
        for key in self._pool.pools.keys():  # noqa: SIM118 (it cannot be iterated)
            pool: Any = self._pool.pools.get(key)
            if pool is not None:
                for connection in list(pool.connections):
                    connection.abort()
                pool.close()
        self._pool.clear()

    def _narrowed(
        self, request: Request, timeout: float, error: Exception
    ) -> TransportError:
        exceptions = self._urllib3.exceptions
        late, refused = exceptions.TimeoutError, exceptions.NewConnectionError
        # while sending, or at a proxy, another error wraps the timeout
        for inside in (error, *error.args, error.__cause__):
            # urllib3 derives its error for a refused connection from its timeout error
            if isinstance(inside, late | TimeoutError) and not isinstance(
                inside, refused
            ):
                return DeadlineError(f"no answer within {timeout:.3g} s")
        if isinstance(error, exceptions.LocationValueError):
            return TransportError(f"{request.url} is not an address: {error}")
        away = isinstance(error, refused | exceptions.SSLError)
        how = "cannot be reached" if away else "broke off"
        return TransportError(f"{request.url} {how}: {error}")
