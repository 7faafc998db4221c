"""The client of a model service."""

import os
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from hotseat import _answer, _inference_request
from hotseat._address import part
from hotseat._alias_refresh import AliasRefresher
from hotseat._batcher import BATCH, WINDOW, Batcher
from hotseat._core import DEADLINE, ClientOptions, Core
from hotseat._inference_request import (
    RAISE,
    InferenceRequest,
    inference_request,
    input_list,
    to_json,
)
from hotseat._keys import Auth
from hotseat._steps import Call
from hotseat._sync_driver import SyncDriver
from hotseat._ticket import Ticket
from hotseat._transport import HttpTransport, Transport
from hotseat._types import Download, Model, Prediction
from hotseat.errors import ConfigError, HotseatError

Input = str | Mapping[str, Any] | Sequence[Any]
"""A text, named features, a board."""


class ModelServiceClient:
    """Asks a model service. Safe for several threads.

    `base_url` is by default HOTSEAT_URL, else where `hotseat serve` listens.
    `deadline` is the seconds a call may take, with connecting and retries.

    `api_key` (default HOTSEAT_API_KEY) goes as ``x-api-key``; where it is a function,
    it is called for each try and returns a player's short-lived token, which goes as
    ``authorization: Bearer``. `auth` signs requests instead, as `hotseat.sigv4.SigV4`.

    `cache_seconds` is how long the answer of a classification or regression is taken
    for the same input again; 0 keeps none. `window` (seconds) and `batch` say what is
    submitted together and goes in one request. `proxy` is a URL, `ca_file` a file with
    certificates to trust in place of the system's, `user_agent` the game's own name.
    `hook` hears of every call when it is over.

    A client belongs to the process that made it: it is neither pickled nor used after
    a fork.
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
        self._transport = transport or HttpTransport(proxy, ca_file, secure=secure)
        self._driver = SyncDriver(self._core, self._transport, sleep)
        self._batcher = Batcher(self._answer_tickets, clock, window, batch)
        self._follower = AliasRefresher(self._renew)

    @property
    def base_url(self) -> str:
        """Where the service is."""
        return self._core.base_url

    @property
    def circuit_opened_count(self) -> int:
        """How often the circuit breaker opened because the service failed."""
        return self._core.breaker.opened_count

    @property
    def openings(self) -> int:
        """The old name of `circuit_opened_count`, for one release."""
        warnings.warn(
            "openings is now circuit_opened_count", DeprecationWarning, stacklevel=2
        )
        return self.circuit_opened_count

    def __reduce__(self) -> Any:
        """Refuse to be pickled: connections and keys do not travel."""
        raise TypeError("a ModelServiceClient cannot be pickled: make one a process")

    def __repr__(self) -> str:
        """Name the service, never the key."""
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
        """Ask about one input: a text, named features, a board.

        `model` is by default the service's own default; `version` is a number or an
        alias; `options` are temperature, seed and level. With `default`, a prediction
        holding it is returned where no answer could be had; only bad input and a wrong
        configuration still raise.

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
        """Ask about many inputs in one request; answers come in their order.

        `default` is given for each input, as by `predict`. Raises `HotseatError`.
        """
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        rows = [to_json(given) for given in input_list(inputs)]
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
        """Ask why: the prediction, with `parts` and what each of them weighs.

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
        """Ask a policy what to do: `action`, and every legal one's probability.

        `level` is a strength that the model names; `legal` are the actions that the
        game allows here. A `default` is the action to take where no answer could be
        had. Raises as `predict` does.
        """
        options = {"level": level, "temperature": temperature, "seed": seed}
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        instead = str(default) if isinstance(default, int) else default
        given = _inference_request.board_input(board, legal)
        return self._driver.call(self._core.answer(request, given, instead))

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
        """Ask for a generated `item`; the same `seed` and wishes give the same one.

        A `default` is the item to take, as its rows, where none could be had. Raises as
        `predict` does.
        """
        options = {"seed": seed}
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        return self._driver.call(
            self._core.answer(request, dict(wishes or {}), default)
        )

    def submit(
        self,
        input: Input,  # noqa: A002 (as on the wire)
        *,
        model: str | None = None,
        version: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> Ticket:
        """Ask without waiting, from a game loop; look at the ticket in later frames.

        What is submitted within `window` seconds goes in one request. Raises
        `ConfigError`; what goes wrong later is told by the ticket.
        """
        self._core.check_process()
        request = inference_request(
            "predict", model, version, options, player_id, deadline
        )
        given = to_json(input)
        kept = self._core.cached(request, given)
        if kept is not None:
            return Ticket.settled(kept)
        return self._batcher.submit(given, request, self._core.allowed(request))

    def models(self, *, deadline: float | None = None) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(self._driver.call(self._core.get("/v1/models", deadline)))

    def card(self, model: str, *, deadline: float | None = None) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        path = f"/v1/models/{part(model)}"
        return _answer.model(self._driver.call(self._core.get(path, deadline)))

    def ready(self, *, deadline: float | None = None) -> bool:
        """Whether the service answers and has a model to ask."""
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
        refresh: float = 60.0,
        deadline: float = 60.0,
    ) -> Download:
        """Bring a version to this device, to answer when the service is away.

        `reference` is ``connect-four#live`` or ``connect-four@3``. Call it from a
        loading screen: it waits, at most `deadline` seconds, until the version is here,
        checked and warm. Where the service is away it takes what was brought before.
        Then an alias is followed beside the game, every `refresh` seconds (0: not at
        all), and the version that answers is replaced by one that is whole, never by
        half of one.

        `folder` is by default one of this system's for caches. With `trust`, files with
        public keys (PEM), a version counts only if one of them signed it.

        Raises `HotseatError`: `ConfigError` where the extra is missing
        (``pip install hotseat[offline]``) or the version cannot run on a device.
        """
        models = self._core.offline()
        found = self._driver.call(models.bring(reference, folder, trust, deadline))
        self._follower.every(refresh)
        return found

    def close(self) -> None:
        """Cancel open tickets, stop following, and give back connections.

        After a fork it does nothing: what is open is the parent's.
        """
        if not self._core.is_ours:
            return
        self._follower.stop()
        self._batcher.close()
        self._transport.close()

    def __enter__(self) -> "ModelServiceClient":  # noqa: PYI034 (Self is 3.11)
        """Use as a context manager to close at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _answer_tickets(
        self, inputs: list[bytes], request: InferenceRequest, start: float
    ) -> list[Prediction]:
        """Ask about the inputs of several tickets at once."""
        return self._driver.call(self._core.answers(request, inputs, start=start))

    def _renew(self) -> None:
        if self._core.offline_models is not None:
            self._driver.call(self._core.offline_models.renew())
