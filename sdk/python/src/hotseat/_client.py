"""The client of a model service."""

import json
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from hotseat import _answer
from hotseat._address import base, part, path_of
from hotseat._guard import Guard
from hotseat._steps import Call, Pause, steps
from hotseat._ticket import Desk, Question, Ticket, frozen
from hotseat._transport import HttpTransport, Request, Response, Transport
from hotseat._types import Model, Prediction
from hotseat.errors import BadInputError, ConfigError, HotseatError

BASE_URL = "http://localhost:8080"
"""Where `hotseat serve` listens."""
DEADLINE = 2.0
_DAY = 86_400.0

_RAISE: Any = object()  # no default was given


class ModelServiceClient:
    """Asks a model service. Safe for several threads.

    `base_url` is by default HOTSEAT_URL, else where `hotseat serve` listens.
    `deadline` is the seconds a call may take, with connecting and retries.
    `api_key` (default HOTSEAT_API_KEY) goes as ``x-api-key``; where it is a function,
    it is called for each call and returns a player's short-lived token, which goes as
    ``authorization: Bearer``. `hook` hears of every call when it is over.

    A client belongs to the process that made it: it is neither pickled nor used after
    a fork.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        deadline: float = DEADLINE,
        api_key: str | Callable[[], str] | None = None,
        transport: Transport | None = None,
        hook: Callable[[Call], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base(base_url or os.environ.get("HOTSEAT_URL") or BASE_URL)
        if not deadline > 0:
            raise ConfigError(f"a deadline is more than 0 seconds, not {deadline!r}")
        self._deadline = _finite(deadline)
        self._token = api_key if callable(api_key) else None
        fixed = "" if callable(api_key) else api_key
        self._key = _sendable(fixed or os.environ.get("HOTSEAT_API_KEY") or "")
        self._transport = transport or HttpTransport()
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._hook = hook
        self._guard = Guard(clock)
        self._desk: Desk | None = None
        self._process = os.getpid()

    @property
    def openings(self) -> int:
        """How often the service was left alone because it failed."""
        return self._guard.openings

    def __reduce__(self) -> Any:
        """Refuse to be pickled: connections and keys do not travel."""
        raise TypeError("a ModelServiceClient cannot be pickled: make one a process")

    def __repr__(self) -> str:
        """Name the service, never the key."""
        return f"ModelServiceClient({self.base_url!r})"

    def predict(
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
        """Ask about one input: a text, named features, a board.

        `model` is by default the service's own default; `version` is a number or an
        alias; `options` are temperature, seed and level. With `default`, a prediction
        holding it is returned where no answer could be had; only bad input and a wrong
        configuration still raise.

        Raises `HotseatError`.
        """
        start = self._clock()
        # a named model's one input may have another name than "text"
        plain = model is None and isinstance(input, str)
        body = {"text": input} if plain else {"input": input}
        return self._one("predict", start, model, version, body, options, player_id,
                         deadline, default)  # fmt: skip

    def explain(
        self,
        input: str | Mapping[str, Any] | Sequence[Any],  # noqa: A002 (as on the wire)
        *,
        model: str,
        version: int | str | None = None,
        deadline: float | None = None,
    ) -> Prediction:
        """Ask why: the prediction, with `parts` and what each of them weighs.

        Raises `HotseatError`.
        """
        start = self._clock()
        return self._one("explain", start, model, version, {"input": input}, None, None,
                         deadline, _RAISE)  # fmt: skip

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
        default: Any = _RAISE,
    ) -> Prediction:
        """Ask a policy what to do: `action`, and every legal one's probability.

        `level` is a strength that the model names; `legal` are the actions that the
        game allows here. A `default` is the action to take where no answer could be
        had. Raises as `predict` does.
        """
        start = self._clock()
        given: dict[str, Any] = {"board": board}
        if legal is not None:
            given["legal"] = list(legal)
        options = {"level": level, "temperature": temperature, "seed": seed}
        found = self._one("predict", start, model, version, {"input": given},
                          {k: v for k, v in options.items() if v is not None},
                          player_id, deadline, default)  # fmt: skip
        return replace(found, action=str(default)) if found.is_default else found

    def generate(
        self,
        wishes: Mapping[str, Any] | None = None,
        *,
        model: str,
        version: int | str | None = None,
        seed: int | None = None,
        deadline: float | None = None,
        default: Any = _RAISE,
    ) -> Prediction:
        """Ask for a generated `item`; the same `seed` and wishes give the same one.

        A `default` is the item to take where none could be had. Raises as `predict`.
        """
        start = self._clock()
        options = {} if seed is None else {"seed": seed}
        found = self._one("predict", start, model, version,
                          {"input": dict(wishes or {})}, options, None, deadline,
                          default)  # fmt: skip
        return replace(found, item=tuple(default)) if found.is_default else found

    def submit(
        self,
        input: str | Mapping[str, Any] | Sequence[Any],  # noqa: A002 (as on the wire)
        *,
        model: str | None = None,
        version: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
    ) -> Ticket:
        """Ask without waiting, from a game loop; look at the ticket in later frames.

        What is submitted within a few milliseconds goes in one request.
        """
        self._here()
        if self._desk is None:
            self._desk = Desk(self._answer_tickets)
        question = Question(model, version, frozen(options or {}), player_id, deadline)
        return self._desk.submit(input, question)

    def predict_many(
        self,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | str | None = None,
        player_id: str | None = None,
        deadline: float | None = None,
        default: Any = _RAISE,
    ) -> list[Prediction]:
        """Ask about many inputs in one request; answers come in their order.

        `default` is given for each input, as by `predict`. Raises `HotseatError`.
        """
        if isinstance(inputs, str):
            raise ConfigError("inputs is a list of texts, not one text: use predict")
        start = self._clock()
        rows = list(inputs)
        body = {"inputs": rows}
        try:
            answer = self._ask("predict", model, version, body, player_id, deadline)
            return _answer.predictions(answer, len(rows), self._clock() - start)
        except (ConfigError, BadInputError):
            raise
        except HotseatError:
            if default is _RAISE:
                raise
            return [stand_in(default, self._clock() - start) for _ in rows]

    def models(self) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(self._call("GET", "/v1/models"))

    def card(self, model: str) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        return _answer.model(self._call("GET", f"/v1/models/{part(model)}"))

    def ready(self) -> bool:
        """Whether the service answers and has a model to ask."""
        try:
            return bool(self._call("GET", "/v2/health/ready")["ready"])
        except (HotseatError, KeyError):
            return False

    def close(self) -> None:
        """Cancel open tickets and give back connections."""
        if self._desk is not None:
            self._desk.close()
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

    def _one(
        self,
        verb: str,
        start: float,
        model: str | None,
        version: int | str | None,
        body: dict[str, Any],
        options: Mapping[str, Any] | None,
        player_id: str | None,
        deadline: float | None,
        default: Any,
    ) -> Prediction:
        """Ask about one input, with a default for when nobody answers."""
        if options:
            body["options"] = dict(options)
        try:
            answer = self._ask(verb, model, version, body, player_id, deadline)
            return _answer.prediction(answer, self._clock() - start)
        except (ConfigError, BadInputError):
            raise
        except HotseatError:
            if default is _RAISE:
                raise
            return stand_in(default, self._clock() - start)

    def _answer_tickets(self, rows: list[Any], asked: Question) -> list[Prediction]:
        """Ask about the inputs of several tickets at once."""
        body: dict[str, Any] = {"inputs": rows}
        if asked.options:
            body["options"] = dict(asked.options)
        start = self._clock()
        answer = self._ask("predict", asked.model, asked.version, body,
                           asked.player_id, asked.deadline)  # fmt: skip
        return _answer.predictions(answer, len(rows), self._clock() - start)

    def _ask(
        self,
        verb: str,
        model: str | None,
        version: int | str | None,
        body: dict[str, Any],
        player_id: str | None,
        deadline: float | None,
    ) -> dict[str, Any]:
        path = path_of(verb, model, version)
        if player_id is not None:
            body["player_id"] = player_id
        return self._call("POST", path, body, deadline)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """Carry out the steps of a call; raises `HotseatError`."""
        self._here()
        call = steps(
            self._request(method, path, body),
            path,
            self._allowed(deadline),
            clock=self._clock,
            random=self._random,
            guard=self._guard,
            hook=self._hook,
        )
        got: Response | HotseatError | None = None
        try:
            while True:
                step = call.send(got)
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    got = None
                    continue
                try:
                    got = self._transport.send(step.request, step.timeout)
                except HotseatError as error:
                    got = error
        except StopIteration as end:
            answer: dict[str, Any] = end.value
            return answer
        finally:
            call.close()

    def _allowed(self, deadline: float | None) -> float:
        return self._deadline if deadline is None else _finite(deadline)

    def _here(self) -> None:
        if os.getpid() != self._process:
            raise ConfigError(
                "this client was made before a fork: make one in each process"
            )

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> Request:
        headers = {"accept": "application/json", "user-agent": "hotseat-python"}
        if self._token is not None:
            headers["authorization"] = f"Bearer {_sendable(self._token())}"
        elif self._key:
            headers["x-api-key"] = self._key
        data = None
        if body is not None:
            headers["content-type"] = "application/json"
            # the same for every try of this call, so that nothing is counted twice
            headers["idempotency-key"] = uuid.uuid4().hex
            try:
                data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError, RecursionError) as error:
                raise ConfigError(f"the input is not JSON: {error}") from None
        return Request(method, self.base_url + path, headers, data)


def stand_in(default: Any, latency: float) -> Prediction:
    label = default if isinstance(default, str) else None
    return Prediction(label=label, value=default, latency=latency, is_default=True)


def _finite(seconds: float) -> float:
    if not seconds <= _DAY:  # NaN too
        raise ConfigError(f"a deadline is at most {_DAY:g} seconds, not {seconds!r}")
    return seconds


def _sendable(key: str) -> str:
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            "the API key has a character that no header can carry: is there a line "
            "break at its end?"
        )
    return key
