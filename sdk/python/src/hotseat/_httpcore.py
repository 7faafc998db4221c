"""httpcore's connection pool with the SDK's look-ups, behind httpx.

Names are looked up in a thread of the SDK, so that a DNS that hangs neither fills the
event loop's own threads nor keeps the program from ending. Addresses race as in
`hotseat._connect`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore
import httpx

from hotseat._connect import DELAY, in_turns
from hotseat._dns import DnsResolver

IDLE = 55.0
"""Seconds without use after which a connection is not used again."""


class PoolTransport(httpx.AsyncBaseTransport):
    """httpcore's pool with the SDK's look-ups, behind httpx."""

    def __init__(self, proxy: str | None, tls: ssl.SSLContext | None) -> None:
        options: dict[str, Any] = {
            "ssl_context": tls or _system_tls(),
            "keepalive_expiry": IDLE,
            "max_connections": None,
            "max_keepalive_connections": 64,
            "network_backend": _Network(),
        }
        if proxy is not None:
            at = httpx.URL(proxy)
            auth = (at.username, at.password) if at.username or at.password else None
            bare = at.copy_with(username=None, password=None)
            options["proxy"] = httpcore.Proxy(str(bare), auth=auth)
        self._pool = httpcore.AsyncConnectionPool(**options)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        assert isinstance(request.stream, httpx.AsyncByteStream)
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme,
                    host=url.raw_host,
                    port=url.port,
                    target=url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Stream(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    """The body of a response of httpcore, for httpx."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Network(httpcore.AsyncNetworkBackend):
    """Connections by asyncio to the first of a name's addresses that accepts."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._names = DnsResolver()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._names.find(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        tries: set[asyncio.Task[httpcore.AsyncNetworkStream]] = set()
        waiting = [address[4][0] for address in in_turns(addresses)]
        why: BaseException = httpcore.ConnectError(f"{host} has no address")
        try:
            while waiting or tries:
                if waiting:
                    call = self._inner.connect_tcp(
                        waiting.pop(0), port, timeout, local_address, socket_options
                    )
                    tries.add(asyncio.ensure_future(call))
                done, tries = await asyncio.wait(
                    tries,
                    timeout=DELAY if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                tries |= {one for one in done if one.exception() is None}
                for one in done:
                    failure = one.exception()
                    if failure is None:
                        tries.discard(one)
                        return one.result()
                    why = failure
            raise why
        finally:
            for one in tries:  # some may have connected, too
                one.cancel()
                one.add_done_callback(_close_unused)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self._inner.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


_closing: set[asyncio.Task[None]] = set()


def _close_unused(one: "asyncio.Task[httpcore.AsyncNetworkStream]") -> None:
    if not one.cancelled() and one.exception() is None:
        closing = asyncio.ensure_future(one.result().aclose())
        _closing.add(closing)  # an event loop holds its tasks weakly
        closing.add_done_callback(_closing.discard)


_tls: list[ssl.SSLContext] = []


def _system_tls() -> ssl.SSLContext:
    """Return a context with the system's certificates, read once."""
    if not _tls:
        _tls.append(httpx.create_ssl_context(trust_env=False))
    return _tls[0]
