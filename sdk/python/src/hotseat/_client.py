"""The client of a model service."""

import os
import random
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from hotseat import _answer, _inference_request
from hotseat._address import part
from hotseat._alias_refresh import AliasRefresher
from hotseat._batcher import BATCH, WINDOW, Batcher
from hotseat._closing import Closing
from hotseat._core import DEADLINE, ClientOptions, Core
from hotseat._events import EventStream
from hotseat._inference_request import (
    RAISE,
    InferenceRequest,
    inference_request,
    input_list,
)
from hotseat._json import to_json
from hotseat._keys import Auth
from hotseat._say import TextStream, ThreadTicket
from hotseat._say_methods import SayMethods
from hotseat._say_request import SayRequest
from hotseat._steps import Call
from hotseat._submit import Input, TicketMethods
from hotseat._sync_driver import SyncDriver, answer_tickets
from hotseat._text_ticket import OpenTickets, TextTicket
from hotseat._ticket import Ticket
from hotseat._transport import HttpTransport, Transport
from hotseat._types import Download, Model, Prediction
from hotseat.errors import BadInputError, ConfigError, HotseatError


class ModelServiceClient(
    TicketMethods[Ticket], SayMethods[TextStream, TextTicket], Closing
):
    """A client of a model service. Safe for several threads.

    `base_url` defaults to HOTSEAT_URL, else to the address of `hotseat serve`.
    `deadline` is the time limit of a call in seconds, including connecting and
    retries.

    `api_key` (default HOTSEAT_API_KEY) is sent as ``x-api-key``. If it is a function,
    each try calls it for a player's short-lived token, sent as
    ``authorization: Bearer``. `auth` signs requests instead, as `hotseat.sigv4.SigV4`.

    `cache_seconds` is the lifetime of cached classifications and regressions; 0 turns
    the cache off. `window` (seconds) and `batch` (inputs) limit the inputs that
    `submit` collects for one request. `proxy` is a URL, `ca_file` a file with
    certificates to trust in place of the system's, `user_agent` the game's own name.
    `hook` is called after every call.

    A client cannot be pickled. After a fork the child's copy has connections of its
    own; open tickets and downloads stay with the parent.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        deadline: float = DEADLINE,
        api_key: str | Callable[[], str] | None = None,
        auth: Auth | None = None,
        cache_seconds: float = 0.0,
        window: float = WINDOW,
        batch: int = BATCH,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        user_agent: str | None = None,
        hook: Callable[[Call], None] | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
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
        secure = self._core.base_url.startswith("https")

        def connect() -> Transport:
            return transport or HttpTransport(proxy, ca_file, secure=secure)

        self._connect = connect
        self._sleep, self._limits = sleep, (clock, window, batch)
        self._views: weakref.WeakSet[ModelServiceClient] = weakref.WeakSet()
        self._owner: ModelServiceClient | None = None
        self._begin(self._connect())
        _clients.add(self)

    def _begin(self, transport: Transport) -> None:
        """Create what works for the client: driver, threads, connections."""
        self._transport = transport
        self._driver = SyncDriver(self._core, transport, self._sleep)
        self._batcher = Batcher(
            partial(answer_tickets, self._core, self._driver), *self._limits
        )
        self._follower = AliasRefresher(self._renew)
        self._texts = OpenTickets()

    def with_options(
        self, *, deadline: float | None = None, retries: int | None = None
    ) -> "ModelServiceClient":
        """Return a client with other options over the same connections.

        `deadline` is in seconds, `retries` the most retries of a call. Cache, circuit
        breakers and downloads are shared; closing this client closes the other one,
        not the reverse. Raises `ConfigError`.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._core = self._core.with_options(deadline, retries)
        view._owner = self
        view._views = weakref.WeakSet()
        view._begin(self._transport)
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
        raise TypeError("a ModelServiceClient cannot be pickled: make one a process")

    def __repr__(self) -> str:
        """Show the service, never the key."""
        return f"ModelServiceClient({self.base_url!r})"

    def predict(
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
        """Predict one input: a text, an encoded image, named features, a board.

        `model` defaults to the service's default model; `version` is a number or an
        alias; `options` are temperature, seed and level. If no answer comes, returns
        a prediction with `default`, if given; bad input and a wrong configuration
        raise anyway.

        Raises `HotseatError`.
        """
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        return self._driver.call(self._core.answer(request, input, default))

    def predict_many(
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
        """Predict many inputs in one request; answers keep their order.

        `default` replaces each answer, as in `predict`. Raises `HotseatError`.
        """
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        rows = [to_json(row) for row in input_list(inputs)]
        return self._driver.call(self._core.answers(request, rows, default))

    def explain(
        self,
        input: Input,  # noqa: A002 (as on the wire)
        *,
        model: str,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = RAISE,
    ) -> Prediction:
        """Explain a prediction: return it with `parts` and their weights.

        Raises as `predict` does.
        """
        request = inference_request(
            "explain", model, version, None, player_id, deadline
        )
        return self._driver.call(self._core.answer(request, input, default))

    def choose(
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
        """Choose a policy's action: `action`, and the probability of each legal one.

        `level` is one of the model's strengths; `legal` lists the legal actions.
        `default` is the action to use if no answer comes. Raises as `predict` does.
        """
        options = {"level": level, "temperature": temperature, "seed": seed}
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        instead = str(default) if isinstance(default, int) else default
        position = _inference_request.board_input(board, legal)
        return self._driver.call(self._core.answer(request, position, instead))

    def generate(
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
        """Generate an `item`; the same `seed` and wishes repeat it.

        `default` is a list of rows. Raises as `predict` does.
        """
        request = inference_request(
            "predict", model, version, {"seed": seed}, player_id, deadline
        )
        call = self._core.answer(request, dict(wishes or {}), default)
        return self._driver.call(call)

    def stream(
        self,
        verb: str,
        body: Mapping[str, Any],
        *,
        model: str,
        version: int | str | None = None,
        deadline: float | None = None,
    ) -> EventStream:
        """Ask a model for server-sent events; return them as an iterator.

        `verb` is such as "generate"; `say` is for texts. The deadline counts to the end
        of the stream. Only a start that fails is retried. Raises `HotseatError`.
        """
        call = self._core.stream(verb, body, model, version, deadline)
        return EventStream(self._driver.call(call))

    def _say(self, request: SayRequest) -> TextStream:
        return TextStream(self._core, self._driver, request)

    def _submit_say(self, request: SayRequest) -> TextTicket:
        ticket = ThreadTicket(self._say(request))
        self._texts.add(ticket)
        return ticket

    def models(self, *, deadline: float | None = None) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(self._driver.call(self._core.get("/v1/models", deadline)))

    def card(self, model: str, *, deadline: float | None = None) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        path = f"/v1/models/{part(model)}"
        return _answer.model(self._driver.call(self._core.get(path, deadline)))

    def ready(self, *, deadline: float | None = None) -> bool:
        """Whether the service answers and has a model loaded."""
        try:
            call = self._core.get("/v2/health/ready", deadline)
            return self._driver.call(call).get("ready") is True
        except HotseatError:
            return False

    def download(
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
        """Download a version to this device, for answers while the service is away.

        `reference` is ``connect-four#live`` or ``connect-four@3``. It waits at most
        `deadline` seconds, until the version is downloaded, verified and warm; if the
        service is away, it uses the last download. Afterwards it refreshes an alias in
        the background every `refresh` seconds (0: never).

        `folder` defaults to one in the system's cache folder. `trust` lists files with
        public keys (PEM), one of which must have signed the version, and
        `trust_threshold` of which the signed head, where the service has one: then an
        older version put back, a revoked one, and a head that expired a week ago are
        refused. With `signed_head` it may not be missing.

        Raises `HotseatError`: `ConfigError` without the extra (``hotseat[offline]``).
        """
        models = self._core.offline()
        keys = models.trust(trust, trust_threshold, heads=signed_head)
        version = self._driver.call(models.bring(reference, folder, keys, deadline))
        self._follower.every(refresh)
        return version

    def close(self) -> None:
        """Cancel open tickets and calls at once, and close connections."""
        for view in list(self._views):
            view.close()
        self._follower.stop()
        self._batcher.close()
        self._texts.close()
        if self._owner is None:
            self._transport.close()

    def _submit(self, request: InferenceRequest, value: Any) -> Ticket:
        try:
            row = to_json(value)
        except BadInputError as error:  # a text that cannot be sent
            ticket = Ticket()
            ticket.settle(None, error)
            return ticket
        cached = self._core.cached(request, row)
        if cached is not None:
            return Ticket.settled(cached)
        return self._batcher.submit(row, request, self._core.allowed(request))

    def _renew(self) -> None:
        if self._core.offline_models is not None:
            self._driver.call(self._core.offline_models.renew())

    def _after_fork(self) -> None:
        forked = self._batcher  # threads and connections are the parent's
        self._core.renew()
        self._begin(self._connect() if self._owner is None else self._owner._transport)  # noqa: SLF001
        forked.close("the process was forked: the parent has the ticket")
        for view in list(self._views):
            view._after_fork()  # noqa: SLF001 (its own class)


_clients: "weakref.WeakSet[ModelServiceClient]" = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_clients):
        client._after_fork()  # noqa: SLF001 (the module's own class)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
