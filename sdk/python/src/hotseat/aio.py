"""The same client for asyncio, over httpx: ``pip install hotseat[async]``.

::

    async with AsyncModelServiceClient() as client:
        answers = await asyncio.gather(*(client.predict(line) for line in lines))

There are no tickets: a task is one.
"""

import asyncio
import inspect
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from hotseat import _answer, _question
from hotseat._address import part
from hotseat._client import Input
from hotseat._core import DEADLINE, Core, Given
from hotseat._httpx import AsyncTransport, HttpxTransport
from hotseat._keys import Auth, bearer, headers
from hotseat._question import RAISE, question, rows_of, written
from hotseat._steps import Call, Pause, Send, Steps, Work
from hotseat._transport import Response
from hotseat._types import Download, Model, Prediction
from hotseat.errors import (
    ConfigError,
    HotseatError,
    TokenError,
)

__all__ = ["AsyncModelServiceClient", "AsyncTransport", "HttpxTransport"]

T = TypeVar("T")


class AsyncModelServiceClient:
    """Asks a model service; see `ModelServiceClient` for what it takes.

    An `api_key` that is a function may be an asynchronous one.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        deadline: float = DEADLINE,
        api_key: str | Callable[[], str | Awaitable[str]] | None = None,
        auth: Auth | None = None,
        cache_seconds: float = 0.0,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        user_agent: str | None = None,
        hook: Callable[[Call], None] | None = None,
        transport: AsyncTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._core = Core(
            Given(base_url, deadline, api_key, auth, cache_seconds, user_agent, hook,
                  clock, random)
        )  # fmt: skip
        if transport is not None and (proxy or ca_file):
            raise ConfigError("proxy and ca_file are the transport's own: give them it")
        self._transport = transport or HttpxTransport(proxy, ca_file)
        self._sleep = sleep
        self._follower: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """Where the service is."""
        return self._core.base_url

    @property
    def openings(self) -> int:
        """How often the service was left alone because it failed."""
        return self._core.guard.openings

    def __reduce__(self) -> Any:
        """Refuse to be pickled: connections and keys do not travel."""
        raise TypeError(
            "an AsyncModelServiceClient cannot be pickled: make one a process"
        )

    def __repr__(self) -> str:
        """Name the service, never the key."""
        return f"AsyncModelServiceClient({self.base_url!r})"

    async def predict(
        self,
        input: Input,  # noqa: A002 (as on the wire)
        *,
        model: str | None = None,
        version: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> Prediction:
        """See `ModelServiceClient.predict`."""
        asked = question("predict", model, version, options, player_id, deadline)
        return await self._call(self._core.answer(asked, input, default))

    async def predict_many(
        self,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> list[Prediction]:
        """See `ModelServiceClient.predict_many`."""
        asked = question("predict", model, version, options, player_id, deadline)
        rows = [written(given) for given in rows_of(inputs)]
        return await self._call(self._core.answers(asked, rows, default))

    async def explain(
        self,
        input: Input,  # noqa: A002 (as on the wire)
        *,
        model: str,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> Prediction:
        """See `ModelServiceClient.explain`."""
        asked = question("explain", model, version, None, player_id, deadline)
        return await self._call(self._core.answer(asked, input, default))

    async def choose(
        self,
        board: Any,
        *,
        model: str,
        version: int | str | None = None,
        level: str | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        legal: Sequence[str | int] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> Prediction:
        """See `ModelServiceClient.choose`."""
        options = {"level": level, "temperature": temperature, "seed": seed}
        asked = question("predict", model, version, options, player_id, deadline)
        instead = str(default) if isinstance(default, int) else default
        given = _question.position(board, legal)
        return await self._call(self._core.answer(asked, given, instead))

    async def generate(
        self,
        wishes: Mapping[str, Any] | None = None,
        *,
        model: str,
        version: int | str | None = None,
        seed: int | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> Prediction:
        """See `ModelServiceClient.generate`."""
        options = {"seed": seed}
        asked = question("predict", model, version, options, player_id, deadline)
        return await self._call(self._core.answer(asked, dict(wishes or {}), default))

    async def models(self, *, deadline: float | None = None) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(await self._call(self._core.get("/v1/models", deadline)))

    async def card(self, model: str, *, deadline: float | None = None) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        path = f"/v1/models/{part(model)}"
        return _answer.model(await self._call(self._core.get(path, deadline)))

    async def ready(self, *, deadline: float | None = None) -> bool:
        """Whether the service answers and has a model to ask."""
        try:
            call = self._core.get("/v2/health/ready", deadline)
            return (await self._call(call)).get("ready") is True
        except HotseatError:
            return False

    async def download(
        self,
        reference: str,
        *,
        folder: str | os.PathLike[str] | None = None,
        trust: Sequence[str | os.PathLike[str]] = (),
        refresh: float = 60.0,
        deadline: float = 60.0,
    ) -> Download:
        """See `ModelServiceClient.download`."""
        twins = self._core.offline()
        found = await self._call(twins.bring(reference, folder, trust, deadline))
        if refresh and self._follower is None:
            self._follower = asyncio.create_task(self._follow(twins, refresh))
        return found

    async def aclose(self) -> None:
        """Stop following, and give back connections."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait([self._follower])
        await self._transport.aclose()

    async def __aenter__(self) -> "AsyncModelServiceClient":  # noqa: PYI034
        """Use as a context manager to close at the end."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self.aclose()

    async def _follow(self, twins: Any, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._call(twins.renew())

    async def _call(self, call: Steps[T]) -> T:
        """Carry out the steps of a call; raises `HotseatError`."""
        got: Any = None
        try:
            while True:
                step = call.send(got)
                try:
                    got = await self._carry_out(step)
                except HotseatError as error:
                    got = error
        except StopIteration as end:
            answer: T = end.value
            return answer
        finally:
            call.close()

    async def _carry_out(self, step: Send | Pause | Work) -> Any:
        if isinstance(step, Pause):
            return await self._sleep(step.seconds)
        if isinstance(step, Work):
            return await asyncio.to_thread(step.job)
        return await self._send(step)

    async def _send(self, step: Send) -> Response:
        began = self._core.clock()
        keys: Mapping[str, str]
        token = self._core.keys.token
        if token is not None:
            keys = await _fetched(token, step.timeout)
        else:
            keys = headers(self._core.keys, step.request)
        left = step.timeout - (self._core.clock() - began)
        if left <= 0:
            raise TokenError("api_key or auth took all the time")
        return await self._transport.send(step.request.signed(keys), left)


async def _fetched(token: Callable[[], Any], timeout: float) -> Mapping[str, str]:
    try:
        got = token()
        if inspect.isawaitable(got):
            got = await asyncio.wait_for(got, timeout)
        return bearer(got)
    except HotseatError:
        raise
    except (asyncio.TimeoutError, TimeoutError):
        raise TokenError("api_key took all the time") from None
    except Exception as error:  # noqa: BLE001 (the caller's, as in `_keys.headers`)
        raise TokenError(
            f"no key could be had: {type(error).__name__} in api_key"
        ) from None
