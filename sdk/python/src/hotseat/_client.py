"""The client of a model service."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from hotseat import _answer
from hotseat._address import part
from hotseat._core import RAISE, Core, one_input, rows_of
from hotseat._steps import Call, Pause, Steps
from hotseat._ticket import Desk, Question, Ticket, frozen
from hotseat._transport import HttpTransport, Response, Transport
from hotseat._types import Model, Prediction
from hotseat.errors import HotseatError

DEADLINE = 2.0


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
        self._core = Core(base_url, deadline, api_key, hook, clock, random)
        self._transport = transport or HttpTransport()
        self._sleep = sleep
        self._desk = Desk(self._answer_tickets)

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
        default: Any = RAISE,
    ) -> Prediction:
        """Ask about one input: a text, named features, a board.

        `model` is by default the service's own default; `version` is a number or an
        alias; `options` are temperature, seed and level. With `default`, a prediction
        holding it is returned where no answer could be had; only bad input and a wrong
        configuration still raise.

        Raises `HotseatError`.
        """
        body = one_input(input, model)
        return self._one("predict", model, version, body, options, player_id, deadline,
                         default)  # fmt: skip

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
        return self._one("explain", model, version, {"input": input}, None, None,
                         deadline, RAISE)  # fmt: skip

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
        given: dict[str, Any] = {"board": board}
        if legal is not None:
            given["legal"] = list(legal)
        options = {"level": level, "temperature": temperature, "seed": seed}
        found = self._one("predict", model, version, {"input": given},
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
        default: Any = RAISE,
    ) -> Prediction:
        """Ask for a generated `item`; the same `seed` and wishes give the same one.

        A `default` is the item to take where none could be had. Raises as `predict`.
        """
        options = {} if seed is None else {"seed": seed}
        found = self._one("predict", model, version,
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
        self._core.check_process()
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
        default: Any = RAISE,
    ) -> list[Prediction]:
        """Ask about many inputs in one request; answers come in their order.

        `default` is given for each input, as by `predict`. Raises `HotseatError`.
        """
        rows, start = rows_of(inputs), self._core.clock()
        try:
            answer = self._call(
                self._core.asking("predict", model, version, {"inputs": rows}, None,
                                  player_id, deadline)
            )  # fmt: skip
            return _answer.predictions(answer, len(rows), self._core.clock() - start)
        except HotseatError as error:
            return [self._core.instead(error, default, start) for _ in rows]

    def models(self) -> list[Model]:
        """Return the service's catalogue; raises `HotseatError`."""
        return _answer.models(self._call(self._core.calling("GET", "/v1/models")))

    def card(self, model: str) -> Model:
        """Return one model with signature and card; raises `HotseatError`."""
        path = f"/v1/models/{part(model)}"
        return _answer.model(self._call(self._core.calling("GET", path)))

    def ready(self) -> bool:
        """Whether the service answers and has a model to ask."""
        try:
            call = self._core.calling("GET", "/v2/health/ready")
            return bool(self._call(call)["ready"])
        except (HotseatError, KeyError):
            return False

    def close(self) -> None:
        """Cancel open tickets and give back connections."""
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
        model: str | None,
        version: int | str | None,
        body: dict[str, Any],
        options: Mapping[str, Any] | None,
        player_id: str | None,
        deadline: float | None,
        default: Any,
    ) -> Prediction:
        """Ask about one input, with a default for when nobody answers."""
        start = self._core.clock()
        try:
            answer = self._call(
                self._core.asking(verb, model, version, body, options, player_id,
                                  deadline)
            )  # fmt: skip
            return _answer.prediction(answer, self._core.clock() - start)
        except HotseatError as error:
            return self._core.instead(error, default, start)

    def _answer_tickets(self, rows: list[Any], asked: Question) -> list[Prediction]:
        """Ask about the inputs of several tickets at once."""
        start = self._core.clock()
        answer = self._call(
            self._core.asking("predict", asked.model, asked.version, {"inputs": rows},
                              dict(asked.options), asked.player_id, asked.deadline)
        )  # fmt: skip
        return _answer.predictions(answer, len(rows), self._core.clock() - start)

    def _call(self, call: Steps) -> dict[str, Any]:
        """Carry out the steps of a call; raises `HotseatError`."""
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
