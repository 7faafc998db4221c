"""The core of both clients: the service's address, its keys and the rules of a call."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hotseat import _answer, _keys
from hotseat._address import base, path_of
from hotseat._cache import ResponseCache
from hotseat._canned_lines import CannedLines
from hotseat._circuit_breaker import CircuitBreakers
from hotseat._effects import RunJob, Steps
from hotseat._events import opened
from hotseat._inference_request import RAISE, InferenceRequest
from hotseat._json import to_json
from hotseat._say_request import SayRequest
from hotseat._steps import Call, CallSettings, steps
from hotseat._transport import Request, Response
from hotseat._types import Prediction
from hotseat._version import __version__
from hotseat._warning_log import WarningLog, log_to_stderr
from hotseat.errors import (
    BadInputError,
    ConfigError,
    HotseatError,
    is_away,
)

if TYPE_CHECKING:
    from hotseat._device.offline_model import OfflineModels
    from hotseat._device.text.text_graph import DeviceEvents

BASE_URL = "http://localhost:8080"
"""The default address of `hotseat serve`."""
DEADLINE = 2.0
_DAY = 86_400.0
_NOTED = 256
log = logging.getLogger("hotseat")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Options of a client."""

    base_url: str | None
    deadline: float
    api_key: str | Callable[[], Any] | None
    auth: _keys.Auth | None
    cache_seconds: float
    user_agent: str | None
    hook: Callable[[Call], None] | None
    clock: Callable[[], float]
    random: Callable[[], float]


