"""The same client for asyncio, over httpx: ``pip install hotseat[async]``.

::

    async with AsyncModelServiceClient() as client:
        answers = await asyncio.gather(*(client.predict(line) for line in lines))
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from hotseat import _answer
from hotseat._address import path_of
from hotseat._client import ModelServiceClient, stand_in
from hotseat._steps import Pause, steps
from hotseat._transport import Request, Response
from hotseat._types import Model, Prediction
from hotseat.errors import (
    BadInputError,
    ConfigError,
    DeadlineError,
    HotseatError,
    TransportError,
)

__all__ = ["AsyncModelServiceClient"]

_RAISE: Any = object()  # no default was given


class _Nowhere:
    """The inner client's transport: it builds requests and sends none."""

    def send(self, request: Request, timeout: float) -> Response:
        """Refuse."""
        raise AssertionError(request, timeout)

    def close(self) -> None:
        """Nothing to close."""


class AsyncModelServiceClient:
    """Asks a model service; takes what `ModelServiceClient` takes, but a transport.

    `http` is an httpx client of your own, with its proxies and certificates.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        http: httpx.AsyncClient | None = None,
        **options: Any,
    ) -> None:
        self._client = ModelServiceClient(base_url, transport=_Nowhere(), **options)
        self._http = http or httpx.AsyncClient(follow_redirects=False)

    async def predict(
        self,
        input: str | Mapping[str, Any] | Sequence[Any],  # noqa: A002 (as on the wire)
        *,
        model: str | None = None,
        version: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = _RAISE,
    ) -> Prediction:
        """See `ModelServiceClient.predict`."""
        plain = model is None and isinstance(input, str)
        body: dict[str, Any] = {"text": input} if plain else {"input": input}
        if options:
            body["options"] = dict(options)
        start = self._client._clock()  # noqa: SLF001 (one client in two coats)
        try:
            answer = await self._ask("predict", model, version, body, player_id,
                                     deadline)  # fmt: skip
            return _answer.prediction(answer, self._client._clock() - start)  # noqa: SLF001
        except (ConfigError, BadInputError):
            raise
        except HotseatError:
            if default is _RAISE:
                raise
            return stand_in(default, self._client._clock() - start)  # noqa: SLF001

    async def predict_many(
        self,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> list[Prediction]:
        """See `ModelServiceClient.predict_many`."""
        if isinstance(inputs, str):
            raise ConfigError("inputs is a list of texts, not one text: use predict")
        start, rows = self._client._clock(), list(inputs)  # noqa: SLF001
        body = {"inputs": rows}
        answer = await self._ask("predict", model, version, body, player_id, deadline)
        latency = self._client._clock() - start  # noqa: SLF001
        return _answer.predictions(answer, len(rows), latency)

    async def models(self) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(await self._call("GET", "/v1/models", None, None))

    async def ready(self) -> bool:
        """Whether the service answers and has a model to ask."""
        try:
            answer = await self._call("GET", "/v2/health/ready", None, None)
            return bool(answer["ready"])
        except (HotseatError, KeyError):
            return False

    async def aclose(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncModelServiceClient":  # noqa: PYI034
        """Use as a context manager to close at the end."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self.aclose()

    async def _ask(
        self,
        verb: str,
        model: str | None,
        version: int | str | None,
        body: dict[str, Any],
        player_id: str | None,
        deadline: float | None,
    ) -> dict[str, Any]:
        if player_id is not None:
            body["player_id"] = player_id
        return await self._call("POST", path_of(verb, model, version), body, deadline)

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        deadline: float | None,
    ) -> dict[str, Any]:
        """Carry out the steps of a call; raises `HotseatError`."""
        inner = self._client
        call = steps(
            inner._request(method, path, body),  # noqa: SLF001
            path,
            inner._allowed(deadline),  # noqa: SLF001
            clock=inner._clock,  # noqa: SLF001
            random=inner._random,  # noqa: SLF001
            guard=inner._guard,  # noqa: SLF001
            hook=inner._hook,  # noqa: SLF001
        )
        got: Response | HotseatError | None = None
        try:
            while True:
                step = call.send(got)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    got = None
                    continue
                try:
                    got = await self._send(step.request, step.timeout)
                except HotseatError as error:
                    got = error
        except StopIteration as end:
            answer: dict[str, Any] = end.value
            return answer
        finally:
            call.close()

    async def _send(self, request: Request, timeout: float) -> Response:  # noqa: ASYNC109
        try:
            # httpx's own limits are for each read: this one is for the whole answer
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
        # in Python 3.10 asyncio's is an error of its own
        except (asyncio.TimeoutError, TimeoutError, httpx.TimeoutException) as error:  # noqa: UP041
            raise DeadlineError(f"no answer within {timeout:.3g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TransportError(f"{request.url}: {error}") from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, answer.content)
