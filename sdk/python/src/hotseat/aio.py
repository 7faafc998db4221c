"""The same client for asyncio, over httpx: ``pip install hotseat[async]``.

::

    async with AsyncModelServiceClient() as client:
        answers = await asyncio.gather(*(client.predict(line) for line in lines))

`submit` returns a ticket to await, or to check in later frames; inputs of a few
milliseconds share one request.
"""

import asyncio
import inspect
import os
import random
import time
import warnings
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hotseat import _answer, _inference_request
from hotseat._address import part
from hotseat._async_batcher import AsyncBatcher, AsyncTicket
from hotseat._async_say import AsyncTextStream, AsyncTextTicket
from hotseat._batcher import BATCH, WINDOW
from hotseat._closing import AsyncClosing
from hotseat._core import DEADLINE, ClientOptions, Core
from hotseat._effects import Effect, RunJob, SendRequest, Sleep, Steps
from hotseat._events import AsyncEventStream
from hotseat._httpx import AsyncTransport, HttpxTransport
from hotseat._inference_request import (
    RAISE,
    InferenceRequest,
    inference_request,
    input_list,
)
from hotseat._json import to_json
from hotseat._keys import Auth, bearer, headers
from hotseat._say_methods import SayMethods
from hotseat._say_request import SayRequest
from hotseat._steps import Call
from hotseat._submit import Input, TicketMethods
from hotseat._text_ticket import OpenTickets
from hotseat._transport import Response
from hotseat._types import Download, Model, Prediction
from hotseat.errors import (
    BadInputError,
    ConfigError,
    HotseatError,
    TokenError,
)

if TYPE_CHECKING:
    from hotseat._device.offline_model import OfflineModels

__all__ = ["AsyncModelServiceClient", "AsyncTransport", "HttpxTransport"]

T = TypeVar("T")