class Core:
    """The state of one client of one service, in one process."""

    def __init__(self, options: ClientOptions) -> None:
        env = os.environ
        self.base_url = base(options.base_url or env.get("HOTSEAT_URL") or BASE_URL)
        self.clock = options.clock
        self.breakers = CircuitBreakers(options.clock)
        self.keys = _keys.Keys(
            options.api_key, options.auth, env.get("HOTSEAT_API_KEY") or ""
        )
        if not 0 <= options.cache_seconds <= _DAY:
            raise ConfigError(
                f"cache_seconds is from 0 to {_DAY:g}, not {options.cache_seconds!r}"
            )
        self.cache = ResponseCache(options.cache_seconds, options.clock)
        self.canned_lines = CannedLines()
        self.offline_models: OfflineModels | None = None
        self._warning_log = WarningLog()
        if not options.deadline > 0:
            raise ConfigError(
                f"a deadline is more than 0 seconds, not {options.deadline!r}"
            )
        self._deadline = _finite(options.deadline)
        self._settings = CallSettings(
            options.clock, options.random, options.hook, self._deadline,
            renews_keys=self.keys.are_renewed,
        )  # fmt: skip
        product = f"hotseat-python/{__version__}"
        agent = f"{options.user_agent} {product}" if options.user_agent else product
        self._headers = {
            "accept": "application/json",
            "user-agent": _keys.sendable(agent, "user_agent"),
        }
        self._replaced: set[tuple[str | None, str, str | None]] = set()
        if env.get("HOTSEAT_LOG"):
            log_to_stderr(env["HOTSEAT_LOG"])

    def with_options(self, deadline: float | None, retries: int | None) -> "Core":
        """Return a core with another deadline and number of retries, else the same."""
        if deadline is not None and not deadline > 0:
            raise ConfigError(f"a deadline is more than 0 seconds, not {deadline!r}")
        if retries is not None and retries < 0:
            raise ConfigError(f"retries is 0 or more, not {retries!r}")
        other = copy(self)
        other.change_options(
            self._deadline if deadline is None else _finite(deadline),
            self._settings.retries if retries is None else retries,
        )
        return other

    def change_options(self, deadline: float, retries: int | None) -> None:
        """Replace two options, before the first call."""
        self._deadline = deadline
        self._settings = replace(self._settings, deadline=deadline, retries=retries)

    def renew(self) -> None:
        """Replace what a forked process cannot use: locks and offline models."""
        self.breakers = CircuitBreakers(self.clock)
        self.cache = ResponseCache(self.cache.seconds, self.clock)
        self._warning_log = WarningLog()
        self.offline_models = None

    def allowed(self, request: InferenceRequest) -> float:
        """Return the time limit of a request in seconds; raises `ConfigError`."""
        deadline = request.deadline
        return self._deadline if deadline is None else _finite(deadline)

    def answer(
        self, request: InferenceRequest, value: Any, default: Any = RAISE
    ) -> Steps[Prediction]:
        """Return the steps to the answer to one input; raises `HotseatError`."""
        try:
            inputs = [to_json(value)]
        except BadInputError as error:
            if default is RAISE:
                raise
            self._note(request, error)
            return _answer.stand_in(default, 0.0, error)
        answers = yield from self.answers(request, inputs, default, many=False)
        return answers[0]

    def answers(
        self,
        request: InferenceRequest,
        inputs: Sequence[bytes],
        default: Any = RAISE,
        *,
        many: bool = True,
        start: float | None = None,
    ) -> Steps[list[Prediction]]:
        """Return the steps to an answer for each input; raises `HotseatError`.

        Tries the cache, the service, the offline model and the default, in this order.
        """
        start = self.clock() if start is None else start
        cached = [self.cached(request, row) for row in inputs]
        uncached = [r for r, hit in zip(inputs, cached, strict=True) if hit is None]
        if not uncached:
            return [hit for hit in cached if hit is not None]
        try:
            fresh = yield from self._send(request, uncached, start, many=many)
        except HotseatError as error:
            fresh = yield from self._fall_back(
                request, uncached, error, default, start, many=many
            )
        answers = iter(fresh)
        return [hit or next(answers) for hit in cached]

    def cached(self, request: InferenceRequest, row: bytes) -> Prediction | None:
        """Return a cached answer that has not expired, marked with its source."""
        hit = self.cache.get(request, row)
        return hit and replace(hit, source="cache", latency=0.0, cold=False)

    def get(self, path: str, deadline: float | None = None) -> Steps[dict[str, Any]]:
        """Return the steps of a GET of a path; raises `HotseatError`."""
        return self.call("GET", path, None, deadline, _answer.read)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float | None,
        read: Callable[[Response], T],
        *,
        start: float | None = None,
        headers: Mapping[str, str] | None = None,
        model: str | None = None,
        streams: bool = False,
    ) -> Steps[T]:
        """Return the steps of a call; raises `ConfigError`.

        `model` is whose circuit breaker decides; `streams`, whether the answer is read
        as it comes.
        """
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
            # the same for every try of a call, so that the service counts it once
            sent["idempotency-key"] = os.urandom(16).hex()
        return steps(
            Request(method, self.base_url + path, sent, body, streams),
            path,
            self.clock() if start is None else start,
            self._deadline if deadline is None else _finite(deadline),
            self._settings,
            read,
            self.breakers.of(model),
        )

    def stream(
        self,
        verb: str,
        body: Mapping[str, Any] | bytes,
        model: str,
        version: int | str | None,
        deadline: float | None,
    ) -> Steps[Response]:
        """Return the steps until the head of a stream of events has come."""
        sent = body if isinstance(body, bytes) else to_json(body)
        path = path_of(verb, model, version)
        return self.call(
            "POST", path, sent, deadline, opened, model=model, streams=True,
            headers={"accept": "text/event-stream"},
        )  # fmt: skip

    def text_on_device(
        self, request: SayRequest, error: HotseatError, seconds: float
    ) -> "DeviceEvents | None":
        """Return the events of a text written here, after `error` of the service.

        None if the service is not away, or no offline model fits.
        """
        models, body = self.offline_models, request.body
        if models is None or isinstance(body, HotseatError) or not is_away(error):
            return None
        return models.text(request.model, request.version, body, seconds)

    def seconds_for_text(self, request: SayRequest) -> float:
        """Return the time of the service: it leaves some for the offline model."""
        allowed = request.deadline
        if self.offline_models is None:
            return allowed
        own = self.offline_models.seconds_of_text(request.model, request.version)
        return allowed - min(allowed / 2, own)

    def offline(self) -> "OfflineModels":
        """Return the offline models; raises `ConfigError`."""
        if self.offline_models is None:
            try:  # imported late: it needs the extra `offline`
                from hotseat._device.offline_model import OfflineModels
            except ModuleNotFoundError as error:
                raise ConfigError(
                    f"download needs {error.name}: pip install hotseat[offline]"
                ) from None
            self.offline_models = OfflineModels(self)
        return self.offline_models

    def _send(
        self,
        request: InferenceRequest,
        inputs: Sequence[bytes],
        start: float,
        *,
        many: bool,
    ) -> Steps[list[Prediction]]:
        path = path_of(request.verb, request.model, request.version)
        allowed = self.allowed(request)
        if self.offline_models is not None:  # leave time for the offline model
            allowed -= min(allowed / 2, self.offline_models.seconds(request))
        answer = yield from self.call(
            "POST", path, request.body(inputs, many=many), allowed, _answer.read,
            start=start, model=request.model,
        )  # fmt: skip
        took = self.clock() - start
        try:
            if many:
                predictions = _answer.predictions(answer, len(inputs), took)
            else:
                predictions = [_answer.prediction(answer, took)]
        except HotseatError as error:
            error.request_id = str(answer.get("request_id") or "")
            raise
        self._warning_log.log(predictions)
        for row, prediction in zip(inputs, predictions, strict=True):
            self.cache.put(request, row, prediction)
        return predictions

    def _fall_back(
        self,
        request: InferenceRequest,
        inputs: Sequence[bytes],
        error: HotseatError,
        default: Any,
        start: float,
        *,
        many: bool,
    ) -> Steps[list[Prediction]]:
        """Answer from the offline model or the default; else raise `error`."""
        if self.offline_models is not None and is_away(error):
            models = self.offline_models
            result = yield RunJob(lambda: models.answer(request, inputs, many=many))
            if isinstance(result, HotseatError):
                error = result
            elif result is not None:
                took = self.clock() - start
                predictions = [
                    replace(_answer.prediction(answer, took), source="offline")
                    for answer in result
                ]
                self._warning_log.log(predictions)
                return predictions
        if default is RAISE or isinstance(error, ConfigError):
            raise error
        self._note(request, error)
        return [_answer.stand_in(default, self.clock() - start, error) for _ in inputs]

    def _note(self, request: InferenceRequest, error: HotseatError) -> None:
        """Log once that a default hides a refused input, which may be a bug."""
        if isinstance(error, BadInputError):
            key = (request.model, error.code, error.pointer)
            if key not in self._replaced and len(self._replaced) < _NOTED:
                self._replaced.add(key)
                log.warning("the default replaced an answer: %s", error)


def _finite(seconds: float) -> float:
    if not seconds <= _DAY:  # NaN too
        raise ConfigError(f"a deadline is at most {_DAY:g} seconds, not {seconds!r}")
    return seconds
