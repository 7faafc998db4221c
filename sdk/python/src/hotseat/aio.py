"""The same client for asyncio, over httpx: ``pip install hotseat[async]``.

::

    async with AsyncModelServiceClient() as client:
        answers = await asyncio.gather(*(client.predict(line) for line in lines))
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from hotseat import _answer
from hotseat._client import DEADLINE
from hotseat._core import RAISE, Core, one_input, rows_of
from hotseat._steps import Call, Pause, Steps
from hotseat._transport import Request, Response
from hotseat._types import Model, Prediction
from hotseat.errors import DeadlineError, HotseatError, TransportError

__all__ = ["AsyncModelServiceClient"]


class AsyncModelServiceClient:
    """Asks a model service; see `ModelServiceClient` for what it takes.

    `http` is an httpx client of your own, with its proxies and certificates.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        deadline: float = DEADLINE,
        api_key: str | Callable[[], str] | None = None,
        hook: Callable[[Call], None] | None = None,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._core = Core(base_url, deadline, api_key, hook, clock, random)
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
        default: Any = RAISE,
    ) -> Prediction:
        """See `ModelServiceClient.predict`."""
        start = self._core.clock()
        try:
            answer = await self._call(
                self._core.asking("predict", model, version, one_input(input, model),
                                  options, player_id, deadline)
            )  # fmt: skip
            return _answer.prediction(answer, self._core.clock() - start)
        except HotseatError as error:
            return self._core.instead(error, default, start)

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
        rows, start = rows_of(inputs), self._core.clock()
        answer = await self._call(
            self._core.asking("predict", model, version, {"inputs": rows}, None,
                              player_id, deadline)
        )  # fmt: skip
        return _answer.predictions(answer, len(rows), self._core.clock() - start)

    async def models(self) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(await self._call(self._core.calling("GET", "/v1/models")))

    async def ready(self) -> bool:
        """Whether the service answers and has a model to ask."""
        try:
            call = self._core.calling("GET", "/v2/health/ready")
            return bool((await self._call(call))["ready"])
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

    async def _call(self, call: Steps) -> dict[str, Any]:
        """Carry out the steps of a call; raises `HotseatError`."""
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
