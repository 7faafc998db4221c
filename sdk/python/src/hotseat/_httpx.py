"""The asynchronous transport, over httpx. Each event loop has its own connections."""

import asyncio
import contextlib
import os
import ssl
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Protocol

import httpcore
import httpx

from hotseat import _address
from hotseat._httpcore import PoolTransport
from hotseat._transport import Request, Response
from hotseat.errors import (
    CancelledError,
    ConfigError,
    DeadlineError,
    TransportError,
)

DOUBTFUL = 5.0
"""Seconds without use after which a silent connection gets a rival."""


class AsyncTransport(Protocol):
    """Sends requests; `hotseat.testing` has a transport without a network."""

    async def send(self, request: Request, timeout: float) -> Response:
        """Return the response within `timeout` seconds; raises `TransportError`."""

    async def aclose(self) -> None:
        """Close the connections."""


class HttpxTransport:
    """Requests over an httpx client, by default one without the environment's proxies.

    Raises `ConfigError`.
    """

    def __init__(
        self,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        *,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._own = http
        self._proxy = _address.proxy(proxy)
        self._tls: ssl.SSLContext | None = None
        try:
            if ca_file is not None:
                self._tls = ssl.create_default_context(cafile=os.fspath(ca_file))
        except OSError as error:
            raise ConfigError(f"{ca_file} holds no certificates: {error}") from None
        self._clients: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, _Connections
        ] = weakref.WeakKeyDictionary()

    async def send(self, request: Request, timeout: float) -> Response:
        """See `AsyncTransport.send`."""
        with _narrowed(request, timeout):
            # httpx's timeouts are for each read; this one is for the whole response
            if request.streams:
                return await asyncio.wait_for(self._opened(request, timeout), timeout)
            answer = await asyncio.wait_for(self._sent(request, timeout), timeout)
        return replace(_head(answer), body=answer.content)

    async def aclose(self) -> None:
        """See `AsyncTransport.aclose`."""
        if self._own is not None:
            await self._own.aclose()
        here = self._clients.pop(asyncio.get_running_loop(), None)
        self._clients.clear()  # those of other loops end with their loops
        if here is not None:
            await here.client.aclose()

    async def _opened(self, request: Request, timeout: float) -> Response:
        """Return a response once its head has come; its events come in pieces."""
        end = time.monotonic() + timeout
        http = self._own
        if http is None:
            loop = asyncio.get_running_loop()
            http = self._clients.setdefault(loop, _Connections(self._client())).client
        answer = await http.send(
            http.build_request(
                request.method,
                request.url,
                content=request.body,
                headers=dict(request.headers),
                timeout=timeout,
            ),
            stream=True,
        )
        head = _head(answer)
        if head.is_events:
            return replace(head, async_pieces=_pieces(answer, request, timeout, end))
        return replace(head, body=await answer.aread())

    async def _sent(self, request: Request, timeout: float) -> httpx.Response:
        if self._own is not None:
            return await _ask(self._own, request, timeout)
        loop = asyncio.get_running_loop()
        here = self._clients.get(loop)
        if here is None:
            here = self._clients[loop] = _Connections(self._client())
        try:
            if 0 <= time.monotonic() - here.used <= DOUBTFUL or not here.used:
                return await self._on(here, request, timeout)
            return await self._race(loop, here, request, timeout)
        finally:
            here.used = time.monotonic()

    async def _on(
        self, here: "_Connections", request: Request, timeout: float
    ) -> httpx.Response:
        """Ask once; once more at once if a pooled connection was stale."""
        try:
            return await _ask(here.client, request, timeout)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError,
                httpcore.RemoteProtocolError, httpcore.ReadError,
                httpcore.WriteError):  # fmt: skip
            if not here.used:
                raise
            return await _ask(here.client, request, timeout)

    async def _race(
        self,
        loop: asyncio.AbstractEventLoop,
        here: "_Connections",
        request: Request,
        timeout: float,
    ) -> httpx.Response:
        """Give idle connections that stay silent a rival; keep what answers first."""
        first = asyncio.ensure_future(self._on(here, request, timeout))
        tries = {first}
        fresh: _Connections | None = None
        try:
            await asyncio.wait(tries, timeout=min(timeout / 3, 1.0))
            if not first.done():
                fresh = _Connections(self._client())
                second = asyncio.ensure_future(self._on(fresh, request, timeout))
                tries.add(second)
                await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
                if not first.done() and second.exception() is None:
                    self._clients[loop] = fresh
                    fresh.used, fresh = time.monotonic(), here
                    return second.result()
            return await first
        finally:
            for one in tries:
                one.cancel()
            await asyncio.gather(*tries, return_exceptions=True)
            if fresh is not None:
                await fresh.client.aclose()

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=PoolTransport(self._proxy, self._tls),
            trust_env=False,
            follow_redirects=False,
        )


class _Connections:
    """One event loop's connections, and when they were last used."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.used = 0.0


def _head(answer: httpx.Response) -> Response:
    names = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, names)


async def _pieces(
    answer: httpx.Response, request: Request, timeout: float, end: float
) -> AsyncIterator[bytes]:
    """Yield a body as it comes; leaving it early closes the connection."""
    pieces = answer.aiter_bytes()
    try:
        while True:
            with _narrowed(request, timeout):
                left = end - time.monotonic()
                try:
                    piece = await asyncio.wait_for(pieces.__anext__(), left)
                except StopAsyncIteration:
                    return
            yield piece
    finally:
        await answer.aclose()


@contextlib.contextmanager
def _narrowed(request: Request, timeout: float) -> Iterator[None]:
    """Raise the SDK's errors for httpx's."""
    try:
        yield
    # in Python 3.10, asyncio has its own TimeoutError
    except (
        asyncio.TimeoutError,
        TimeoutError,
        httpx.TimeoutException,
        httpcore.TimeoutException,
    ) as error:
        raise DeadlineError(f"no answer within {timeout:.3g} s") from error
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        httpx.StreamError,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
        OSError,
    ) as error:
        raise TransportError(f"{request.url}: {error}") from error
    except RuntimeError as error:
        # what httpx raises once its client is closed
        if "closed" in str(error):
            raise CancelledError("the client was closed") from None
        raise TransportError(f"{request.url}: {error}") from error


async def _ask(
    http: httpx.AsyncClient, request: Request, timeout: float
) -> httpx.Response:
    return await http.request(
        request.method,
        request.url,
        content=request.body,
        headers=dict(request.headers),
        timeout=timeout,
    )
