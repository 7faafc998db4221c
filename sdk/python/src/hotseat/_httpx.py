"""The asynchronous transport, over httpx."""

import asyncio
import os
import ssl
from typing import Any, Protocol

import httpx

from hotseat import _address
from hotseat._transport import Request, Response
from hotseat.errors import ConfigError, DeadlineError, TransportError


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
        try:
            verify: Any = True
            if ca_file is not None:
                verify = ssl.create_default_context(cafile=os.fspath(ca_file))
        except OSError as error:
            raise ConfigError(f"{ca_file} holds no certificates: {error}") from None
        self._http = http or httpx.AsyncClient(
            proxy=_address.proxy(proxy),
            verify=verify,
            trust_env=False,
            follow_redirects=False,
        )

    async def send(self, request: Request, timeout: float) -> Response:
        """See `AsyncTransport.send`."""
        try:
            # httpx's timeouts are for each read; this one is for the whole response
            answer = await asyncio.wait_for(
                self._http.request(
                    request.method,
                    request.url,
                    content=request.body,
                    headers=dict(request.headers),
                    timeout=timeout,
                ),
                timeout,
            )
        # in Python 3.10, asyncio has its own TimeoutError
        except (asyncio.TimeoutError, TimeoutError, httpx.TimeoutException) as error:
            raise DeadlineError(f"no answer within {timeout:.3g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TransportError(f"{request.url}: {error}") from error
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, names, answer.content)

    async def aclose(self) -> None:
        """See `AsyncTransport.aclose`."""
        await self._http.aclose()