class AsyncModelServiceClient(
    TicketMethods[AsyncTicket],
    SayMethods[AsyncTextStream, AsyncTextTicket],
    AsyncClosing,
):
    """An asynchronous client with the options of `ModelServiceClient`.

    Its tickets can be awaited; submitting needs a running event loop.

    An `api_key` function may be asynchronous.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        deadline: float = DEADLINE,
        api_key: str | Callable[[], str | Awaitable[str]] | None = None,
        auth: Auth | None = None,
        cache_seconds: float = 0.0,
        window: float = WINDOW,
        batch: int = BATCH,
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
            ClientOptions(
                base_url, deadline, api_key, auth, cache_seconds, user_agent, hook,
                clock, random,
            )
        )  # fmt: skip
        if transport is not None and (proxy or ca_file):
            raise ConfigError(
                "pass proxy and ca_file to your transport, not to the client"
            )
        self._transport = transport or HttpxTransport(proxy, ca_file)
        self._sleep = sleep
        self._follower: asyncio.Task[None] | None = None
        self._limits = clock, window, batch
        self._batcher = AsyncBatcher(self._answer_tickets, *self._limits)
        self._texts = OpenTickets()
        self._views: weakref.WeakSet[AsyncModelServiceClient] = weakref.WeakSet()
        self._owner: AsyncModelServiceClient | None = None

    def with_options(
        self, *, deadline: float | None = None, retries: int | None = None
    ) -> "AsyncModelServiceClient":
        """See `ModelServiceClient.with_options`."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._core = self._core.with_options(deadline, retries)
        view._follower = None
        view._batcher = AsyncBatcher(view._answer_tickets, *self._limits)
        view._texts = OpenTickets()
        view._views = weakref.WeakSet()
        view._owner = self
        self._views.add(view)
        return view

    @property
    def base_url(self) -> str:
        """The base URL of the service."""
        return self._core.base_url

    @property
    def circuit_opened_count(self) -> int:
        """The number of times the circuit breaker opened because the service failed."""
        return self._core.breakers.opened_count

    @property
    def openings(self) -> int:
        """The old name of `circuit_opened_count`, for one release."""
        warnings.warn(
            "openings is now circuit_opened_count", DeprecationWarning, stacklevel=2
        )
        return self.circuit_opened_count

    def __reduce__(self) -> Any:
        """Raise `TypeError`: connections and keys cannot be pickled."""
        raise TypeError(
            "an AsyncModelServiceClient cannot be pickled: make one a process"
        )

    def __repr__(self) -> str:
        """Show the service, never the key."""
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
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        return await self._call(self._core.answer(request, input, default))

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
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        rows = [to_json(row) for row in input_list(inputs)]
        return await self._call(self._core.answers(request, rows, default))

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
        request = inference_request(
            "explain", model, version, None, player_id, deadline
        )
        return await self._call(self._core.answer(request, input, default))

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
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        instead = str(default) if isinstance(default, int) else default
        position = _inference_request.board_input(board, legal)
        return await self._call(self._core.answer(request, position, instead))

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
        request = inference_request(
            "predict", model, version, {"seed": seed}, player_id, deadline
        )
        return await self._call(self._core.answer(request, dict(wishes or {}), default))

    def _submit(self, request: InferenceRequest, value: Any) -> AsyncTicket:
        ticket = AsyncTicket(asyncio.get_running_loop().create_future())
        try:
            row = to_json(value)
        except BadInputError as error:  # a text that cannot be sent
            ticket.settle(None, error)
            return ticket
        cached = self._core.cached(request, row)
        if cached is not None:
            ticket.settle(cached, None)
            return ticket
        return self._batcher.submit(row, request)

    async def _answer_tickets(
        self, inputs: list[bytes], request: InferenceRequest, start: float
    ) -> list[Prediction]:
        if request.verb == "predict":
            return await self._call(self._core.answers(request, inputs, start=start))
        calls = [
            self._call(self._core.answers(request, [row], many=False, start=start))
            for row in inputs
        ]
        return [answer for (answer,) in await asyncio.gather(*calls)]

    async def stream(
        self,
        verb: str,
        body: Mapping[str, Any],
        *,
        model: str,
        version: int | str | None = None,
        deadline: float | None = None,
    ) -> AsyncEventStream:
        """See `ModelServiceClient.stream`; returns an asynchronous iterator."""
        call = self._core.stream(verb, body, model, version, deadline)
        return AsyncEventStream(await self._call(call))

    def _say(self, request: SayRequest) -> AsyncTextStream:
        return AsyncTextStream(self._open_text, request, self._core)

    def _submit_say(self, request: SayRequest) -> AsyncTextTicket:
        self._texts.add(ticket := AsyncTextTicket(self._say(request)))
        return ticket

    async def _open_text(self, request: SayRequest, body: bytes) -> Response:
        seconds = self._core.seconds_for_text(request)
        of = request.model, request.version, seconds
        return await self._call(self._core.stream("generate", body, *of))

    async def models(self, *, deadline: float | None = None) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(await self._call(self._core.get("/v1/models", deadline)))

    async def card(self, model: str, *, deadline: float | None = None) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        path = f"/v1/models/{part(model)}"
        return _answer.model(await self._call(self._core.get(path, deadline)))

    async def ready(self, *, deadline: float | None = None) -> bool:
        """Whether the service answers and has a model loaded."""
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
        trust_threshold: int = 1,
        signed_head: bool = False,
        refresh: float = 60.0,
        deadline: float = 60.0,
    ) -> Download:
        """See `ModelServiceClient.download`."""
        models = self._core.offline()
        keys = models.trust(trust, trust_threshold, heads=signed_head)
        version = await self._call(models.bring(reference, folder, keys, deadline))
        if refresh and self._follower is None:
            self._follower = asyncio.create_task(self._follow(models, refresh))
        return version

    async def aclose(self) -> None:
        """Cancel open tickets, stop refreshing aliases, and close connections."""
        for view in list(self._views):
            await view.aclose()
        self._batcher.close()
        self._texts.close()
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait([self._follower])
        if self._owner is None:
            await self._transport.aclose()

    async def _follow(self, models: "OfflineModels", seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._call(models.renew())

    async def _call(self, call: Steps[T]) -> T:
        """Run a call to its end; raises `HotseatError`."""
        got: Any = None
        try:
            while True:
                effect = call.send(got)
                try:
                    got = await self._run_effect(effect)
                except HotseatError as error:
                    got = error
        except StopIteration as end:
            answer: T = end.value
            return answer
        finally:
            call.close()

    async def _run_effect(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            return await self._sleep(effect.seconds)
        if isinstance(effect, RunJob):
            return await asyncio.to_thread(effect.job)
        return await self._send(effect)

    async def _send(self, effect: SendRequest) -> Response:
        began = self._core.clock()
        keys: Mapping[str, str]
        token = self._core.keys.token
        if token is not None:
            keys = await _fetched(token, effect.timeout)
        else:
            keys = headers(self._core.keys, effect.request)
        left = effect.timeout - (self._core.clock() - began)
        if left <= 0:
            raise TokenError("api_key or auth took all the time")
        return await self._transport.send(effect.request.signed(keys), left)


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
    except Exception as error:  # noqa: BLE001 (the caller's error, as in `_keys.headers`)
        raise TokenError(f"no key: {type(error).__name__} in api_key") from None
